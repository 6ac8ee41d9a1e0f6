"""Bytes from file to file; writing, emptying and changing files that are there."""


def change(way, file="$IN/a"):
    return f"artfs_ways {way} {file}"


CASES = {
    **{way: f"artfs_ways {way} $IN/big $OUT/copy"
       for way in ("sendfile", "copy_file_range", "splice", "clone")},
    "tee": "artfs_ways tee $IN/a $OUT/one $OUT/other",
    "creat": change("creat", "$OUT/new"),
    "creat-over": change("creat"),
    "append": change("append"),
    "write-middle": change("write-middle"),
    "writev": change("writev", "$OUT/new"),
    "write-only": change("write-only") + "; artfs_ways openat $IN/b $OUT/copy",
    "mmap-write": change("mmap-write", "$IN/big"),
    "direct-write": change("direct-write", "$OUT/block"),
    "truncate": change("truncate"),
    "o_trunc": change("o_trunc"),
    "ftruncate": change("ftruncate"),
    "fallocate": change("fallocate", "$OUT/room"),
    "chmod": change("chmod"),
    "read-own": change("read-own", "$OUT/own"),
    "two-programs": "artfs_ways openat $IN/a $OUT/one && artfs_ways openat $OUT/one $OUT/two",
    "three-programs": "artfs_ways openat $IN/a $OUT/one && artfs_ways append $OUT/one && "
                      "artfs_ways sendfile $OUT/one $OUT/two",
}
