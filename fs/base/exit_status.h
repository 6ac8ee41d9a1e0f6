// interface.md's exit status of an Error, the same from the daemon and from art.
#pragma once

#include "base/result.h"

namespace artfs {

inline int exit_status_of(const Error& error) {
    switch (error.code) {
        case EINVAL:
        case EISDIR:
        case ENAMETOOLONG:
            return 2;
        case ENOENT:
            return 3;
        case EBUSY:
        case EPERM:
        case EACCES:
        case EEXIST:
        case ENOTEMPTY:
        case ENOTDIR:
        case EROFS:
            return 4;
        default:
            return 5;
    }
}

}  // namespace artfs
