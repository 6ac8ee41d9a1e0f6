// Runs a function in a process of its own. (LMDB does not allow one environment to be opened twice
// in a process.)
#pragma once

#include <sys/wait.h>
#include <unistd.h>

template <class F>
bool in_child(F body) {
    pid_t child = fork();
    if (child == 0) {
        bool good = false;
        try {
            good = body();
        } catch (...) {
            good = false;
        }
        _exit(good ? 0 : 1);
    }
    int status = 0;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
