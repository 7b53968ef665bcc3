"""Real English texts that install by name, to measure quality on; nothing here calibrates.

Rated sentences (film reviews, product reviews, news, tweets; MIT) come with the source package of
vaderSentiment, package descriptions of a few words to a few hundred with Debian's package lists.
"""

import random
import re
from collections import Counter
from pathlib import Path
from typing import Final

from benchmarks.pairing import output_of
from examples.minilm import CACHE
from examples.rated import SOURCES, rated

DESCRIPTION: Final = re.compile(r"^Description-en: (.*)\n((?: .*\n)+)", re.MULTILINE)
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
    return random.Random(SEED).sample(sorted({long for _, long in _described_packages()}), count)


def package_titles() -> list[str]:
    """Texts of a few words, shuffled, no text twice, from the lists of the day.

    Raises:
        RuntimeError: apt-get cannot fetch the lists.
    """
    titles = sorted({short for short, _ in _described_packages()})
    random.Random(SEED).shuffle(titles)
    return titles


def mixed_texts(count: int) -> list[str]:
    """Three short texts for every two long ones, shuffled as they would come."""
    texts = rated_sentences(count * 3 // 5) + package_descriptions(count - count * 3 // 5)
    random.Random(SEED).shuffle(texts)
    return texts


def package_pairs(count: int) -> list[tuple[str, str]]:
    """Short and long descriptions of packages, no text twice, from the lists of the day.

    Raises:
        RuntimeError: apt-get cannot fetch the lists.
    """
    found = _described_packages()
    shorts, longs = (Counter(side) for side in zip(*found, strict=True))
    unique = sorted({pair for pair in found if shorts[pair[0]] == 1 and longs[pair[1]] == 1})
    return random.Random(SEED).sample(unique, count)


def apart(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Pairs of which no two have the same words in their long text: packages of one source."""
    found: dict[str, tuple[str, str]] = {}
    for short, long in pairs:
        words = " ".join(sorted({word.lower() for word in long.split() if word.isalpha()}))
        found.setdefault(words, (short, long))
    return list(found.values())


def _described_packages() -> list[tuple[str, str]]:
    """Each package's short description and its long one, where it has both."""
    lists = CACHE / "texts" / "apt"
    if not any(lists.glob("*Translation-en")):
        _update_package_lists(lists)
    text = "".join(
        path.read_text(encoding="utf-8") for path in sorted(lists.glob("*Translation-en"))
    )
    found = ((match[1].strip(), _paragraph(match[2])) for match in DESCRIPTION.finditer(text))
    return [(short, long) for short, long in found if short and long]


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
