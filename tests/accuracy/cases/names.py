"""Links, renames, unlinks and replacing."""

CASES = {
    "exchange": "artfs_ways exchange $IN/a $IN/b",
    "noreplace": "artfs_ways noreplace $IN/a $IN/moved $IN/b",
    "rename-read": "artfs_ways rename-read $IN/a $IN/moved $OUT/copy",
    "link-read": "artfs_ways link-read $IN/a $IN/second $OUT/copy",
    "link-fd": "artfs_ways link-fd $IN/a $IN/second",
    "tmpfile": "artfs_ways tmpfile $OUT $OUT/named",
    "recreate": "artfs_ways recreate $IN/a $OUT/copy",
    "unlink-open": "artfs_ways unlink-open $IN/a $OUT/copy",
    "replace": "artfs_ways replace $IN/a",
    "symlink": "artfs_ways symlink a $IN/third && artfs_ways openat $IN/third $OUT/copy",
}
