"""The rows, one file a family."""
import collections

from . import crowd, handing, logging, opening, pipeline, reading, scale, small

Row = collections.namedtuple("Row", "title measure")

ROWS = {
    1: Row("reads of a sealed file, warm", reading.measure),
    2: Row("a big file until sealed and durable", logging.big),
    3: Row("open+read+close of small files", opening.measure),
    4: Row("many small files by ordinary programs", small.measure),
    5: Row("many small files until others see them", logging.many),
    6: Row("a version of a million files", scale.files),
    7: Row("a million edges", scale.edges),
    8: Row("from a run's end to what others see", handing.measure),
    9: Row("the MNIST pipeline", pipeline.measure),
    10: Row("a hundred runs at once", crowd.measure),
}
