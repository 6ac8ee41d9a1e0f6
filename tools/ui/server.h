// The web server: loopback, a token, strict headers; the only place that knows HTTP.
#pragma once

#include <memory>
#include <string>

#include "ui/api.h"

namespace artfs::ui {

class Server {
public:
    // Port 0: any. Failure where the port is taken.
    Server(const Place& place, std::string token, int port);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    std::string address() const;  // with the token
    void serve();                 // until stop
    void stop();                  // from any thread

private:
    struct State;
    std::unique_ptr<State> state_;
};

// 128 bits nobody can guess, in hexadecimal.
std::string make_token();

}  // namespace artfs::ui
