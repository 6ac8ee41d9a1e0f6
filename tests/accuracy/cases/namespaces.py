"""Callers in namespaces of their own, as containers make them."""

CASES = {
    "pid-namespace": {"script": "unshare --pid --fork artfs_ways child $IN/a $OUT/copy",
                      "root": True},
    "pid-namespace-shell": {"script": "unshare --pid --fork bash -c 'artfs_ways openat $IN/a "
                                      "$OUT/one; artfs_ways openat $OUT/one $OUT/two'",
                            "root": True},
    "user-namespace": {"script": "unshare --user --map-root-user artfs_ways openat $IN/a "
                                 "$OUT/copy"},
    "bind-mount": {"script": "mkdir $HOME/data; unshare --mount bash -c 'mount --bind "
                             "$ROOT/$CASE.in $HOME/data; artfs_ways openat $HOME/data/latest/a "
                             "$OUT/copy'", "root": True},
    "bubblewrap": {"script": "bwrap --dev-bind / / --unshare-pid --die-with-parent "
                             "artfs_ways openat $IN/a $OUT/copy", "needs": "bwrap"},
    "bubblewrap-bind": {"script": "bwrap --dev-bind / / --bind $ROOT/$CASE.in/latest /mnt "
                                  "artfs_ways openat /mnt/a $OUT/copy", "needs": "bwrap",
                        "root": True},
    "podman": {"script": "$PROGRAMS/in-container artfs_ways openat $ROOT/$IN/a $ROOT/$OUT/copy",
               "needs": "podman runc", "root": True},
}
