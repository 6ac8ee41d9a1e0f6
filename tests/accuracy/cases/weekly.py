"""What a week at work has besides: pipelines of many ends, other shells, what stays behind."""
from .python import module

CASES = {
    # What a shell started before it became the last of its commands is not that command's.
    "background-then-exec": "sh -c '(sleep 0.2; exec artfs_ways openat $IN/a $OUT/one) & exec "
                            "python3 -c \"import os, time; open(os.environ[\\\"IN\\\"] + "
                            "\\\"/b\\\").read(); time.sleep(0.6)\"'",
    "tool-then-exec": "sh -c '(sleep 0.2; exec cp $IN/a $OUT/a) & exec python3 -c \"import os, "
                      "time; open(os.environ[\\\"IN\\\"] + \\\"/b\\\").read(); "
                      "time.sleep(0.6)\"'",
    "tee-substitution": "sort $IN/a | tee >(tr a-z A-Z >$OUT/upper) >$OUT/sorted; sleep 0.2",
    "substitution-late": "sort $IN/a | tee >(sleep 0.1; tr a-z A-Z >$OUT/upper) >/dev/null; "
                         "sleep 0.3",
    "program-with-substitution": "sort -r $IN/a > >(tr a-z A-Z >$OUT/upper); sleep 0.2",
    "ssh-agent-like": "python3 -c 'import os, sys, time\nif os.fork() == 0:\n time.sleep(0.2)\n"
                      " open(sys.argv[2], \"w\").write(open(sys.argv[1]).read())\n os._exit(0)\n"
                      "os.execvp(\"sleep\", [\"sleep\", \"0.5\"])' $IN/a $OUT/copy",
    "paste-substitutions": "paste <(cut -d, -f1 $IN/c.csv) <(cut -d, -f2 $IN/c.csv) "
                           "<(sort $IN/a) >$OUT/pasted",
    "join-substitutions": "join -t, <(sort $IN/c.csv) <(sort -r $IN/c.csv | sort) >$OUT/joined",
    "comm": "comm -23 $IN/a $IN/b >$OUT/c; comm -13 <(sort $IN/a) $IN/b >>$OUT/c",
    "shuf": "shuf --random-source=$IN/big $IN/a >$OUT/s; shuf -n 1 --random-source=$IN/big -o "
            "$OUT/one $IN/a",
    "split-filter": "split -n l/2 --filter='sort >'$OUT'/$FILE' $IN/a part.",
    "dd-seek": "dd if=$IN/b of=$OUT/d bs=1 seek=5 status=none; dd if=$IN/a of=$OUT/d bs=1 count=3 "
               "oflag=append conv=notrunc status=none",
    "rsync-append": {"script": "head -c 1000 $IN/big >$OUT/big; rsync --append $IN/big $OUT/big",
                     "needs": "rsync"},
    "cp-backup": "cp -u $IN/a $OUT/; cp -u $IN/a $OUT/; cp --backup=numbered $IN/b $OUT/a",
    "cp-link": "cp -rl $IN/dir $IN/dir2",
    "ln-force": "ln -f $IN/a $IN/b && ln -sfn dir $IN/link",
    "mv-T": "mv -T $IN/dir $IN/other && mv -n $IN/a $IN/b",
    "install-twice": "install -C -m 644 $IN/a $OUT/a; install -C -m 644 $IN/a $OUT/a; "
                     "install -b -m 600 $IN/b $OUT/a",
    "punch": "truncate -r $IN/a $OUT/t; fallocate -l 4096 $OUT/f; fallocate -p -o 0 -l 4096 "
             "$IN/big",
    "unzip-p": {"script": "zip -qj $HOME/z.zip $IN/a && zip -qj $OUT/z.zip $IN/b && "
                          "unzip -p $HOME/z.zip >$OUT/x && unzip -p $OUT/z.zip >$OUT/y",
                "needs": "zip unzip", "varies": "z.zip"},
    "zip-stdout": {"script": "zip -q - $IN/a | cat >$OUT/z.zip", "needs": "zip", "varies": "z.zip"},
    "tar-append": {"script": "tar -cf $OUT/t.tar -C $IN a; tar -rf $OUT/t.tar -C $IN b; tar -tf "
                             "$OUT/t.tar", "varies": "t.tar"},
    "bzip2": {"script": "bzip2 -k $IN/a; bzcat $IN/a.bz2 | tr a-z A-Z >$OUT/u; bunzip2 -f "
                        "$IN/a.bz2", "needs": "bzip2"},
    "pigz": {"script": "pigz -kn $IN/a; pigz -dc $IN/a.gz | sort >$OUT/s; unpigz -f $IN/a.gz",
             "needs": "pigz"},
    "xxd": {"script": "xxd $IN/a >$HOME/x; xxd -r $HOME/x $OUT/a", "needs": "xxd"},
    "sqlite-backup": {"script": "sqlite3 $OUT/db 'create table t(x); insert into t values (1)'; "
                                "sqlite3 $OUT/db '.backup '$OUT'/copy'; sqlite3 $OUT/copy "
                                "\"vacuum into '$OUT/small'\"; sqlite3 $OUT/small .dump >$OUT/sql",
                      "needs": "sqlite3"},
    "sed-w": "sed -n 's/beta/B/w '$OUT/w $IN/a; sed -s -i.bak 1d $IN/a $IN/b",
    "awk-split": "awk '{ print >(ENVIRON[\"OUT\"] \"/\" NR) }' $IN/a",
    "read-loop": {"script": "while read -r n; do artfs_ways openat $IN/$n $OUT/$n </dev/null; done "
                            "<$IN/list", "files": {"list": "a\nb\n"}},
    "xargs-a": {"script": "xargs -a $IN/list -P 2 -I{} sh -c 'sort $IN/{} >$OUT/{}'",
                "files": {"list": "a\nb\n"}},
    "trap-exit": "trap 'echo over >$OUT/end' EXIT; artfs_ways openat $IN/a $OUT/copy",
    "read-descriptor": "exec {fd}<$IN/a; read -r -u $fd x; cut -c 2- <&$fd >$OUT/rest; "
                       "echo $x >$OUT/first",
    "parallel-pipe": {"script": "parallel --will-cite --pipe -N 1 -k sort <$IN/a >$OUT/s",
                      "needs": "parallel"},
    "parallel-a": {"script": "parallel --will-cite -j 2 -a $IN/list 'sort '$IN'/{} >'$OUT'/{}'",
                   "needs": "parallel", "files": {"list": "a\nb\n"}},
    "find-fprint": "find $IN/dir -type f -fprint $OUT/list; find $IN/ -newer $IN/a >/dev/null",
    "checksums": "(cd $IN && sha256sum a b) >$OUT/SUMS; (cd $IN && sha256sum -c "
                 "$ROOT/$OUT/SUMS >$HOME/checked)",
    "sort-temporary": {"script": "sort -T $OUT -S 20k --parallel=2 $IN/long -o $OUT/s",
                       "files": {"long": "".join(f"{i * 7919 % 10007}\n" for i in range(9000))}},
    "zsh": {"script": "zsh -fc 'sort <$IN/a >$OUT/x; print -r -- word >$OUT/y; tr a b "
                      "<<<$(<$IN/b) >$OUT/z'", "needs": "zsh"},
    "zsh-temporary": {"script": "zsh -fc 'sort =(tr a-z A-Z <$IN/a) >$OUT/x'", "needs": "zsh"},
    "dash-heredoc": "dash -c 'tr a-z A-Z <<E >$OUT/x\n$(cut -c 1 $IN/a)\nE\n'",
    "fish": {"script": "fish -Nc 'sort $IN/a >$OUT/x; and sort -r $OUT/x >$OUT/y; for n in (cat "
                       "$IN/b); echo $n >>$OUT/z; end'", "needs": "fish"},
    "busybox": {"script": "busybox sh -c 'sort $IN/a >$OUT/x; busybox cp $IN/b $OUT/b; cat $IN/a "
                          "| tr a-z A-Z >$OUT/u'", "needs": "busybox"},
    "cmake": {"script": "cmake -S $IN -B $OUT/build -G Ninja >/dev/null && cmake --build "
                        "$OUT/build >/dev/null", "needs": "cmake ninja",
              "varies": "build/*", "files": {"CMakeLists.txt": "cmake_minimum_required(VERSION "
                 "3.20)\nproject(x NONE)\nadd_custom_command(OUTPUT x COMMAND sort "
                 "${CMAKE_SOURCE_DIR}/a -o x)\nadd_custom_target(all-of-it ALL DEPENDS x)\n"}},
    "setsid-fork": "setsid -f artfs_ways openat $IN/a $OUT/copy",
    "disown": "sh -c 'sleep 0.2; sort $IN/a >$OUT/s' & disown",
    "flock-descriptor": "( flock 9; artfs_ways openat $IN/a $OUT/copy ) 9>$OUT/x.lock",
    "wrappers": "ionice -c 3 taskset 1 chrt --idle 0 stdbuf -oL setarch -R prlimit --nofile=99 "
                "artfs_ways openat $IN/a $OUT/copy",
    "chroot": {"script": "chroot / artfs_ways openat $ROOT/$IN/a $ROOT/$OUT/copy", "root": True},
    "nsenter": {"script": "nsenter -m -t $$ artfs_ways openat $ROOT/$IN/a $ROOT/$OUT/copy",
                "root": True},
    "loader": "cp $(command -v artfs_ways) $OUT/tool; /lib64/ld-linux-x86-64.so.2 $OUT/tool "
              "openat $IN/a $OUT/copy",
    "subreaper": "python3 -c 'import ctypes, os, sys, time\nctypes.CDLL(None).prctl(36, 1)\n"
                 "if os.fork() == 0:\n if os.fork() == 0:\n  time.sleep(0.2)\n"
                 "  open(sys.argv[2], \"w\").write(open(sys.argv[1]).read())\n os._exit(0)\n"
                 "os.wait(); os.wait()' $IN/a $OUT/copy",
    "curl-file": {"script": "curl -s -o $OUT/a file://$ROOT/$IN/a", "needs": "curl"},
    "http-server": {"script": "python3 -c 'import http.server, os, threading, urllib.request\n"
                              "os.chdir(os.environ[\"IN\"])\n"
                              "s = http.server.ThreadingHTTPServer((\"127.0.0.1\", 0), "
                              "http.server.SimpleHTTPRequestHandler)\n"
                              "threading.Thread(target=s.serve_forever, daemon=True).start()\n"
                              "urllib.request.urlretrieve(f\"http://127.0.0.1:{s.server_port}/a\", "
                              "os.environ[\"ROOT\"] + \"/\" + os.environ[\"OUT\"] + \"/got\")' "
                              "2>/dev/null"},
    "git-diff": {"script": "git diff --no-index $IN/a $IN/b >$OUT/diff; git hash-object $IN/big",
                 "needs": "git"},
    "git-archive": {"script": "git init -q $HOME/r; cd $HOME/r; cp $ROOT/$IN/a .; git add a; git "
                              "-c user.name=x -c user.email=x@y commit -qm one; git archive HEAD "
                              "| tar -x -C $ROOT/$OUT; git stash -q; git bundle create -q "
                              "$ROOT/$OUT/b HEAD", "needs": "git", "varies": "b", "prints": False},
    "git-hook": {"script": "git init -q $HOME/r; cd $HOME/r; printf '#!/bin/sh\\nartfs_ways openat "
                           "'$ROOT/$IN'/a '$ROOT/$OUT'/copy\\n' >.git/hooks/post-commit; chmod +x "
                           ".git/hooks/post-commit; echo x >x; git add x; git -c user.name=x -c "
                           "user.email=x@y commit -qm one", "needs": "git"},
    "dpkg-deb": {"script": "mkdir -p $HOME/p/DEBIAN; printf 'Package: x\\nVersion: 1\\n"
                           "Architecture: all\\nMaintainer: x <x@y.z>\\nDescription: x\\n' "
                           ">$HOME/p/DEBIAN/control; cp $IN/a $HOME/p/; dpkg-deb -b $HOME/p "
                           "$OUT/x.deb >/dev/null; dpkg-deb -x $OUT/x.deb $OUT/x",
                 "needs": "dpkg-deb", "varies": "x.deb"},
    "screen": {"script": "screen -D -m sh -c 'sort $IN/a >$OUT/s; artfs_ways openat $OUT/s "
                         "$OUT/t'", "needs": "screen", "prints": False},
    "sudo": {"script": "sudo -n -E env PATH=$PATH artfs_ways openat $IN/a $OUT/copy; sudo -n -E -u "
                       "nobody cat $IN/b", "needs": "sudo", "root": True},
    "posix-spawn-open": module("os.waitpid(os.posix_spawn('/usr/bin/sort', ['sort', f'{IN}/a'], "
                               "os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, f'{OUT}/s', "
                               "os.O_WRONLY | os.O_CREAT, 0o644)]), 0)"),
    "popen-cwd": module("import subprocess as s\ns.run(['sh', '-c', 'sort <a'], cwd=IN, "
                        "stdout=open(f'{OUT}/s', 'w'), preexec_fn=lambda: open('b').read())"),
    "atexit": module("import atexit, threading, time\ndef late():\n    time.sleep(0.1)\n"
                     "    open(f'{OUT}/late', 'w').write(open(f'{IN}/b').read())\n"
                     "threading.Thread(target=late).start()\n"
                     "atexit.register(lambda: open(f'{OUT}/end', 'w').write('x'))"),
    "shared-memory": module("import multiprocessing as mp\nfrom multiprocessing import "
                            "shared_memory as sm\ndef w(name):\n    m = sm.SharedMemory(name); "
                            "open(f'{OUT}/m', 'wb').write(bytes(m.buf[:6])); m.close()\nif "
                            "__name__ == '__main__':\n    m = sm.SharedMemory(create=True, "
                            "size=64); m.buf[:6] = open(f'{IN}/a', 'rb').read()[:6]\n    p = "
                            "mp.get_context('spawn').Process(target=w, args=(m.name,)); "
                            "p.start(); p.join(); m.close(); m.unlink()"),
    "manager": module("import multiprocessing as mp\ndef w(d, n): d[n] = open(f'{IN}/{n}').read()\n"
                      "if __name__ == '__main__':\n    with mp.Manager() as m:\n        d = "
                      "m.dict(); ps = [mp.Process(target=w, args=(d, n)) for n in 'ab']\n"
                      "        [p.start() for p in ps]; [p.join() for p in ps]\n"
                      "        open(f'{OUT}/all', 'w').write(d['a'] + d['b'])"),
    "rotating-log": module("import logging.handlers as h, logging\nl = logging.getLogger(); "
                           "l.addHandler(h.RotatingFileHandler(f'{OUT}/log', maxBytes=40, "
                           "backupCount=2))\nfor i in range(6): l.error('line number %d', i)"),
    "fileinput": module("import fileinput\nfor line in fileinput.input(f'{IN}/a', inplace=True, "
                        "backup='.bak'): print(line.upper(), end='')"),
    "json-tool": {"script": "python3 -m json.tool $IN/n.json $OUT/n.json; python3 -m gzip "
                            "$IN/n.json; python3 -m zipfile -c $OUT/z.zip $IN/a; python3 -m "
                            "zipfile -e $OUT/z.zip $OUT/z", "varies": "*.gz z.zip",
                  "files": {"n.json": '{"n": [1, 2]}'}},
    "lzma-tarfile": module("import lzma, tarfile\nwith tarfile.open(f'{OUT}/t.tar.xz', 'w:xz') as "
                           "t: t.add(f'{IN}/dir', 'dir')\ntarfile.open(f'{OUT}/t.tar.xz')."
                           "extractall(f'{OUT}/t'); lzma.open(f'{OUT}/a.xz', 'w').write("
                           "open(f'{IN}/a', 'rb').read())", varies="t.tar.xz"),
    "pillow": module("from PIL import Image\nImage.open(f'{IN}/x.ppm').resize((4, 2))."
                     "save(f'{OUT}/x.png'); i = Image.open(f'{OUT}/x.png'); i.load(); "
                     "i.save(f'{OUT}/x.jpg')", needs="py:PIL", varies="*.png *.jpg",
                     files={"x.ppm": "P3 2 1 255 255 0 0 0 255 0\n"}),
    "torch-checkpoints": module("import torch, shutil\nm = torch.nn.Linear(2, 1)\nfor e in "
                                "range(3):\n    torch.save(m.state_dict(), f'{OUT}/tmp.pt'); "
                                "os.replace(f'{OUT}/tmp.pt', f'{OUT}/last.pt')\n    if e == 1: "
                                "shutil.copy(f'{OUT}/last.pt', f'{OUT}/best.pt')\n"
                                "m.load_state_dict(torch.load(f'{OUT}/best.pt'))",
                                needs="py:torch", varies="*.pt"),
}
