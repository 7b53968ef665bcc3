"""Names of repositories on the Hub, and where the cache keeps the bundles fetched from them."""

import re
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Final

REPOSITORY: Final = r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*"
NAME: Final = re.compile(rf"(?P<repository>{REPOSITORY})(?:@(?P<revision>\w[\w./-]*))?", re.ASCII)
COMMIT: Final = re.compile(r"[0-9a-f]{40}")

CACHE_PARTS: Final = ("edgebert", "bundles")
"""Below the Hub's folder for what libraries keep: `HF_HOME/assets`."""
SEPARATOR: Final = "--"
"""Stands for the `/` of a repository in the name of a folder; no repository has it."""


@dataclass(frozen=True, kw_only=True)
class HubName:
    """A repository on the Hub at one revision.

    Attributes:
        repository: `organisation/name`.
        revision: a branch, a tag or a commit; None for the repository's main branch.
    """

    repository: str
    revision: str | None = None

    def __str__(self) -> str:
        return self.repository if self.revision is None else f"{self.repository}@{self.revision}"

    @property
    def pinned(self) -> bool:
        """Whether the revision is a commit, whose files never change."""
        return self.revision is not None and COMMIT.fullmatch(self.revision) is not None

    @property
    def folder_name(self) -> str:
        """The name of the repository's folder in the cache."""
        return self.repository.replace("/", SEPARATOR)


def parse_name(text: str) -> HubName | None:
    """Read `organisation/name` or `organisation/name@revision`; None where it is neither."""
    match = NAME.fullmatch(text)
    if match is None or ".." in text or SEPARATOR in match["repository"]:
        return None
    return HubName(repository=match["repository"], revision=match["revision"])


def hub_name(source: str | PathLike[str]) -> HubName | None:
    """The name on the Hub that `source` is; None for a path, which whatever is here comes first as.

    A `PathLike` is always a path, and so is a string that names something that exists.
    """
    name = parse_name(source) if isinstance(source, str) else None
    return None if name is None or Path(source).exists() else name


def cached_name(folder: Path) -> HubName | None:
    """The repository and commit that a folder of the cache was fetched from; None for others."""
    *above, repository, commit = ("", "", "", "", *folder.absolute().parts)
    name = parse_name(f"{repository.replace(SEPARATOR, '/', 1)}@{commit}")
    cached = tuple(above[-len(CACHE_PARTS) :]) == CACHE_PARTS
    return name if cached and name is not None and name.pinned else None
