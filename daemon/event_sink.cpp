#include "event_sink.h"

#include <curl/curl.h>
#include <fcntl.h>

#include <cerrno>
#include <cstring>

#include "base/fd.h"

namespace artfs {

namespace {

class FileSink : public EventSink {
public:
    explicit FileSink(std::string path) : path_(std::move(path)) {}

    // Opened each time: whoever reads it may move it away.
    Delivery send(const std::string& event, std::string& why) override {
        auto file = open_file(path_, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK);
        auto written = file ? write_all(file->get(), event + "\n") : tl::unexpected(file.error());
        if (written) return Delivery::done;
        why = written.error().message;
        return Delivery::later;
    }

private:
    std::string path_;
};

constexpr long connect_patience_ms = 2000;
constexpr long patience_ms = 5000;

std::size_t ignore(char*, std::size_t size, std::size_t count, void*) { return size * count; }

class UrlSink : public EventSink {
public:
    explicit UrlSink(const std::string& url) {
        curl_global_init(CURL_GLOBAL_DEFAULT);
        curl_ = curl_easy_init();
        headers_ = curl_slist_append(nullptr, "Content-Type: application/json");
        if (curl_ == nullptr) return;
        curl_easy_setopt(curl_, CURLOPT_URL, url.c_str());
        curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, headers_);
        curl_easy_setopt(curl_, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl_, CURLOPT_CONNECTTIMEOUT_MS, connect_patience_ms);
        curl_easy_setopt(curl_, CURLOPT_TIMEOUT_MS, patience_ms);
        curl_easy_setopt(curl_, CURLOPT_WRITEFUNCTION, ignore);
        // Nowhere else: not to what an answer names, not to files.
        curl_easy_setopt(curl_, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(curl_, CURLOPT_FOLLOWLOCATION, 0L);
    }
    ~UrlSink() override {
        curl_easy_cleanup(curl_);
        curl_slist_free_all(headers_);
    }
    UrlSink(const UrlSink&) = delete;
    UrlSink& operator=(const UrlSink&) = delete;

    Delivery send(const std::string& event, std::string& why) override {
        constexpr long too_many = 429;
        if (curl_ == nullptr) return Delivery::later;
        curl_easy_setopt(curl_, CURLOPT_POSTFIELDSIZE, static_cast<long>(event.size()));
        curl_easy_setopt(curl_, CURLOPT_POSTFIELDS, event.c_str());
        auto result = curl_easy_perform(curl_);
        if (result != CURLE_OK) {
            why = curl_easy_strerror(result);
            return Delivery::later;
        }
        long status = 0;
        curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &status);
        if (status >= 200 && status < 300) return Delivery::done;
        why = "it answers " + std::to_string(status);
        return status >= 500 || status == too_many ? Delivery::later : Delivery::refused;
    }

private:
    CURL* curl_ = nullptr;
    curl_slist* headers_ = nullptr;
};

}  // namespace

std::unique_ptr<EventSink> open_event_sink(const std::string& target) {
    if (target.starts_with("http://") || target.starts_with("https://"))
        return std::make_unique<UrlSink>(target);
    constexpr std::string_view scheme = "file://";
    return std::make_unique<FileSink>(target.starts_with(scheme) ? target.substr(scheme.size())
                                                                 : target);
}

}  // namespace artfs
