"""Tools that people use, as they use them."""

HELLO = """#include <stdio.h>
#include "greeting.h"
int main(void) { puts(GREETING); return 0; }
"""
GREETING = '#define GREETING "hello"\n'
MAKEFILE = """all: $(OUT)/hello
$(OUT)/hello: $(OUT)/hello.o $(OUT)/other.o
\tgcc -o $@ $^
$(OUT)/%.o: $(IN)/%.c
\tgcc -c -o $@ $<
"""
SOURCES = {"hello.c": HELLO, "greeting.h": GREETING, "other.c": "int other = 1;\n"}
IN_MAKEFILE = f"printf '%s' '{MAKEFILE}' >$HOME/Makefile; "

CASES = {
    "cp": "cp $IN/a $OUT/a",
    "cp-r": "cp -r $IN/. $OUT/",
    "cp-a-version": "cp -a $CASE.in/v0/dir $OUT/",
    "cp-loop": "for f in a b dir/x; do cp $IN/$f $OUT/; done",
    "cp-then-program": "cp $IN/a $OUT/a; artfs_ways openat $OUT/a $OUT/b",
    "cp-cp": "cp $IN/a $OUT/a; cp $OUT/a $OUT/b",
    "mv-within": "mv $IN/a $IN/renamed",
    "mv-across": "mv $IN/a $OUT/a",
    "rm": "rm -r $IN/b $IN/dir",
    "ln": "ln $IN/a $IN/hard && ln -s a $IN/soft",
    "touch": "touch $OUT/empty $OUT/also",
    "mkdir-program": "mkdir -p $OUT/sub/deep && artfs_ways openat $IN/a $OUT/sub/deep/x",
    "dd": "dd if=$IN/big of=$OUT/big bs=4k status=none",
    "dd-notrunc": "dd if=$IN/b of=$IN/big bs=4 seek=2 conv=notrunc status=none",
    "truncate-tool": "truncate -s 5 $IN/a",
    "patch": {"script": "printf '%s\\n' '--- a' '+++ a' '@@ -1 +1 @@' '-second file' '+patched' "
                        ">$HOME/p; patch -s $IN/b $HOME/p", "needs": "patch"},
    "xz": {"script": "xz -k $IN/big && xz -dc $IN/big.xz | cmp - $IN/big", "needs": "xz",
           "varies": "big.xz"},
    "install": "install -m 640 $IN/a $OUT/a",
    "sed-i": "sed -i s/beta/BETA/ $IN/a",
    "tar-create": {"script": "tar -cf $OUT/all.tar -C $IN a b dir", "varies": "all.tar"},
    "tar-extract": "tar -cf $HOME/t.tar -C $IN a b dir && tar -xf $HOME/t.tar -C $OUT",
    "gzip": {"script": "gzip $IN/b", "varies": "b.gz"},
    "rsync": {"script": "rsync -a $IN/ $OUT/", "needs": "rsync"},
    "rsync-update": {"script": "mkdir $HOME/new && echo changed >$HOME/new/a && "
                               "rsync -rc $HOME/new/ $IN/", "needs": "rsync"},
    "git": {"script": "git init -q $OUT/repo && cp $IN/a $OUT/repo/ && cd $OUT/repo && "
                      "git add a && git -c user.name=x -c user.email=x@y commit -q -m one && "
                      "git log --format=%s && git status --short",
            "needs": "git", "varies": "repo/.git/index"},
    "git-clone": {"script": "git init -q $HOME/r && cd $HOME/r && echo x >x && git add x && "
                            "git -c user.name=x -c user.email=x@y commit -q -m one && cd $ROOT && "
                            "git clone -q --no-hardlinks $HOME/r $OUT/clone",
                  "needs": "git", "varies": "clone/.git/index clone/.git/config "
                                            "clone/.git/logs/* clone/.git/packed-refs"},
    "sort": "sort -r $IN/a -o $OUT/sorted",
    "sort-in-place": "sort -r -o $IN/a $IN/a",
    "awk": "awk -F, -v out=$OUT/names 'NR > 1 { print $2 > out }' $IN/c.csv",
    "split": "split -l 1 $IN/a $OUT/part.",
    "find-exec": "find $IN/dir -type f -exec artfs_ways openat {} $OUT/copy ';'",
    "xargs": "printf '%s\\n' a b big | xargs -P 3 -I{} artfs_ways openat $IN/{} $OUT/{}",
    "parallel": {"script": "parallel --will-cite artfs_ways openat $IN/{} $OUT/{} ::: a b big",
                 "needs": "parallel"},
    "sqlite": {"script": "sqlite3 $OUT/db 'create table t(x); insert into t values (1), (2)' && "
                         "sqlite3 $OUT/db 'insert into t values (3)' && "
                         "sqlite3 $OUT/db 'select sum(x) from t'", "needs": "sqlite3"},
    "sqlite-wal": {"script": "sqlite3 $OUT/db 'pragma journal_mode=wal; create table t(x); "
                             "insert into t values (1)' && sqlite3 $OUT/db 'select * from t'",
                   "needs": "sqlite3"},
    "jq": {"script": "jq -c .n $IN/n.json >$OUT/n", "needs": "jq",
           "files": {"n.json": '{"n": [1, 2]}'}},
    "gcc": {"script": "gcc -o $OUT/hello $IN/hello.c && $OUT/hello", "needs": "gcc",
            "files": SOURCES},
    "make": {"script": IN_MAKEFILE + "make -s -f $HOME/Makefile && $OUT/hello",
             "needs": "gcc make", "files": {**SOURCES, "other.c": "int other = 1;\n"}},
    "make-j": {"script": IN_MAKEFILE + "make -s -j 4 -f $HOME/Makefile && $OUT/hello",
               "needs": "gcc make", "files": SOURCES},
    "imagemagick": {"script": "convert $IN/x.ppm PNG24:$OUT/x.png && "
                              "convert $OUT/x.png -resize 200% $OUT/large.png",
                    "needs": "convert", "varies": "*.png",
                    "files": {"x.ppm": "P3 2 1 255 255 0 0 0 255 0\n"}},
    "vim": {"script": "python3 $PROGRAMS/terminal.py vi -u NONE $IN/a -- 'Ochanged' '\\x1b' ':wq\\r'",
            "needs": "vi", "prints": False},
    "vi-from-shell": {"script": "script -qec 'vi -u NONE -c s/^/changed/ -c wq $IN/a' /dev/null",
                      "needs": "vi script", "prints": False},
    "nano": {"script": "python3 $PROGRAMS/terminal.py nano $OUT/note -- 'noted' '\\x0f' '\\r' "
                       "'\\x18'", "needs": "nano", "prints": False},
    "tmux": {"script": "tmux -L $CASE -f /dev/null new-session -d "
                       "'artfs_ways openat $IN/a $OUT/copy; vi -u NONE -c s/^/changed/ -c wq "
                       "$IN/b'; while tmux -L $CASE has-session 2>/dev/null; "
                       "do sleep 0.05; done", "needs": "tmux vi", "prints": False},
}
