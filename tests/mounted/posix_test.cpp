// What ordinary programs do with files works in a draft, and stays so in the version.
#include <unistd.h>

#include "mounted/harness.h"
#include "support/catch.h"

TEST_CASE("a draft is a POSIX file system", "[posix]") {
    TestMount mount;
    mount.ok("mkdir a");

    SECTION("rename, replace and unlink while open") {
        CHECK(mount.ok("actor write a/latest/x one : write a/latest/t two : holdread a/latest/x : "
                       "rename a/latest/t a/latest/x : reread a/latest/x : read a/latest/x : "
                       "holdread a/latest/x : unlink a/latest/x : reread a/latest/x") ==
              "onetwotwo");
        CHECK(mount.ok("ls a").find("v0") == std::string::npos);  // nothing was left to keep
    }
    SECTION("directories") {
        mount.ok(
            "actor mkdir a/latest/d : mkdir a/latest/d/e : write a/latest/d/e/f deep : "
            "rename a/latest/d a/latest/moved : read a/latest/moved/e/f");
        CHECK(mount.ok("find a/v0 -type f -printf '%P\\n'") == "moved/e/f\n");
        mount.ok(
            "actor rename a/latest/moved/e a/latest/e : rmdir a/latest/moved : mkdir "
            "a/latest/empty");
        CHECK(mount.ok("cd a/v1; find . | sort | tr '\\n' ' '") == ". ./e ./e/f ./empty ");
        CHECK(mount.sh("actor rmdir a/latest/e").err.find("ENOTEMPTY") != std::string::npos);
    }
    SECTION("links") {
        mount.ok(
            "actor write a/latest/x text : link a/latest/x a/latest/y : symlink x a/latest/s : "
            "append a/latest/y more : read a/latest/x");
        CHECK(mount.ok("cat a/v0/x a/v0/y a/v0/s; readlink a/v0/s") ==
              "textmoretextmoretextmorex\n");
    }
    SECTION("shared mappings, truncation, allocation, locks") {
        mount.ok(
            "actor write a/latest/m 0123456789 : mapwrite a/latest/m ABC : truncate a/latest/m 5 : "
            "fallocate a/latest/big 70000 : lock a/latest/m");
        CHECK(mount.ok("cat a/v0/m; stat -c %s a/v0/big") == "ABC3470000\n");
        // The same on files of the base.
        mount.ok("actor mapwrite a/latest/m xy : truncate a/latest/big 10");
        CHECK(mount.ok("cat a/v1/m a/v0/m; stat -c %s a/v1/big a/v0/big") ==
              "xyC34ABC3410\n70000\n");
    }
    SECTION("modes, times and user attributes") {
        mount.ok("actor write a/latest/x text");
        mount.ok(
            "python3 -c 'import os; p=\"a/latest/x\"; os.chmod(p,0o750); "
            "os.utime(p,(1,1234567890)); "
            "os.setxattr(p,\"user.k\",b\"v\"); assert os.getxattr(p,\"user.k\")==b\"v\"'");
        CHECK(mount.ok("stat -c '%a %Y' a/v1/x; python3 -c 'import os; "
                       "print(os.getxattr(\"a/v1/x\",\"user.k\"))'") == "750 1234567890\nb'v'\n");
        CHECK(mount.sh("actor write a/latest/s x && chmod u+s a/latest/s").status != 0);
    }
    SECTION("many names in one directory are listed once each, also while they change") {
        mount.ok(
            "python3 - <<'PY'\n"
            "import os\n"
            "for i in range(3000): open(f'a/latest/f{i}','w').write(str(i))\n"
            "PY");
        mount.ok("ls a");  // a look at the artifact waits for the seal
        CHECK(mount.ok("ls a/v0 | wc -l; ls a/v0 | sort -u | wc -l") == "3000\n3000\n");
        mount.ok(
            "python3 - <<'PY'\n"
            "import os\n"
            "seen=[]\n"
            "for n,e in enumerate(os.scandir('a/latest')):\n"
            "  seen.append(e.name)\n"
            "  if n%3==0 and e.name.startswith('f'): os.unlink(e.path)\n"
            "  if n%500==0: open(f'a/latest/n{n}','w').close()\n"
            "assert len(seen)==len(set(seen)), 'listed twice'\n"
            "assert {f'f{i}' for i in range(3000)} <= set(seen), 'left out'\n"
            "PY");
        mount.ok("ls a");
        CHECK(mount.ok("ls a/v1 | grep -c ^f") == "2000\n");
    }
}

