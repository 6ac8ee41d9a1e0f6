"""What people type: coprocesses, FIFOs, here-strings, shells that stay open."""

CASES = {
    "cat-two": "cat $IN/a $IN/b >$OUT/c; cat $IN/b >>$OUT/c",
    "paste": "paste $IN/a $IN/b | cut -f 1 >$OUT/p1",
    "flock": "flock $OUT/x.lock artfs_ways openat $IN/a $OUT/copy",
    "timeout-kill": {"script": "timeout -s KILL 1 sh -c 'sort $IN/a >$OUT/half; sleep 9'; exit 3",
                     "status": 3},
    "nohup-background": "nohup sh -c 'sleep 0.2; artfs_ways openat $IN/a $OUT/copy' >/dev/null "
                        "2>&1 & :",
    "double-fork": "python3 -c 'import os,sys,time\nif os.fork(): os._exit(0)\nos.setsid()\nif "
                   "os.fork(): os._exit(0)\ntime.sleep(.2)\n"
                   "open(sys.argv[2],\"wb\").write(open(sys.argv[1],\"rb\").read())' $IN/a "
                   "$OUT/copy",
    "script-c": {"script": "script -qec 'artfs_ways openat $IN/a $OUT/one; artfs_ways openat "
                           "$OUT/one $OUT/two' /dev/null",
                 "needs": "script"},
    "expect": {"script": "expect -c 'log_user 0; spawn sh; send \"sort $env(IN)/a "
                         ">$env(OUT)/s\\rexit\\r\"; expect eof'",
               "needs": "expect"},
    "tmux-keys": {"script": "tmux -L $CASE -f /dev/null new-session -d 'sh'; tmux -L $CASE "
                            "send-keys 'artfs_ways openat $IN/a $OUT/copy; exit' Enter; while "
                            "tmux -L $CASE has-session 2>/dev/null; do sleep 0.05; done",
                  "needs": "tmux",
                  "prints": False},
    "coproc": "coproc sort $IN/a; cat <&${COPROC[0]} >$OUT/sorted; wait",
    "fifo": "mkfifo $HOME/p; sort $IN/a >$HOME/p & tr a-z A-Z <$HOME/p >$OUT/upper; wait",
    "exec-out": "exec >$OUT/all; sort $IN/a; sort -r $IN/b",
    "exec-both": "exec 3<>$IN/b; tr a-z A-Z <&3 >$OUT/x; printf more >&3",
    "here-string": "tr a-z A-Z <<<\"$(<$IN/a)\" >$OUT/upper",
    "mapfile": "mapfile -t lines <$IN/a; printf '%s\\n' \"${lines[@]:1}\" >$OUT/rest",
    "source": {"script": ". $IN/env.sh; artfs_ways openat $IN/$FILE $OUT/copy",
               "files": {"env.sh": "FILE=b\n"}},
    "shell-script-args": {"script": "sh $IN/s.sh $IN/a",
                          "files": {"s.sh": "tr a-z A-Z <$1 >$OUT/x\nexec cut -c 1 $1\n"}},
    "noclobber": "set -C; sort $IN/a >$OUT/x; sort $IN/b >$OUT/x; sort -r $IN/b >|$OUT/x",
    "pipefail": {"script": "set -o pipefail; false | sort $IN/a >$OUT/x",
                 "status": 1},
    "runuser": {"script": "runuser -u nobody -- artfs_ways openat $IN/a /dev/null",
                "root": True,
                "needs": "runuser"},
    "su": {"script": "su -s /bin/sh nobody -c 'exec artfs_ways openat '$IN'/a /dev/null'",
           "root": True,
           "needs": "su"},
    "unshare-urm": "unshare -Urm bash -c 'mount -t tmpfs none /mnt; cp $IN/a /mnt/; sort /mnt/a "
                   ">$OUT/sorted; artfs_ways openat $IN/b $OUT/b'",
}
