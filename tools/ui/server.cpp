#include "ui/server.h"

#include <fmt/format.h>
#include <httplib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "lineage/text.h"
#include "ui/events.h"
#include "ui/pages.h"
#include "ui/preview.h"

namespace artfs::ui {

namespace {

using HttpRequest = httplib::Request;
using HttpResponse = httplib::Response;

// Scripts and styles only from here; no page of others may frame, post to or be reached by ours.
constexpr const char* page_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; font-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";
// What a user's file may do when it is opened by itself: be looked at.
constexpr const char* file_policy = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

constexpr const char* json_type = "application/json; charset=utf-8";

// Takes the same time wherever the first difference is.
bool same_secret(const std::string& a, const std::string& b) {
    unsigned different = a.size() == b.size() ? 0 : 1;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
        different |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
    return different == 0;
}

std::string cookie_of(const HttpRequest& request, const std::string& name) {
    auto text = request.get_header_value("Cookie");
    for (std::size_t at = 0; at < text.size();) {
        auto end = std::min(text.find(';', at), text.size());
        auto part = text.substr(at, end - at);
        part.erase(0, part.find_first_not_of(' '));
        if (part.starts_with(name + "=")) return part.substr(name.size() + 1);
        at = end + 1;
    }
    return {};
}

int http_status(int exit) {
    switch (exit) {
        case exit_usage:
            return 400;
        case exit_not_found:
            return 404;
        case exit_refused:
            return 403;
        case exit_no:
            return 409;
        default:
            return 500;
    }
}

void refuse(HttpResponse& response, int status, int exit, const std::string& message) {
    response.status = status;
    Json document{{"error", {{"exit", exit}, {"message", lossy_utf8(message)}}}};
    response.set_content(document.dump(), json_type);
}

// As in an address; slashes stay.
std::string encoded(const std::string& text) {
    std::string out;
    for (unsigned char c : text) {
        bool plain = std::isalnum(c) != 0 ||
                     std::string_view("-._~/").find(static_cast<char>(c)) != std::string_view::npos;
        out += plain ? std::string(1, static_cast<char>(c)) : fmt::format("%{:02X}", c);
    }
    return out;
}

std::string pattern_of(const std::string& path) {
    std::string pattern;
    for (std::size_t at = 0; at < path.size();) {
        if (path[at] != '{') {
            pattern.push_back(path[at++]);
            continue;
        }
        pattern += "([^/]+)";
        at = path.find('}', at) + 1;
    }
    return pattern;
}

Request asked(const HttpRequest& http) {
    Request request;
    for (std::size_t i = 1; i < http.matches.size(); ++i) request.parts.push_back(http.matches[i]);
    for (const auto& [key, value] : http.params) request.query[key] = value;
    if (!http.body.empty()) request.body = Json::parse(http.body, nullptr, false);
    return request;
}

const PageFile* page_file(std::string_view path) {
    for (const auto& file : page_files())
        if (file.path == path) return &file;
    return nullptr;
}

std::string type_of(std::string_view path) {
    static const std::map<std::string, std::string> types{{".html", "text/html; charset=utf-8"},
                                                          {".js", "text/javascript; charset=utf-8"},
                                                          {".css", "text/css; charset=utf-8"},
                                                          {".svg", "image/svg+xml"},
                                                          {".json", json_type},
                                                          {".woff2", "font/woff2"}};
    auto found = types.find(std::string(path.substr(std::min(path.rfind('.'), path.size()))));
    return found == types.end() ? "application/octet-stream" : found->second;
}

void send_bytes(const Bytes& bytes, bool download, HttpResponse& response) {
    auto type = image_type(bytes.name);
    auto name = bytes.name.substr(bytes.name.rfind('/') + 1);
    response.set_header("Content-Security-Policy", file_policy);
    if (download || type.empty())
        response.set_header("Content-Disposition", "attachment; filename*=UTF-8''" + encoded(name));
    response.set_content_provider(
        bytes.length, type.empty() ? "application/octet-stream" : type,
        [bytes](std::size_t offset, std::size_t length, httplib::DataSink& sink) {
            char chunk[65536];
            auto got = pread(bytes.fd->get(), chunk, std::min(length, sizeof chunk),
                             static_cast<off_t>(bytes.offset + offset));
            return got > 0 && sink.write(chunk, static_cast<std::size_t>(got));
        });
}

}  // namespace

struct Server::State {
    const Place& place;
    std::string token;
    int port = 0;
    Watcher watcher;
    httplib::Server http;
    std::atomic<bool> ended = false;  // serving

