"""Write what runtime/web/tests compare a page's tokens and answers with.

Usage: python -m tests.support.web.write_vectors OUT
"""

import sys
from pathlib import Path

from tests.support.web.write_answers import write_answers
from tests.support.web.write_characters import write_characters
from tests.support.web.write_tokens import write_tokens


def main(out: Path) -> None:
    write_characters(out / "characters.json")
    write_tokens(out / "tokens")
    write_answers(out / "answers")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
