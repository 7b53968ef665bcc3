"""Real English texts that install by name, to measure quality on; nothing here calibrates.

Rated sentences (film reviews, product reviews, news, tweets; MIT) come with the source package of
vaderSentiment, package descriptions of a few words to a few hundred with Debian's package lists.
"""

import random
import re
from pathlib import Path
from typing import Final

from benchmarks.pairing import output_of
from examples.minilm import CACHE
from examples.rated import SOURCES, rated

DESCRIPTION: Final = re.compile(r"^Description-en: .*\n((?: .*\n)+)", re.MULTILINE)
SEED: Final = 0


def rated_sentences(count: int) -> list[str]:
    """Short texts, a random choice that is the same each time.

    Raises:
        RuntimeError: pip cannot get the package, or it has another hash.
    """
    texts = [sentence.text for source in SOURCES for sentence in rated(source)]
    return random.Random(SEED).sample(texts, count)


def package_descriptions(count: int) -> list[str]:
    """Long texts, a random choice from the lists of the day.

    Raises:
        RuntimeError: apt-get cannot fetch the lists.
    """
    lists = CACHE / "texts" / "apt"
    if not any(lists.glob("*Translation-en")):
        _update_package_lists(lists)
    text = "".join(
        path.read_text(encoding="utf-8") for path in sorted(lists.glob("*Translation-en"))
    )
    found = [_paragraph(match[1]) for match in DESCRIPTION.finditer(text)]
    return random.Random(SEED).sample(sorted({item for item in found if item}), count)


def _update_package_lists(lists: Path) -> None:
    """Fetch package lists into a folder of our own, uncompressed; the system's stay as they are."""
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    settings = {
        "Acquire::Languages": "en",
        "Acquire::GzipIndexes": "false",
        "APT::Sandbox::User": "",
        "Dir::State::lists": str(lists),
        "Dir::Cache": str(lists / "cache"),
    }
    options = [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]
    try:
        output_of(["apt-get", *options, "update"])
    except FileNotFoundError as error:
        raise RuntimeError("package descriptions need apt-get (Debian, Ubuntu)") from error


def _paragraph(indented: str) -> str:
    """A description's lines as one; a line of one dot is an empty line."""
    lines = (line.strip() for line in indented.splitlines())
    return " ".join(line for line in lines if line != ".")
