// Where the kernel writes drafts by itself: what the daemon is not told of is there all the same.
// Every test holds too where data goes through the daemon.
#include <thread>

#include "mounted/harness.h"
#include "support/catch.h"

namespace {
bool writes_pass(const TestMount& mount) {
    return mount.json("status").at("mounts").at(0).at("passthrough_writes");
}
}  // namespace

TEST_CASE("Status says whether drafts are written straight, and switching it off does",
          "[straight]") {
    {
        TestMount mount;
        auto row = mount.json("status").at("mounts").at(0);
        if (row.at("passthrough") == false) CHECK(row.at("passthrough_writes") == false);
        CHECK(!row.at("passthrough_why").get<std::string>().empty());
    }
    TestMount mount({"-o", "passthrough=off"});
    auto row = mount.json("status").at("mounts").at(0);
    CHECK(row.at("passthrough") == false);
    CHECK(row.at("passthrough_writes") == false);
    mount.ok("mkdir a; actor write a/latest/x text : mapleft a/latest/x TEXT : unmap a/latest/x");
    CHECK(mount.ok("cat a/v0/x") == "TEXT");
}

TEST_CASE("A mapping that outlives its descriptor delays the seal, and loses nothing",
          "[straight]") {
    TestMount mount;
    // What is stored long after close(2) is in the version, and there is one.
    mount.ok(
        "mkdir a; actor write a/latest/x 'one two' : mapleft a/latest/x ONE : sleep 300 : "
        "mapput a/latest/x TWO && cat a/latest/x > ../seen; cmp ../seen a/v0/x");
    CHECK(mount.ok("cat a/v0/x") == "TWO two");
    CHECK(mount.json("ls a").size() == 1);

    // A commit in mid-run says what it waits for.
    auto refused = mount.sh(
        "mkdir b; art run --name mapper -- artfs_actor write b/latest/x 'one two' : mapleft "
        "b/latest/x ONE : touch ../mapped : await ../asked : mapput b/latest/x END : unmap "
        "b/latest/x : touch ../unmapped : await ../committed & "
        "until test -e ../mapped; do sleep 0.01; done; art commit mapper; status=$?; "
        "touch ../asked; until test -e ../unmapped; do sleep 0.01; done; "
        "art commit mapper || status=commit; touch ../committed; wait; exit $status");
    CHECK(refused.status == 4);
    CHECK(refused.err.find("for writing") != std::string::npos);
    CHECK(mount.ok("cat b/v0/x") == "END two");
    CHECK(mount.json("ls b").size() == 1);
}

TEST_CASE("A mapping of a process that outlives its run keeps the draft open", "[straight]") {
    TestMount mount;
    mount.ok(
        "mkdir a; actor write a/latest/x 'one two' : mapleft a/latest/x ONE : child : fork : "
        "touch ../mapped : await ../go : mapput a/latest/x END > /dev/null 2>&1");
    mount.ok("until test -e ../mapped; do sleep 0.01; done; sleep 0.4");
    CHECK(mount.json("ls a").empty());  // nobody waits for it
    mount.ok("touch ../go; for i in $(seq 400); do test -e a/v0 && break; sleep 0.02; done");
    CHECK(mount.ok("cat a/v0/x") == "END two");
}

