"""Random scripts in which a shell, its subshells, other shells, file tools and programs work on the
same few files: `run --random N`. What they print and leave must be what a plain directory has."""
import random
import shlex

FILES = ["a", "b", "d/c", "d/e"]
INPUTS = ["a", "b", "c.csv", "dir/x", "link"]
BEGINNINGS = [
    "for f in a b d/c d/e; do cp $IN/a $OUT/$f; done",
    "sh -c 'for f in a b d/c d/e; do cp $IN/a $OUT/$f; done'",
    "for f in a b d/c d/e; do sort $IN/a >$OUT/$f; done",
    "for f in a b d/c d/e; do echo $f >$OUT/$f; done",
    "sh -c 'for f in a b d/c d/e; do echo $f >$OUT/$f; done'"]
# {s} is read, {o} written, {t} neither of the two, {w} a word of its own. None of them fails.
COMMANDS = [
    "echo {w} >{o}", "echo {w} >>{o}", "printf '{w}\\n' >>{o}", ": >{o}",
    "{{ echo {w}; echo z; }} >{o}", "cat {s} >{o}", "cat {s} >>{o}", "cat {s}", "wc -c <{s}",
    "cp {s} {o}", "mv -f {o} {o}.n; mv {o}.n {o}", "rm -f {o}; echo {w} >{o}",
    "rm -f {o}; cp $IN/a {o}", "rm {o}; sort {s} >{o}", "ln -f {o} {o}.k; rm {o}.k",
    "sed -i s/w/v/ {o}", "tee {o} <{s} >/dev/null", "tee -a {o} <{s} >/dev/null",
    "truncate -s 3 {o}", "dd if={s} of={o} bs=1 count=2 conv=notrunc status=none",
    "install -m 644 {s} {o}", "chmod 600 {o}", "sort {s} -o {o}", "sort {o} -o {o}",
    "sort {s} >{o}", "sort <{s} >{o}", "sort {s} >>{o}", "sort {s} >/dev/null",
    "awk 1 {s} {t} >{o}", "perl -pe s/a/b/ {s} >{o}", "perl -i -pe s/w/u/ {o}",
    "cat {s} | sort >{o}", "cat {s} | tr a-z A-Z | sort >{o}", "sort {s} | cat >{o}",
    "sort {s} | tee {o} >/dev/null", "cat {s} | tee {o} | wc -l", "head -n 1 {s} >{o}",
    "while read l; do echo {w} $l; done <{s} >>{o}", "read l <{s}; echo $l{w} >>{o}",
    "x=$(cat {s}); echo $x{w} >>{o}", "x=$(sort {s}); echo $x{w} >>{o}",
    "test -s {t} && echo {w} >>{o}", "cmp -s {s} {o} || cp {s} {o}", "rsync -a {s} {o}",
    "echo {s} | xargs cat >{o}", "echo {s} | xargs sort >{o}",
    "find $OUT/ -name '[ab]' -exec chmod 640 {{}} +",
    "find $OUT/ -type f -name c -exec sh -c 'echo {w} >>\"$1\"' _ {{}} \\;",
    "(cd $OUT/d && cat c >>e)", "cd $OUT/d && echo {w} >>e; cd $OLDPWD"]
# {q} is a script as one word, {b} the same as it stands, {l} a log of its own.
AROUND = [
    "sh -c {q}", "sh -c {q}", "bash -c {q}", "( {b} )", "{{ {b}; }} >>{l}", "( {b} ) >{l}",
    "for i in 1 2; do {b}; done", "env X=1 sh -c {q}", "timeout 20 sh -c {q}",
    "setsid -w sh -c {q}", "if test -e {t}; then {b}; fi", "sh -c {q} >{l}", "sh -c {q} <{s}",
    "( {b} ) & wait", "sh -c {q} & wait $!", "printf %s {q} >$HOME/s.sh; sh $HOME/s.sh",
    "python3 -c 'import subprocess, sys; subprocess.run(sys.argv[1], shell=True)' {q}",
    "exec 3>>{l}; {b}; echo {w} >&3; exec 3>&-"]


class Writer:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.words = self.logs = 0

    def names(self):
        target, other = self.random.sample(FILES, 2)
        source = self.random.choice([f"$IN/{name}" for name in INPUTS] +
                                    [f"$OUT/{name}" for name in FILES if name != target] * 3)
        self.words += 1
        return {"s": source, "o": f"$OUT/{target}", "t": f"$OUT/{other}", "w": f"w{self.words}"}

    def script(self, depth, most):
        lines = [self.line(depth) for _ in range(self.random.randint(1, most))]
        return "; ".join(lines)

    def line(self, depth):
        if depth == 0 or self.random.random() < 0.6:
            return self.random.choice(COMMANDS).format(**self.names())
        inner = self.script(depth - 1, 3)
        self.logs += 1
        return self.random.choice(AROUND).format(q=shlex.quote(inner), b=inner,
                                                 l=f"$OUT/log{self.logs}", **self.names())


def cases(count, seed):
    found = {}
    for number in range(count):
        writer = Writer(f"{seed}.{number}")
        begin = writer.random.choice(BEGINNINGS)
        found[f"random-{seed}-{number}"] = f"mkdir -p $OUT/d; {begin}; {writer.script(2, 4)}; :"
    return found
