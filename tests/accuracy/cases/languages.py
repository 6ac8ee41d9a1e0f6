"""Other languages than Python, and more of Python."""
from .python import module

CASES = {
    "node": {"script": "node -e 'const fs=require(\"fs\"); const {IN,OUT}=process.env; "
                       "fs.writeFileSync(OUT+\"/u\", "
                       "fs.readFileSync(IN+\"/a\",\"utf8\").toUpperCase()); "
                       "fs.copyFileSync(IN+\"/b\", OUT+\"/b\"); "
                       "fs.createReadStream(IN+\"/big\").pipe(fs.createWriteStream(OUT+\"/big\"))'",
             "needs": "node"},
    "node-child": {"script": "node -e 'const c=require(\"child_process\"); const "
                             "{IN,OUT}=process.env; "
                             "c.execFileSync(\"sort\",[\"-o\",OUT+\"/s\",IN+\"/a\"]); "
                             "c.execSync(`tr a-z A-Z <${IN}/b >${OUT}/u`)'",
                   "needs": "node"},
    "node-promises": {"script": "node -e 'const fs=require(\"fs/promises\"); const "
                                "{IN,OUT}=process.env; "
                                "Promise.all([\"a\",\"b\",\"dir/x\"].map(async "
                                "n=>fs.writeFile(OUT+\"/\"+n.replace(\"/\",\"-\"), await "
                                "fs.readFile(IN+\"/\"+n))))'",
                      "needs": "node"},
    "lua": {"script": "lua5.4 -e 'local f=io.open(os.getenv(\"OUT\")..\"/u\",\"w\"); for l in "
                      "io.lines(os.getenv(\"IN\")..\"/a\") do f:write(l:upper(),\"\\n\") end; "
                      "f:close()'",
            "needs": "lua5.4"},
    "perl-fork": "perl -e 'my ($i,$o)=@ARGV; for my $n (\"a\",\"b\") { next if fork; open "
                 "F,\"$i/$n\"; open G,\">$o/$n\"; print G <F>; exit } wait; wait' $IN $OUT",
    "perl-pipe": "perl -e 'open P,\"sort $ARGV[0] |\"; open G,\">$ARGV[1]\"; print G <P>' $IN/a "
                 "$OUT/s",
    "awk-system": "awk 'BEGIN { while ((getline l < (ENVIRON[\"IN\"] \"/a\")) > 0) print l | "
                  "(\"sort -r >\" ENVIRON[\"OUT\"] \"/s\") }'",
    "process-pool": module("from concurrent.futures import ProcessPoolExecutor as P\ndef "
                           "f(n):\n    "
                           "open(f'{OUT}/{n}','wb').write(open(f'{IN}/{n}','rb').read())\nif "
                           "__name__=='__main__':\n    with P(2) as p: list(p.map(f, "
                           "['a','b','big']))\n"),
    "asyncio": module("import asyncio\nasync def one(n):\n    p=await "
                      "asyncio.create_subprocess_exec('sort','-o',f'{OUT}/{n}',f'{IN}/{n}'); "
                      "await p.wait()\n    q=await asyncio.create_subprocess_shell(f'tr a-z A-Z "
                      "<{IN}/{n} >{OUT}/{n}.u'); await q.wait()\nasync def main(): await "
                      "asyncio.gather(one('a'),one('b'))\nasyncio.run(main())"),
    "popen-pipes": module("import subprocess as s\na=s.Popen(['cat',f'{IN}/a'],stdout=s.PIPE)\n"
                          "b=s.Popen(['sort','-r'],stdin=a.stdout,stdout=open(f'{OUT}/s','w'))\n"
                          "a.stdout.close(); b.wait(); a.wait()"),
    "shutil-move": module("import shutil\nshutil.move(f'{IN}/a', f'{OUT}/a'); "
                          "shutil.make_archive(f'{OUT}/d','gztar',f'{IN}/dir'); "
                          "shutil.rmtree(f'{IN}/dir')", varies="d.tar.gz"),
    "csv-dictwriter": module("import csv,glob,gzip\nrows=[r for r in "
                             "csv.DictReader(open(glob.glob(f'{IN}/*.csv')[0]))]\nwith "
                             "gzip.open(f'{OUT}/r.gz','wt') as f:\n    "
                             "w=csv.DictWriter(f,rows[0]); w.writeheader(); w.writerows(rows)", varies="r.gz"),
    "scandir-stat": module("for e in os.scandir(IN):\n    e.stat()\n    if e.is_file() and "
                           "e.name=='b': open(e.path).read()\nopen(f'{OUT}/x','w').close()"),
    "os-exec": module("os.execvp('sort',['sort','-o',f'{OUT}/s',f'{IN}/a'])"),
    "pathlib": module("from pathlib import Path as P\nP(OUT,'d/e').mkdir(parents=True); "
                      "P(OUT,'d/e/x').write_bytes(P(IN,'a').read_bytes()); "
                      "P(OUT,'d/e/x').rename(P(OUT,'y')); P(OUT,'l').symlink_to('y'); "
                      "P(OUT,'l').read_text(); P(IN,'b').unlink(); P(IN,'b').write_text('new')"),
}
