// What ordinary programs do with files works in a draft, and stays so in the version.
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
