// Descriptors from process to process, and ways to execute.
#include <dlfcn.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "ways.h"

extern char** environ;

namespace ways {

namespace {

template <class Work>
void in_child(Work work) {
    auto pid = static_cast<int>(must(fork(), "fork"));
    if (pid == 0) {
        work();
        _exit(0);
    }
    wait_for(pid);
}

void send_fd(int socket, int fd) {
    char byte = 'f';
    iovec part{&byte, 1};
    alignas(cmsghdr) char room[CMSG_SPACE(sizeof fd)] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = room;
    message.msg_controllen = sizeof room;
    auto* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(head), &fd, sizeof fd);
    must(sendmsg(socket, &message, 0), "sendmsg");
}

int receive_fd(int socket) {
    char byte = 0;
    iovec part{&byte, 1};
    alignas(cmsghdr) char room[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = room;
    message.msg_controllen = sizeof room;
    must(recvmsg(socket, &message, 0), "recvmsg");
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    return fd;
}

void over_socket(const Words& words) {
    int ends[2];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "socketpair");
    auto pid = static_cast<int>(must(fork(), "fork"));
    if (pid == 0) {
        write_file(words[1], slurp(receive_fd(ends[1])));
        _exit(0);
    }
    int fd = open_read(words[0]);
    send_fd(ends[0], fd);
    close(fd);
    wait_for(pid);
}

void inherited(const Words& words) {
    int fd = open_read(words[0]);
    in_child([&] { write_file(words[1], slurp(fd)); });
}

// The child takes the descriptor out of its parent.
void taken(const Words& words) {
    int fd = open_read(words[0]);
    auto parent = getpid();
    in_child([&] {
        close(fd);
        auto process = must(syscall(SYS_pidfd_open, parent, 0), "pidfd_open");
        auto mine = must(syscall(SYS_pidfd_getfd, process, fd, 0), "pidfd_getfd");
        write_file(words[1], slurp(static_cast<int>(mine)));
    });
}

void by_child(const Words& words) {
    in_child([&] { write_file(words[1], slurp(open_read(words[0]))); });
}

void by_grandchild(const Words& words) {
    in_child([&] {
        must(setsid(), "setsid");
        in_child([&] { write_file(words[1], slurp(open_read(words[0]))); });
    });
}

Words to_copy(const Words& words) { return {"/bin/cp", words[0], words[1]}; }

std::vector<char*> arguments(Words& words) {
    std::vector<char*> found;
    for (auto& word : words) found.push_back(word.data());
    found.push_back(nullptr);
    return found;
}

void by_vfork(const Words& words) {
    Words command = to_copy(words);
    auto argv = arguments(command);
    auto pid = vfork();
    if (pid == 0) {
        execv(argv[0], argv.data());
        _exit(127);
    }
    must(pid, "vfork");
    wait_for(pid);
}

void by_spawn(const Words& words) {
    Words command = to_copy(words);
    auto argv = arguments(command);
    pid_t pid = 0;
    if (posix_spawn(&pid, argv[0], nullptr, nullptr, argv.data(), environ) != 0) die("posix_spawn");
    wait_for(pid);
}

// The program goes on after its parent has ended, in a session of its own.
void daemonise(const Words& words) {
    if (must(fork(), "fork") > 0) _exit(0);
    must(setsid(), "setsid");
    if (must(fork(), "fork") > 0) _exit(0);
    usleep(200'000);
    write_file(words[1], slurp(open_read(words[0])));
    _exit(0);
}

// What a process calls itself does not make it another program.
void disguised(const Words& words) {
    must(prctl(PR_SET_NAME, "cat"), "prctl");
    write_file(words[1], slurp(open_read(words[0])));
}

void run_descriptor(const Words& words) {
    Words command(words);
    auto argv = arguments(command);
    int fd = static_cast<int>(must(open(words[0].c_str(), O_PATH | O_CLOEXEC), words[0]));
    fexecve(fd, argv.data(), environ);
    die("fexecve");
}

void run_at(const Words& words) {
    Words command(words.begin() + 1, words.end());
    auto argv = arguments(command);
    int directory = static_cast<int>(must(open(words[0].c_str(), O_PATH | O_DIRECTORY), words[0]));
    syscall(SYS_execveat, directory, words[1].c_str(), argv.data(), environ, 0);
    die("execveat");
}

void run(const Words& words) {
    Words command(words);
    auto argv = arguments(command);
    execv(argv[0], argv.data());
    die(words[0]);
}

void run_other_user(const Words& words) {
    must(setgid(65534), "setgid");
    must(setuid(65534), "setuid");
    run(words);
}

void load(const Words& words) {
    void* library = dlopen(words[0].c_str(), RTLD_NOW);
    if (library == nullptr) {
        put(STDERR_FILENO, dlerror());
        _exit(1);
    }
    auto* answer = reinterpret_cast<int (*)()>(dlsym(library, "answer"));
    write_file(words[1], std::to_string(answer()));
}

}  // namespace

const std::vector<Way> handing = {
    {"socket", over_socket},   {"inherited", inherited},      {"pidfd_getfd", taken},
    {"child", by_child},       {"grandchild", by_grandchild}, {"vfork", by_vfork},
    {"posix_spawn", by_spawn}, {"daemonise", daemonise},      {"disguised", disguised},
};

const std::vector<Way> executing = {
    {"exec", run},    {"fexecve", run_descriptor},    {"execveat", run_at},
    {"dlopen", load}, {"other-user", run_other_user},
};

}  // namespace ways
