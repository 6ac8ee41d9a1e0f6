"""Descriptors from process to process; ways to execute what is in an artifact."""
from pathlib import Path

from harness.case import Built

TRUE = Path("/usr/bin/true")

CASES = {
    **{way: f"artfs_ways {way} $IN/a $OUT/copy"
       for way in ("socket", "inherited", "child", "grandchild", "vfork", "posix_spawn",
                   "daemonise", "pidfd_getfd")},
    "no-shebang": {"script": "$IN/tool", "modes": {"tool": 0o755},
                   "files": {"tool": "artfs_ways openat $IN/a $OUT/copy\n"}},
    "script-in-version": {"script": "bash $IN/stages.sh",
                          "files": {"stages.sh": "artfs_ways openat $IN/a $OUT/one\n"
                                                 "artfs_ways openat $OUT/one $OUT/two\n"}},
    "exec": {"script": "artfs_ways exec $IN/tool", "files": {"tool": TRUE}},
    "fexecve": {"script": "artfs_ways fexecve $IN/tool", "files": {"tool": TRUE}},
    "execveat": {"script": "artfs_ways execveat $IN tool", "files": {"tool": TRUE}},
    "exec-from-shell": {"script": "$IN/tool; artfs_ways openat $IN/b $OUT/copy",
                        "files": {"tool": TRUE}},
    "script": {"script": "$IN/tool.py $IN/a $OUT/copy",
               "files": {"tool.py": "#!/usr/bin/python3\nimport shutil, sys\n"
                                    "shutil.copyfile(sys.argv[1], sys.argv[2])\n"}},
    "script-module": {"script": "python3 $IN/tool.py $IN/a",
                      "files": {"tool.py": "import sys\nsys.path.insert(0, sys.path[0])\n"
                                           "import helper\nhelper.read(sys.argv[1])\n",
                                "helper.py": "def read(path):\n    open(path).read()\n"}},
    "interpreter": {"script": "cd $IN && ./tool",
                    "files": {"own-sh": Path("/bin/dash"),
                              "tool": "#!./own-sh\nread -r line <a\necho $line\n"}},
    "exec-chain": {"script": "env nice -n 1 setsid --wait artfs_ways exec "
                             "$(command -v artfs_ways) openat $IN/a $OUT/copy"},
    "dlopen": {"script": "artfs_ways dlopen $IN/plugin.so $OUT/answer",
               "files": {"plugin.so": Built("artfs_plugin.so")}},
}
