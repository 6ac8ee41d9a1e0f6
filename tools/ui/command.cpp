// art ui.
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <thread>

#include "ui/pages.h"
#include "ui/server.h"

namespace artfs {

namespace {

int port_of(const Arguments& arguments) {
    auto text = arguments.text("port", "0");
    int port = -1;
    auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (bad != std::errc() || end != text.data() + text.size() || port < 0 || port > 65535)
        throw Failure(exit_usage, "--port takes a number from 0 (any free one) to 65535");
    return port;
}

void open_browser(const std::string& address) {
    std::string program = "xdg-open";
    std::string argument = address;
    char* words[] = {program.data(), argument.data(), nullptr};
    pid_t child = 0;
    if (posix_spawnp(&child, "xdg-open", nullptr, nullptr, words, environ) != 0)
        std::fprintf(stderr, "art: there is no xdg-open here: open the address yourself\n");
}

}  // namespace

int run_ui(const Arguments& arguments) {
    int port = port_of(arguments);
    if (ui::page_files().size() < 2)
        throw Failure(exit_refused,
                      "this art was built without its pages: install npm and build it again");
    ui::Place place;
    place.site = find_site(arguments);
    place.store = value_of(Store::create_or_open(place.site.store, Store::Access::read_only));
    place.index = std::make_unique<ui::IndexKeeper>(*place.store);
    // The signals that end it are taken by one thread, whatever the others are doing.
    sigset_t ends;
    sigemptyset(&ends);
    for (int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&ends, number);
    pthread_sigmask(SIG_BLOCK, &ends, nullptr);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    ui::Server server(place, ui::make_token(), port);
    std::printf("art ui: project %s of %s\n%s\nCtrl-C ends it; only this machine can reach it.\n",
                place.site.project.c_str(), place.site.store.c_str(), server.address().c_str());
    std::fflush(stdout);
    std::jthread waiter([&] {
        int number = 0;
        sigwait(&ends, &number);
        server.stop();
    });
    // A large store is counted while the first page is already shown.
    std::jthread counter([&] { place.index->of(place.site.project); });
    if (arguments.flag("open")) open_browser(server.address());
    server.serve();
    kill(getpid(), SIGTERM);  // if it ended by itself: the waiter takes it
    return exit_done;
}

}  // namespace artfs
