"""Builds, and what is loaded from an artifact."""
from harness.case import Built

CASES = {
    "make-recursive": {"script": "mkdir $HOME/sub; printf 'all:\\n\\t+$(MAKE) -s -C sub\\n' "
                                 ">$HOME/Makefile; printf 'all: '$ROOT/$OUT'/x\\n'$ROOT/$OUT'/x: "
                                 "'$ROOT/$IN'/a\\n\\tsort $< >$@\\n' >$HOME/sub/Makefile; make "
                                 "-s -C $HOME",
                       "needs": "make"},
    "make-in-draft": {"script": "cp $IN/Makefile $IN/x.c $OUT/ && make -s -C $OUT && make -s -C "
                                "$OUT clean",
                      "needs": "make gcc",
                      "files": {"Makefile": "x: x.o\n	gcc -o x x.o\nx.o: x.c\n	gcc -c x.c\n"
                                            "clean:\n	rm x.o\n",
                                "x.c": "int main(void){return 0;}\n"}},
    "gcc-pipe-stdin": {"script": "gcc -x c -c - -o $OUT/x.o <$IN/x.c",
                       "needs": "gcc",
                       "files": {"x.c": "int x = 1;\n"}},
    "ld-preload": {"script": "LD_PRELOAD=$IN/plugin.so artfs_ways openat $IN/a $OUT/copy",
                   "files": {"plugin.so": Built("artfs_plugin.so")}},
    "ld-library-path": {"script": "LD_LIBRARY_PATH=$IN python3 -c 'import ctypes; "
                                  "ctypes.CDLL(\"artfs_plugin.so\")'",
                        "files": {"artfs_plugin.so": Built("artfs_plugin.so")}},
    "env-shebang": {"script": "$IN/tool.py $IN/a $OUT/copy",
                    "files": {"tool.py": "#!/usr/bin/env -S python3 -u\nimport shutil, sys\n"
                                         "shutil.copyfile(sys.argv[1], sys.argv[2])\n"}},
    "make-shebang": {"script": "$IN/mk",
                     "needs": "make",
                     "files": {"mk": "#!/usr/bin/make -sf\nall:\n	sort $$IN/a >$$OUT/x\n"}},
}
