#include "interrupt.h"

#include <csignal>

namespace artfs {

namespace {
volatile std::sig_atomic_t caught = 0;
}

void end_in_good_order() {
    for (int signal : {SIGINT, SIGTERM, SIGHUP}) {
        struct sigaction action {};
        action.sa_handler = [](int number) { caught = number; };
        sigaction(signal, &action, nullptr);
    }
}

bool interrupted() { return caught != 0; }

void fail_interrupted() { throw Failure(128 + caught, "interrupted: nothing was changed"); }

std::optional<nlohmann::json> ask_in_good_order(const Site& site, const nlohmann::json& request,
                                                Progress& bar) {
    try {
        return ask_daemon(site, request, [&](const nlohmann::json& at) {
            bar.show(at.at(0).get<std::uint64_t>(), at.at(1).get<std::uint64_t>());
        });
    } catch (const Failure&) {
        if (interrupted()) fail_interrupted();
        throw;
    }
}

}  // namespace artfs
