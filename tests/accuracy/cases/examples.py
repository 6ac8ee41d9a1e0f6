"""The small example of examples/csv, as it is."""
from pathlib import Path

CSV = Path(__file__).resolve().parents[3] / "examples/csv"

CASES = {
    "csv-pipeline": {"script": f"ART=$ROOT DATA={CSV}/data {CSV}/pipeline.sh", "needs": "gawk"},
}
