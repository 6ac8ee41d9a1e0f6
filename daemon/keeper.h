// The worker's side of what the guardian holds (guardian.h).
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/descriptors.h"
#include "base/result.h"

namespace artfs {

// Thread-safe.
class GuardianLink : public DescriptorKeeper {
public:
    // Reads what the guardian holds. The socket was inherited.
    explicit GuardianLink(int socket);

    void hold(const std::string& name, int fd) override;
    void drop(const std::string& name) override;
    Fd take(const std::string& name) override;

    // How many workers there were before.
    unsigned restarts() const { return restarts_; }
    // The last one died of itself.
    bool crashed() const { return crashed_; }
    // Names that begin so, of what is held for us.
    std::vector<std::string> names(const std::string& prefix) const;
    void tell(const std::string& message);

private:
    const Fd socket_;
    unsigned restarts_ = 0;
    bool crashed_ = false;
    mutable std::mutex mutex_;  // guards what follows
    std::map<std::string, Fd> held_;
};

}  // namespace artfs
