"""Fails if a run of pytest left a test out, or ran none.

Usage: python -m tests.support.junit REPORT.xml
"""

import sys
from pathlib import Path
from xml.etree import ElementTree


def left_out(report: Path) -> list[str]:
    """Tests that a report of `pytest --junitxml` has as skipped or expected to fail.

    Raises:
        ValueError: no test ran.
    """
    cases = list(ElementTree.parse(report).iter("testcase"))
    if not cases:
        raise ValueError(f"{report} has no test")
    return [case.get("name", "") for case in cases if case.find("skipped") is not None]


if __name__ == "__main__":
    skipped = left_out(Path(sys.argv[1]))
    sys.exit(f"left out: {', '.join(skipped)}" if skipped else 0)
