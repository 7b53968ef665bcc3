"""Train the small classifier of docs/how-to/moving-from-optimum.md.

Usage: python -m tests.interop.write_classifier FOLDER
"""

import sys
from pathlib import Path

from tests.support.guide_checkpoints import write_tickets

if __name__ == "__main__":
    write_tickets(Path(sys.argv[1]))
