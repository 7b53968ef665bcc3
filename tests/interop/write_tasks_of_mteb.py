"""Real texts for two tasks of mteb: descriptions of packages, and sentences that people rated.

Usage: python -m tests.interop.write_tasks_of_mteb FILE
"""

import json
import sys
from pathlib import Path
from typing import Final

from benchmarks.texts import package_pairs
from examples.rated import rated

PAIRS: Final = 100
SENTENCES: Final = 200


def main(file: str) -> None:
    """Write pairs of a query and its document, and sentences with their labels."""
    sentences = [(each.text, int(each.score > 0)) for each in rated("movie")]
    good, bad = ([one for one in sentences if one[1] == label] for label in (1, 0))
    mixed = [one for both in zip(good, bad, strict=False) for one in both]
    found = {
        "pairs": package_pairs(PAIRS),
        "train": mixed[:SENTENCES],
        "test": mixed[SENTENCES : 2 * SENTENCES],
    }
    Path(file).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
