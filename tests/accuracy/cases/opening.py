"""Every way to open, read and map a file; and what is no use."""


def ways(*names, source="$IN/a"):
    return {name: f"artfs_ways {name} {source} $OUT/copy" for name in names}


CASES = {
    **ways("open", "openat", "openat2", "openat2-beneath", "pread", "readv", "preadv", "preadv2",
           "mmap-shared", "mmap-private", "direct", "proc-self-fd", "fchdir", "handle",
           "io_uring-read", "io_uring-read-async", "io_uring-open", "io_uring-open-async"),
    "link-in-version": "artfs_ways open $IN/link $OUT/copy",
    "threads": "artfs_ways threads $IN/a $IN/b $IN/dir/x $IN/dir/y $OUT/copy",
    "version": "artfs_ways open $CASE.in/v0/b $OUT/copy",
    "metadata": {"script": "artfs_ways open $IN/.art/metadata.json $OUT/copy",
                 "files": {".art/metadata.json": '{"made": "for tests"}'}},
    "stat": "artfs_ways stat $IN/a >$HOME/$CASE; artfs_ways openat $IN/b $OUT/copy",
    "o_path": "artfs_ways o_path $IN/a; artfs_ways openat $IN/b $OUT/copy",
    "readdir": "artfs_ways readdir $IN; artfs_ways openat $IN/b $OUT/copy",
    "failed-open": "artfs_ways failed-open $IN/a; artfs_ways openat $IN/b $OUT/copy",
    "forbidden": {
        "script": "artfs_ways forbidden $IN/secret; artfs_ways openat $IN/b $OUT/copy",
        "files": {"secret": b"nobody's"}, "modes": {"secret": 0o600}, "root": True},
}
