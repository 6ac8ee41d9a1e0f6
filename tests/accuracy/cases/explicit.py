"""`art run`: everything below it is one run."""

STAGES = "artfs_ways openat $IN/a $OUT/one; artfs_ways openat $OUT/one $OUT/two"

CASES = {
    "art-run": f"art run -- bash -c '{STAGES}'",
    "art-run-tools": "art run --job-type tidy -- bash -c 'cp $IN/a $OUT/a; sort -r <$OUT/a "
                     ">$OUT/sorted; cat $IN/b >>$OUT/sorted; rm $OUT/a'",
    "art-run-orphan": "art run -- sh -c '(sleep 0.3; artfs_ways openat $IN/a $OUT/copy) & :'",
    "art-run-observer": "art run -- cat $IN/a",
    "art-run-make": {"script": "printf 'all: $(OUT)/a $(OUT)/b\\n$(OUT)/%%: $(IN)/%%\\n"
                               "\\tsort $< >$@\\n' >$HOME/Makefile; art run -- "
                               "make -s -f $HOME/Makefile", "needs": "make"},
    "art-run-fails": {"script": "art run -- sh -c 'sort $IN/a >$OUT/half; exit 4'", "status": 4},
    "art-run-twice": f"art run -- bash -c '{STAGES}'; art run -- sort $OUT/two -o $OUT/three",
}
