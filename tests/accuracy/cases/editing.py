"""Files that are changed where they are, and trees that are walked."""
from .python import module

CASES = {
    "find-delete": "find $IN/ -name '[xy]' -delete",
    "find-exec-plus": "find $IN/dir -type f -exec sort -o $OUT/all {} +",
    "find-execdir": "find $IN/dir -name x -execdir artfs_ways openat {} $ROOT/$OUT/x ';'",
    "find-xargs": "find $IN/dir -type f -print0 | sort -z | xargs -0 cat >$OUT/all",
    "xargs-rm": "find $IN/dir -type f | xargs rm",
    "perl-i": "perl -i -pe 's/beta/BETA/' $IN/a",
    "perl-i-bak": "perl -i.bak -ne 'print unless /beta/' $IN/a",
    "gawk-i": {"script": "gawk -i inplace '{ print toupper($0) }' $IN/a",
               "needs": "gawk"},
    "ed": {"script": "printf '2d\\nw\\nq\\n' | ed -s $IN/a",
           "needs": "ed"},
    "ex": {"script": "printf '%s\\n' '1d' 'wq' | ex -s $IN/a",
           "needs": "ex"},
    "shelve": module("import shelve\nwith shelve.open(f'{OUT}/s') as s: "
                     "s['x']=open(f'{IN}/a').read()\nwith shelve.open(f'{OUT}/s') as s: "
                     "s['y']=s['x']+'!'\nprint(sorted(shelve.open(f'{OUT}/s','r')))", varies="s*"),
    "shelve-in": "python3 -c 'import dbm.dumb,os\n"
                 "d=dbm.dumb.open(os.environ[\"OUT\"]+\"/d\",\"c\"); d[b\"k\"]=b\"v\"; "
                 "d.close()' && python3 -c 'import dbm.dumb,os\n"
                 "d=dbm.dumb.open(os.environ[\"OUT\"]+\"/d\",\"w\"); d[b\"l\"]=d[b\"k\"]; "
                 "d.close()'",
    "pickle": "python3 -c 'import pickle,os\n"
              "pickle.dump([1,2],open(os.environ[\"OUT\"]+\"/p\",\"wb\"))' && python3 -c 'import "
              "pickle,os\nprint(pickle.load(open(os.environ[\"OUT\"]+\"/p\",\"rb\")))'",
    "memmap": {"script": "python3 -c 'import numpy as np,os\n"
                         "m=np.memmap(os.environ[\"OUT\"]+\"/m\",dtype=\"f4\",mode=\"w+\",shape=(4096,)); "
                         "m[:]=3; m.flush()' && python3 -c 'import numpy as np,os\n"
                         "m=np.memmap(os.environ[\"OUT\"]+\"/m\",dtype=\"f4\",mode=\"r+\"); "
                         "m[5]=m[4]+1' && python3 -c 'import numpy as np,os\n"
                         "print(np.memmap(os.environ[\"OUT\"]+\"/m\",dtype=\"f4\",mode=\"c\").sum())'",
               "needs": "py:numpy"},
    "sqlite-wal-two": module("import sqlite3,multiprocessing as mp\ndef w(i):\n    "
                             "d=sqlite3.connect(f'{OUT}/db',timeout=30)\n    for k in "
                             "range(3):\n        with d: d.execute('insert into t "
                             "values(?)',(i,))\n    d.close()\nif __name__=='__main__':\n    "
                             "d=sqlite3.connect(f'{OUT}/db'); d.execute('pragma "
                             "journal_mode=wal'); d.execute('create table t(x)'); "
                             "d.commit()\n    ps=[mp.Process(target=w,args=(i,)) for i in "
                             "range(3)]\n    [p.start() for p in ps]; [p.join() for p in "
                             "ps]\n    print(d.execute('select count(*) from t').fetchone()); "
                             "d.close()", varies="db"),
    "sqlite-in": {"script": "sqlite3 $OUT/db 'create table t(x); insert into t values(7)'; "
                            "python3 -c 'import sqlite3,os\n"
                            "d=sqlite3.connect(\"file:\"+os.environ[\"OUT\"]+\"/db?mode=ro\",uri=True); "
                            "open(os.environ[\"HOME\"]+\"/x\",\"w\").write(str(d.execute(\"select "
                            "* from t\").fetchall()))'",
                  "needs": "sqlite3"},
}
