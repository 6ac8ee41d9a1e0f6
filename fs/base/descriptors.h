// Descriptors that outlive the process that opened them, because another process holds them too.
#pragma once

#include <string>

#include "base/fd.h"

namespace artfs {

// Implementations are thread-safe.
class DescriptorKeeper {
public:
    virtual ~DescriptorKeeper() = default;
    // Whatever happens to us, `fd` is given to who comes after us under this name.
    virtual void hold(const std::string& name, int fd) = 0;
    virtual void drop(const std::string& name) = 0;
    // What the process before us held under the name; empty: nothing.
    virtual Fd take(const std::string& name) = 0;
};

}  // namespace artfs