TEST_CASE("tools that people use work in a draft", "[posix][tools]") {
    TestMount mount;
    mount.ok("mkdir a");
    mount.ok(
        "python3 - <<'PY'\n"
        "import sqlite3\n"
        "db=sqlite3.connect('a/latest/data.db')\n"
        "db.execute('create table t(x)'); db.executemany('insert into t values(?)',[(i,) for i in "
        "range(1000)])\n"
        "db.commit(); db.close()\n"
        "PY");
    CHECK(mount.ok("python3 -c 'import sqlite3; "
                   "print(sqlite3.connect(\"file:a/v0/data.db?immutable=1\",uri=True)."
                   "execute(\"select sum(x) from t\").fetchone()[0])'") == "499500\n");
    mount.ok("tar -C /usr/share/common-licenses -cf - . | tar -C a/latest/ -xf -");
    mount.ok(
        "diff -r --no-dereference /usr/share/common-licenses <(true) >/dev/null 2>&1 || true; "
        "cmp /usr/share/common-licenses/GPL-3 a/latest/GPL-3");
    mount.ok("cp -r /usr/share/common-licenses a/latest/copy && sed -i 1d a/latest/copy/GPL-3");
}

TEST_CASE("clean files are copied before they are changed, readers keep what they opened",
          "[posix][copy-up]") {
    TestMount mount;
    mount.ok("mkdir a && actor write a/latest/x original");
    // A reader's descriptor of before is as on overlayfs; a new open sees the change.
    auto out = mount.ok("actor holdread a/latest/x : patch a/latest/x CHANGED! : read a/latest/x");
    CHECK(out == "CHANGED!");
    CHECK(mount.ok("cat a/v0/x a/v1/x") == "originalCHANGED!");
}

TEST_CASE("what POSIX promises of a directory holds in a draft", "[posix]") {
    auto options = TestMount::default_options();
    if (geteuid() == 0) options.push_back("--allow-other");  // other users' rights are tried too
    TestMount mount(options);
    mount.ok("chmod 755 " + mount.directory().string() + "; mkdir a");
    const std::string script = std::string(ARTFS_SOURCE) + "/tests/conformance/posix.py ";
    // The cases themselves are right where the native file system passes them.
    auto native = mount.directory() / "native";
    auto ran = mount.sh("mkdir " + native.string() + " && python3 " + script + native.string() +
                        " | grep -v ^ok");
    CHECK(ran.out == "");
    ran = mount.sh("set -o pipefail; art run --name tried -- python3 " + script +
                   "--draft a/latest/. | grep -v ^ok");
    CHECK(ran.out == "");
    // And all of it can be sealed: what has no place in a version is left out.
    mount.ok("ls a >/dev/null");
    CHECK(mount.json("show @tried").at("state") == "finished");
    CHECK(mount.ok("find a/v0 -type p -o -type s | wc -l") == "0\n");
    CHECK(mount.ok("cd a/v0/hard_links; cat b d/c; readlink s") == "1212b\n");
    CHECK(mount.ok("ls -A a/v0/files_without_a_name") == "named\n");
}

TEST_CASE("FIFOs and sockets are in the draft and in no version", "[posix]") {
    TestMount mount;
    mount.ok("mkdir a && actor write a/latest/gone old");
    mount.ok(
        "python3 - <<'PY'\n"
        "import os, socket, stat, subprocess, time\n"
        "name = os.path.basename(os.readlink('.art/run'))\n"
        "def commit():\n"
        "    for _ in range(100):\n"  // a closed file's RELEASE may come a moment later
        "        if subprocess.run(['art', 'commit', name], capture_output=True).returncode == 0:\n"
        "            return\n"
        "        time.sleep(0.05)\n"
        "    raise SystemExit('not committed')\n"
        "def write(text):\n"
        "    with open('file', 'w') as file: file.write(text)\n"
        "os.chdir('a/latest/.')\n"
        "os.unlink('gone'); os.mkfifo('gone'); os.mkfifo('pipe'); os.mkdir('d'); os.mkfifo('d/p')\n"
        "socket.socket(socket.AF_UNIX).bind('sock')\n"
        "write('x'); commit()\n"
        "assert sorted(os.listdir()) == ['d', 'file', 'gone', 'pipe', 'sock'], os.listdir()\n"
        "assert os.listdir('d') == ['p']\n"
        "os.unlink('d/p'); os.rename('pipe', 'moved'); write('y'); commit()\n"
        "assert sorted(os.listdir()) == ['d', 'file', 'gone', 'moved', 'sock'], os.listdir()\n"
        "assert stat.S_ISFIFO(os.stat('moved').st_mode) and "
        "stat.S_ISSOCK(os.stat('sock').st_mode)\n"
        "os.unlink('gone')\n"
        "with open('gone', 'w') as file: file.write('back')\n"
        "assert sorted(os.listdir()) == ['d', 'file', 'gone', 'moved', 'sock'], os.listdir()\n"
        "PY");
    mount.ok("ls a >/dev/null");
    CHECK(mount.ok("cd a; ls -A v1 v1/d v2; ls v3; cat v3/gone") ==
          "v1:\nd\nfile\n\nv1/d:\n\nv2:\nd\nfile\nd\nfile\ngone\nback");
    // A kept draft has them still, also after the daemon was away.
    mount.sh(
        "art run --name failed -- bash -c 'mkfifo a/latest/kept; echo z > a/latest/file; false'");
    CHECK(mount.ok("ls -F a/@failed/") == "d/\nfile\ngone\nkept|\n");
    mount.umount();
    mount.mount();
    CHECK(mount.ok("ls -F a/@failed/") == "d/\nfile\ngone\nkept|\n");
    mount.ok("art commit failed");
    CHECK(mount.ok("ls a/v4") == "d\nfile\ngone\n");
    // One that never was anything else makes no version.
    mount.ok("art run -- mkfifo a/latest/alone; ls a >/dev/null");
    CHECK(mount.json("ls a").size() == 5);
}

