"""What starts people's work for them: a notebook's kernel, cron, a workflow engine."""

SNAKEFILE = """rule all:
    input: "{OUT}/both"
rule upper:
    input: "{IN}/{name}"
    output: "{OUT}/{name}.upper"
    shell: "tr a-z A-Z <{input} >{output}"
rule both:
    input: "{OUT}/a.upper", "{OUT}/b.upper"
    output: "{OUT}/both"
    shell: "artfs_ways threads {input} {output}"
"""
SNAKEMAKE = ("snakemake --quiet -c 1 --nolock -s $HOME/Snakefile -d $HOME >$HOME/log 2>&1 || "
             "{ cat $HOME/log; exit 1; }")

CASES = {
    "ipython-kernel": {
        "script": "$PROGRAMS/jupyter-server \"text = open('$IN/a').read()\" "
                  "\"!sort -r $IN/b >/dev/null\" "
                  "\"open('$OUT/upper', 'w').write(text.upper())\" \"import os\"",
        "needs": "py:ipykernel py:jupyter_client", "prints": False},
    "cron": {
        "script": "$PROGRAMS/with-cron \"cd $ROOT; artfs_ways openat $IN/a $OUT/copy\"",
        "needs": "cron unshare", "root": True},
    "snakemake": {
        "script": "printf '%s' '" + SNAKEFILE.replace("{OUT}", "'$ROOT/$OUT'")
                  .replace("{IN}", "'$ROOT/$IN'") + "' >$HOME/Snakefile; " + SNAKEMAKE,
        "needs": "snakemake", "prints": False},
}