TEST_CASE("What one program writes another sees at once, with size and time", "[straight]") {
    TestMount mount;
    mount.ok("mkdir a");
    const std::string script = R"(
import os, mmap, time, threading
p = 'a/latest/f'
w = os.open(p, os.O_RDWR | os.O_CREAT, 0o644)
r = os.open(p, os.O_RDONLY)
def check(ok, what):
    if not ok: raise SystemExit(what)
os.write(w, b'x' * 5000)
check(os.pread(r, 9000, 0) == b'x' * 5000, 'read')
check(os.stat(p).st_size == 5000 and os.fstat(r).st_size == 5000, 'size')
check(os.stat(p).st_blocks * 512 >= 5000, 'blocks')
before = os.stat(p).st_mtime_ns
time.sleep(0.05)
os.pwrite(w, b'y', 0)
check(os.stat(p).st_mtime_ns > before, 'mtime')
a = os.open(p, os.O_WRONLY | os.O_APPEND)
os.write(a, b'end')
check(os.pread(r, 9, 5000) == b'end', 'append')
os.ftruncate(w, 10)
check(os.pread(r, 99, 0) == b'y' + b'x' * 9, 'truncate')
os.posix_fallocate(w, 0, 20000)
check(os.fstat(r).st_size == 20000, 'fallocate')
other = os.open('a/latest/g', os.O_RDWR | os.O_CREAT, 0o600)
os.write(other, b'copied')
os.copy_file_range(other, w, 6, 0, 100)
check(os.pread(r, 6, 100) == b'copied', 'copy_file_range')
m = mmap.mmap(w, 20000)
m[0:3] = b'map'
check(os.pread(r, 3, 0) == b'map', 'a store is read')
os.pwrite(w, b'PUT', 200)
check(m[200:203] == b'PUT', 'a write is in the mapping')
t = os.open(p, os.O_WRONLY | os.O_TRUNC)
check(os.fstat(r).st_size == 0, 'O_TRUNC')
os.write(t, b'all new')
check(os.pread(r, 99, 0) == b'all new', 'after O_TRUNC')
os.fsync(t)
os.utime(p, ns=(10**18, 10**18))
check(os.stat(p).st_mtime_ns == 10**18, 'utime')
for fd in (w, r, a, t, other): os.close(fd)
check(os.stat(p).st_mtime_ns == 10**18, 'utime after close')
os.rename(p, 'a/latest/h')
with open('a/latest/h', 'r+b') as again: again.write(b'ALL')
check(open('a/latest/h').read() == 'ALL new', 'again')
)";
    mount.ok("cat > ../script.py <<'END'\n" + script + "END\npython3 ../script.py");
    CHECK(mount.ok("cat a/v0/h; ls a/v0") == "ALL newg\nh\n");
}

TEST_CASE("Opened for reading and writing by many at once", "[straight]") {
    TestMount mount;
    mount.ok("mkdir a; actor write a/latest/base old");
    mount.ok(R"(cat > ../many.py <<'END'
import os, threading
errors = []
def work(n):
    try:
        for i in range(60):
            name = 'a/latest/base' if i % 2 else 'a/latest/new%d' % (i % 3)
            flags = [os.O_RDONLY, os.O_RDWR, os.O_WRONLY, os.O_RDWR | os.O_TRUNC][(n + i) % 4]
            fd = os.open(name, flags | (os.O_CREAT if flags != os.O_RDONLY else 0), 0o644)
            if flags != os.O_RDONLY: os.pwrite(fd, b'%d' % n, n)
            if flags in (os.O_RDONLY, os.O_RDWR): os.read(fd, 100)
            os.close(fd)
    except FileNotFoundError: pass
    except OSError as e: errors.append(e)
for name in range(3): open('a/latest/new%d' % name, 'w').close()
threads = [threading.Thread(target=work, args=(n,)) for n in range(12)]
[t.start() for t in threads]; [t.join() for t in threads]
if errors: raise SystemExit(str(errors))
END
python3 ../many.py)");
    CHECK(mount.json("ls a").size() == 2);
}

TEST_CASE("Handles and mappings of drafts outlive the worker", "[straight]") {
    TestMount mount;
    mount.ok("mkdir a");
    std::thread writer([&] {
        mount.sh(
            "actor hold a/latest/x one : write a/latest/y 'one two' : mapleft a/latest/y ONE "
            ": touch ../ready : await ../killed : more a/latest/x ' two' : mapput a/latest/y "
            "TWO : append a/latest/x ' three'; echo $? > ../status");
    });
    mount.ok("until test -e ../ready; do sleep 0.01; done");
    mount.kill_worker();
    mount.ok("sleep 0.3; touch ../killed");
    writer.join();
    CHECK(mount.ok("cat ../status") == "0\n");
    CHECK(mount.ok("cat a/latest/x; echo; cat a/latest/y") == "one two three\nTWO two");
    CHECK(mount.ok("cat a/v0/x") == "one two three");
    CHECK(mount.json("ls a").size() == 1);
}

TEST_CASE("A reader of a draft keeps its bytes when the draft is sealed and written again",
          "[straight]") {
    TestMount mount;
    mount.ok(
        "mkdir a; actor write a/latest/x one : holdread a/latest/x : append "
        "a/latest/.art/commit 1 : write a/latest/x two : reread a/latest/x > ../seen");
    CHECK(mount.ok("cat a/v0/x a/v1/x") == "onetwo");
    if (writes_pass(mount)) CHECK(mount.ok("cat ../seen") == "one");
}
