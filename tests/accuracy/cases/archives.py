"""Archives and copies."""

PACK = ("python3 -c 'import gzip, sys; open(sys.argv[2], \"wb\").write(gzip.compress("
        "open(sys.argv[1], \"rb\").read(), mtime=0))' $IN/a $OUT/a.gz; ")

CASES = {
    "zip": {"script": "zip -q -j $OUT/all.zip $IN/a $IN/b && unzip -q -o $OUT/all.zip -d $OUT/x",
            "needs": "zip unzip",
            "varies": "*.zip"},
    "7z": {"script": "7z a -bso0 -bsp0 $OUT/all.7z ./$IN/a ./$IN/b && 7z x -bso0 -bsp0 -o$OUT/x "
                     "$OUT/all.7z",
           "needs": "7z",
           "varies": "*.7z"},
    "cpio": {"script": "(cd $IN; printf '%s\\n' a b dir dir/x | cpio --quiet -o) >$OUT/all.cpio; "
                       "cd $OUT; cpio --quiet -id <all.cpio",
             "needs": "cpio",
             "varies": "*.cpio"},
    "cpio-pass": {"script": "cd $IN; find . -type f | sort | cpio --quiet -pdm $ROOT/$OUT",
                  "needs": "cpio"},
    "zstd": {"script": "zstd -q $IN/big -o $OUT/big.zst && zstd -q -d --rm $OUT/big.zst -o "
                       "$OUT/big",
             "needs": "zstd"},
    "zstd-stream": {"script": "tar -c -C $IN a b | zstd -q >$OUT/t.tar.zst; zstd -dcq "
                              "$OUT/t.tar.zst | tar -x -C $OUT",
                    "needs": "zstd",
                    "varies": "*.zst"},
    "tar-pipe": "tar -c -C $IN . | tar -x -C $OUT",
    "csplit": "csplit -s -f $OUT/part $IN/a 2",
    "zcat-pipe": PACK + "zcat $OUT/a.gz | sort -r >$OUT/back",
    "unpack-pipe": PACK + "gzip -dc $OUT/a.gz | tr a-z A-Z | sort >$OUT/sorted",
    "cp-reflink": "cp --reflink=auto $IN/big $OUT/big; cp --reflink=never --sparse=always "
                  "$IN/big $OUT/big2",
    "mv-tree": "mv $IN/dir $OUT/dir",
    "mv-over": "mv $IN/b $IN/a",
    "dd-sparse": "dd if=$IN/big of=$OUT/big bs=64k conv=sparse,fsync status=none; truncate -s 1M "
                 "$OUT/big",
    "install-d": "install -d $OUT/bin $OUT/lib && install -m 755 -t $OUT/bin $IN/a $IN/b",
    "rsync-inplace": {"script": "mkdir $HOME/n; sed s/beta/BETA/ $IN/a >$HOME/n/a; rsync "
                                "--inplace --no-whole-file -I $HOME/n/a $IN/a",
                      "needs": "rsync"},
    "rsync-delete": {"script": "cp -r $IN/dir $HOME/dir; rm $HOME/dir/y; rsync -r --delete "
                               "$HOME/dir/ $IN/dir/",
                     "needs": "rsync"},
    "logrotate": {"script": "cp $IN/a $OUT/log; chmod 644 $OUT/log; printf '%s {\\nrotate "
                            "2\\ncopytruncate\\n}\\n' $ROOT/$OUT/log >$HOME/c; chmod 644 "
                            "$HOME/c; chmod 755 $OUT; logrotate -f -s $HOME/s $HOME/c",
                  "needs": "logrotate"},
    "git-worktree": {"script": "git init -q $OUT/r && cd $OUT/r && cp $ROOT/$IN/a . && git add a "
                               "&& git -c user.name=x -c user.email=x@y commit -qm one && git "
                               "worktree add -q ../w && rm ../w/a && git -C ../w checkout -q -- "
                               "a && git gc -q",
                     "needs": "git",
                     "varies": "r/.git/* w/.git"},
    "git-from-version": {"script": "git init -q --bare $OUT/r.git; git init -q $HOME/w; cd "
                                   "$HOME/w; cp $ROOT/$IN/a .; git add a; git -c user.name=x -c "
                                   "user.email=x@y commit -qm one; git push -q $ROOT/$OUT/r.git "
                                   "HEAD:main; cd; git clone -q -b main $ROOT/$OUT/r.git c",
                         "needs": "git",
                         "varies": "r.git/*"},
}
