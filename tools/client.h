// The daemon's control socket, from art's side (daemon/control.h has the protocol).
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>

namespace artfs {

// The answer of the daemon that serves the store; none if no daemon does. Refusals throw Failure.
// `progress` gets what long requests say before they answer.
std::optional<nlohmann::json> ask_daemon(
    const std::filesystem::path& store, const nlohmann::json& request,
    const std::function<void(const nlohmann::json&)>& progress = nullptr);

struct Site;
// The same, of the project that the site names.
std::optional<nlohmann::json> ask_daemon(
    const Site& site, nlohmann::json request,
    const std::function<void(const nlohmann::json&)>& progress = nullptr);

// The same, where nothing can be done without a daemon: none is a Failure too.
nlohmann::json ask_live_daemon(const std::filesystem::path& store, const nlohmann::json& request);
nlohmann::json ask_live_daemon(const Site& site, const nlohmann::json& request);

}  // namespace artfs
