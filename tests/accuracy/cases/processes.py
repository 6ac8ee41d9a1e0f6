"""Who a process belongs to: orphans, sessions, users, endings."""

CASES = {
    "orphan": "sh -c 'artfs_ways openat $IN/a $OUT/copy & :'",
    "orphan-later": "sh -c '(sleep 0.3; artfs_ways openat $IN/a $OUT/copy) & :'",
    # What a program leaves behind is of its run, whatever it touches first after the run's end.
    "left-behind": "python3 -c 'import os, sys, time\nopen(sys.argv[2], \"w\").write(\"early\")\n"
                   "if os.fork() == 0:\n os.setsid()\n time.sleep(1)\n"
                   " open(sys.argv[3], \"w\").write(open(sys.argv[1]).read())' "
                   "$IN/a $OUT/early $OUT/late",
    "setsid": "setsid --wait artfs_ways openat $IN/a $OUT/copy",
    "nohup": "nohup artfs_ways openat $IN/a $OUT/copy",
    "other-user": {"script": "artfs_ways other-user $(command -v artfs_ways) "
                             "openat $IN/a /dev/null", "root": True},
    "setpriv": {"script": "setpriv --reuid 65534 --clear-groups artfs_ways openat $IN/a /dev/null",
                "root": True, "needs": "setpriv"},
    "fails": {"script": "python3 -c 'import os, sys; open(sys.argv[1]).read(); "
                        "open(sys.argv[2], \"w\").write(\"half\"); sys.exit(3)' $IN/a $OUT/half",
              "status": 3},
    "killed": {"script": "python3 -c 'import os, sys; open(sys.argv[1]).read(); "
                         "open(sys.argv[2], \"w\").write(\"half\"); os.kill(os.getpid(), 9)' "
                         "$IN/a $OUT/half 2>/dev/null", "status": 137},
    "fails-midway": {"script": "artfs_ways openat $IN/a $OUT/one; artfs_ways openat $IN/none "
                               "$OUT/two; artfs_ways openat $OUT/one $OUT/three"},
    "changes-its-name": "artfs_ways disguised $IN/a $OUT/copy",
    "renamed-program": "cp $(command -v cat) $HOME/mine; $HOME/mine $IN/a; "
                       "artfs_ways openat $IN/b $OUT/copy",
    "lying-environment": "ART_RUN=0123456789abcdef0123456789abcdef artfs_ways openat $IN/a "
                         "$OUT/one; ART_RUN='../x y' ART_PROJECT=none artfs_ways openat $IN/b "
                         "$OUT/two",
    "perl": "perl -e 'open F, shift; open G, \">\", shift; print G reverse <F>' $IN/a $OUT/back",
    "background": "artfs_ways openat $IN/a $OUT/one & artfs_ways openat $IN/b $HOME/two & wait",
    "timeout": "timeout 20 artfs_ways openat $IN/a $OUT/copy",
    "five-stages": "for i in 1 2 3 4 5; do artfs_ways openat $IN/a $OUT/$i || exit; done",
    "script-file": "echo 'artfs_ways openat $IN/a $OUT/one; artfs_ways openat $OUT/one $OUT/two' "
                   ">$HOME/stages.sh; bash $HOME/stages.sh",
    "nested-shells": "sh -c 'bash -c \"env X=1 sh -c \\\"artfs_ways child $IN/a $OUT/copy\\\"\"'",
}
