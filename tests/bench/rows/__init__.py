"""The rows, one file a family."""
import collections

from . import handing, opening, reading, small

Row = collections.namedtuple("Row", "title measure")

ROWS = {
    1: Row("reads of a sealed file, warm", reading.measure),
    3: Row("open+read+close of small files", opening.measure),
    4: Row("many small files by ordinary programs", small.measure),
    8: Row("from a run's end to what others see", handing.measure),
}