TEST_CASE("a clean file is changed in every way at once by several processes", "[posix]") {
    TestMount mount;
    mount.ok(
        "mkdir a && actor write a/latest/x 0123456789 : mkdir a/latest/d : "
        "write a/latest/d/y under : symlink x a/latest/s");
    mount.ok(
        "python3 - <<'PY'\n"
        "import os\n"
        "p = 'a/latest/'\n"
        "os.utime(p + 's', (7, 7), follow_symlinks=False); os.utime(p + 'd', (8, 8))\n"
        "os.setxattr(p + 'x', 'user.k', b'v'); os.setxattr(p + 'd', 'user.k', b'w')\n"
        "os.chown(p + 'd/y', os.getuid(), os.getgid())\n"
        "fd = os.open(p + 'x', os.O_RDWR); os.unlink(p + 'x')\n"
        "os.fchmod(fd, 0o600); os.pwrite(fd, b'AB', 0); os.ftruncate(fd, 4)\n"
        "assert os.pread(fd, 9, 0) == b'AB23' and os.fstat(fd).st_nlink == 0\n"
        "os.link(p + 'd/y', p + 'z')\n"
        "assert os.stat(p + 'z').st_ino == os.stat(p + 'd/y').st_ino\n"
        "PY");
    mount.ok("ls a >/dev/null");
    CHECK(mount.ok("cd a/v1; ls; cat z d/y; stat -c %Y s; getfattr --only-values -n user.k d") ==
          "d\ns\nz\nunderunder7\nw");
    CHECK(mount.ok("cat a/v0/x; ls a/v0") == "0123456789d\ns\nx\n");
}

TEST_CASE("the space of removed files is given back while their draft lives", "[posix]") {
    TestMount mount;
    mount.ok("mkdir a && head -c 2000000 /dev/urandom > " + (mount.directory() / "r").string());
    mount.ok("cp " + (mount.directory() / "r").string() + " a/latest/base");
    mount.ok(
        "python3 - <<'PY'\n"
        "import glob, os, time\n"
        "def staged():\n"
        "    files = glob.glob('" +
        (mount.store() / "staging").string() +
        "/**', recursive=True)\n"
        "    return sum(1 for f in files if os.path.isfile(f) and os.path.getsize(f) > 1000000)\n"
        "def expect(count):\n"
        "    for _ in range(300):\n"
        "        if staged() == count: return\n"
        "        time.sleep(0.01)\n"
        "    raise SystemExit(f'{staged()} files are staged, not {count}')\n"
        "os.chdir('a/latest/.')\n"
        "data = os.urandom(2000000)\n"
        "for name in ('x', 'y', 'z'): open(name, 'wb').write(data)\n"
        "open('base', 'r+b').write(b'changed')\n"
        "expect(4)\n"
        "os.unlink('x'); expect(3)\n"
        "os.rename('y', 'z'); expect(2)\n"
        "fd = os.open('z', os.O_RDONLY); os.unlink('z'); expect(2)\n"
        "assert os.pread(fd, 9, 0) == data[:9]\n"
        "os.close(fd); expect(1)\n"
        "os.unlink('base'); expect(0)\n"
        "fd = os.open('.', os.O_TMPFILE | os.O_WRONLY); os.write(fd, data); expect(1)\n"
        "os.close(fd); expect(0)\n"
        "open('left', 'w').write('1')\n"
        "PY");
    mount.ok("ls a >/dev/null");
    CHECK(mount.ok("ls a/v1") == "left\n");
}
