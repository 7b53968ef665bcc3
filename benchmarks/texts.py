"""Real English texts that install by name, to measure quality on; nothing here calibrates.

Rated sentences (film reviews, product reviews, news, tweets; MIT) come with the source package of
vaderSentiment, package descriptions of a few words to a few hundred with Debian's package lists.
"""

import hashlib
import io
import random
import re
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.pairing import output_of
from examples.minilm import CACHE

PACKAGE: Final = "vaderSentiment==3.3.2"
PACKAGE_SHA256: Final = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
INNER_ARCHIVE: Final = "hutto_ICWSM_2014.tar.gz"
RATED_FILE: Final = "_GroundTruth.txt"
TEXT_COLUMN: Final = 2

DESCRIPTION: Final = re.compile(r"^Description-en: .*\n((?: .*\n)+)", re.MULTILINE)
SEED: Final = 0


def rated_sentences(count: int) -> list[str]:
    """Short texts, a random choice that is the same each time.

    Raises:
        RuntimeError: pip cannot get the package, or it has another hash.
    """
    path = CACHE / "texts" / "vader.tar.gz"
    if not path.exists():
        _download(path)
    with tarfile.open(path) as outer:
        inner = next(name for name in outer.getnames() if name.endswith(INNER_ARCHIVE))
        data = _member(outer, inner)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        names = sorted(name for name in archive.getnames() if name.endswith(RATED_FILE))
        lines = [
            line
            for name in names
            for line in _member(archive, name).decode("utf-8", "replace").splitlines()
        ]
    return random.Random(SEED).sample([line.split("\t")[TEXT_COLUMN] for line in lines], count)


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


def _download(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", scratch]
        output_of([*pip, "--no-binary", ":all:", PACKAGE])
        (source,) = Path(scratch).glob("*.tar.gz")
        found = hashlib.sha256(source.read_bytes()).hexdigest()
        if found != PACKAGE_SHA256:
            raise RuntimeError(f"{PACKAGE} has sha256 {found}, expected {PACKAGE_SHA256}")
        source.rename(path)


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


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise RuntimeError(f"{name} is no file in its archive")
    return file.read()


def _paragraph(indented: str) -> str:
    """A description's lines as one; a line of one dot is an empty line."""
    lines = (line.strip() for line in indented.splitlines())
    return " ".join(line for line in lines if line != ".")