    State(const Place& of, std::string secret) : place(of), token(std::move(secret)), watcher(of) {}

    std::string cookie_name() const { return "art-ui-" + std::to_string(port); }
    // A page elsewhere may point a name of its own at this machine (DNS rebinding).
    bool is_for_us(const HttpRequest& request) const {
        auto host = request.get_header_value("Host");
        auto end = ":" + std::to_string(port);
        return host == "127.0.0.1" + end || host == "localhost" + end;
    }
    bool is_allowed(const HttpRequest& request) const {
        auto header = request.get_header_value("Authorization");
        return same_secret(cookie_of(request, cookie_name()), token) ||
               same_secret(header, "Bearer " + token);
    }

    httplib::Server::HandlerResponse admit(const HttpRequest& request, HttpResponse& response);
    void answer(HttpResponse& response, const std::function<void()>& work) const;
    void add_routes();
    void add_pages();
    void page(const HttpRequest& request, HttpResponse& response) const;
};

httplib::Server::HandlerResponse Server::State::admit(const HttpRequest& request,
                                                      HttpResponse& response) {
    using Outcome = httplib::Server::HandlerResponse;
    if (!is_for_us(request)) {
        refuse(response, 403, exit_refused, "this server answers to its loopback address only");
        return Outcome::Handled;
    }
    if (request.path.starts_with("/api/")) {
        if (!is_allowed(request)) {
            refuse(response, 401, exit_refused,
                   "the token is missing or wrong: open the address that art ui printed");
            return Outcome::Handled;
        }
        auto origin = request.get_header_value("Origin");
        bool ours = origin.empty() || origin == "http://" + request.get_header_value("Host");
        if (request.method != "GET" && request.method != "HEAD" && !ours) {
            refuse(response, 403, exit_refused, "changes are taken from its own pages only");
            return Outcome::Handled;
        }
        return Outcome::Unhandled;
    }
    if (!request.has_param("token")) return Outcome::Unhandled;
    if (!same_secret(request.get_param_value("token"), token)) {
        response.status = 403;
        response.set_content(
            "The token in this address is wrong or old: open the address that `art ui` printed.\n",
            "text/plain; charset=utf-8");
        return Outcome::Handled;
    }
    // The token leaves the address, so that a copied link does not carry it.
    response.set_header("Set-Cookie",
                        cookie_name() + "=" + token + "; Path=/; HttpOnly; SameSite=Strict");
    bool names_page = request.path != "/" && !request.path.starts_with("//");
    std::string target = names_page ? request.path : "/p/" + place.site.project;
    std::string rest;
    for (const auto& [key, value] : request.params)
        if (key != "token")
            rest += (rest.empty() ? "?" : "&") + encoded(key) + "=" + encoded(value);
    response.set_redirect(encoded(target) + rest, 303);
    return Outcome::Handled;
}

void Server::State::answer(HttpResponse& response, const std::function<void()>& work) const {
    response.set_header("Cache-Control", "no-store");
    if (catalog_state(*place.store).empty())
        return refuse(response, 503, exit_failed,
                      "the store " + place.site.store.string() +
                          " went away: bring it back, or end art ui and start it anew");
    try {
        work();
    } catch (const Failure& failure) {
        refuse(response, http_status(failure.status), failure.status, failure.what());
    } catch (const std::exception& broken) {
        refuse(response, 500, exit_failed,
               std::string(broken.what()) + ": art fsck checks the store");
    }
}

void Server::State::add_routes() {
    for (const auto& route : routes()) {
        auto handler = [this, run = route.answer](const HttpRequest& request,
                                                  HttpResponse& response) {
            watcher.note_request();
            answer(response, [&] {
                auto document = run(place, asked(request));
                response.set_content(document.dump(-1, ' ', false, Json::error_handler_t::replace),
                                     json_type);
            });
        };
        auto pattern = pattern_of(route.path);
        std::string(route.method) == "GET" ? http.Get(pattern, handler)
                                           : http.Post(pattern, handler);
    }
    for (const auto& route : bytes_routes())
        http.Get(pattern_of(route.path), [this, run = route.answer](const HttpRequest& http_request,
                                                                    HttpResponse& response) {
            answer(response, [&] {
                auto request = asked(http_request);
                send_bytes(run(place, request), request.flag("download"), response);
            });
        });
    http.Get("/api/events", [this](const HttpRequest&, HttpResponse& response) {
        response.set_header("Cache-Control", "no-store");
        auto listener = watcher.listen();
        if (!listener) return refuse(response, 503, exit_refused, "too many pages are open");
        response.set_chunked_content_provider(
            "text/event-stream", [listener](std::size_t, httplib::DataSink& sink) {
                auto text = listener->next();
                if (text.empty()) {
                    sink.done();
                    return true;
                }
                return sink.is_writable() && sink.write(text.data(), text.size());
            });
    });
}

void Server::State::page(const HttpRequest& request, HttpResponse& response) const {
    const auto* file = page_file(request.path);
    bool is_asset = file != nullptr && request.path != "/index.html";
    if (file == nullptr) {
        bool known = request.path == "/" || request.path.starts_with("/p/");
        response.status = known ? 200 : 404;
        file = page_file("/index.html");
    }
    if (file == nullptr) return refuse(response, 404, exit_not_found, "there is no such page");
    // Names of assets change with their content.
    response.set_header("Cache-Control", is_asset ? "max-age=31536000, immutable" : "no-cache");
    response.set_content(file->bytes.data(), file->bytes.size(),
                         type_of(is_asset ? file->path : "/index.html"));
}

void Server::State::add_pages() {
    http.Get("/api/.*", [](const HttpRequest&, HttpResponse& response) {
        refuse(response, 404, exit_not_found, "no such request: /api/openapi.json lists them");
    });
    http.Get(".*", [this](const HttpRequest& request, HttpResponse& response) {
        page(request, response);
    });
}

Server::Server(const Place& place, std::string token, int port)
    : state_(std::make_unique<State>(place, std::move(token))) {
    auto& http = state_->http;
    // A page's stream of events keeps a thread, and so does an idle connection.
    http.new_task_queue = [] { return new httplib::ThreadPool(64); };
    http.set_keep_alive_max_count(1000);
    http.set_payload_max_length(std::size_t{1} << 20U);
    http.set_tcp_nodelay(true);
    // The library's own options let several servers share a port, and a browser find either.
    http.set_socket_options([](socket_t of) {
        int on = 1;
        setsockopt(of, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    });
    state_->port = port == 0 ? http.bind_to_any_port("127.0.0.1")
                             : (http.bind_to_port("127.0.0.1", port) ? port : -1);
    if (state_->port < 0)
        throw Failure(exit_refused, "port " + std::to_string(port) +
                                        " is taken: choose another with --port, or leave it out");
    http.set_pre_routing_handler([this](const HttpRequest& request, HttpResponse& response) {
        return state_->admit(request, response);
    });
    http.set_post_routing_handler([](const HttpRequest&, HttpResponse& response) {
        if (!response.has_header("Content-Security-Policy"))
            response.set_header("Content-Security-Policy", page_policy);
        response.set_header("X-Content-Type-Options", "nosniff");
        response.set_header("Referrer-Policy", "no-referrer");
        response.set_header("Cross-Origin-Opener-Policy", "same-origin");
        response.set_header("Cross-Origin-Resource-Policy", "same-origin");
    });
    state_->add_routes();
    http.Get("/api/openapi.json", [](const HttpRequest&, HttpResponse& response) {
        const auto* file = page_file("/api/openapi.json");
        response.set_content(file->bytes.data(), file->bytes.size(), json_type);
    });
    state_->add_pages();
}

Server::~Server() = default;

std::string Server::address() const {
    return fmt::format("http://127.0.0.1:{}/?token={}", state_->port, state_->token);
}

void Server::serve() {
    state_->http.listen_after_bind();
    state_->ended = true;
}

void Server::stop() {
    state_->watcher.stop();
    // Until it listens the library takes no notice of a stop.
    while (!state_->http.is_running() && !state_->ended)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    state_->http.stop();
}

std::string make_token() {
    unsigned char random[16];
    if (getrandom(random, sizeof random, 0) != sizeof random)
        throw Failure(exit_failed, "the kernel gives no random numbers");
    std::string token;
    for (auto byte : random) token += fmt::format("{:02x}", byte);
    return token;
}

}  // namespace artfs::ui
