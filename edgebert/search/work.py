"""The folder of a search: checkpoints, bundles and measurements under a hash of what made them."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from edgebert.training.job import digest_of_file
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.storage.atomic_write import write_whole
from edgebert_runtime.storage.file_lock import locked
from edgebert_runtime.storage.json_reader import read_json

JOB: Final = "job.json"
DIGITS: Final = 24
"""Of the hash that a name consists of."""


class Work:
    """What a search has made and measured; a search that was interrupted finds it again.

    Args:
        folder: where; `opened` makes it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def checkpoint(self, key: str, name: str) -> Path:
        """The folder of a checkpoint, which may not be there yet; bundles say its name."""
        return self.folder / "checkpoints" / key / name

    def bundle(self, key: str) -> Path:
        """The folder of a checkpoint's bundle, likewise."""
        return self.folder / "bundles" / key

    def remembered(self, name: str, measure: Callable[[], Any]) -> Any:
        """A value of JSON that is measured once.

        Args:
            name: of the value.
            measure: gives it.

        Raises:
            ConfigError: the file cannot be read.
        """
        path = self.folder / "measured" / f"{name}.json"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, json.dumps(measure(), indent=1) + "\n")

        def refusal(problem: str) -> ConfigError:
            return ConfigError(f"{path} {problem}; remove it, and it is measured again")

        return read_json(path, refusal)


@contextmanager
def opened(folder: Path, job: Mapping[str, str]) -> Iterator[Work]:
    """The folder of a search, held alone; made where it is missing.

    Args:
        folder: where.
        job: what measurements depend on, in words.

    Raises:
        ConfigError: the folder is of another search; the text says what differs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        path = folder / JOB
        if path.exists():
            _check_same(folder, path, job)
        elif any(folder.iterdir()):
            raise ConfigError(
                f"{folder} holds something else than a search (it has no {JOB}); name an empty "
                "folder (--work)"
            )
        else:
            write_whole(path, json.dumps(job, indent=1) + "\n")
        yield Work(folder)


def _check_same(folder: Path, path: Path, job: Mapping[str, str]) -> None:
    def refusal(problem: str) -> ConfigError:
        return ConfigError(f"{path} {problem}; remove {folder}, or name another folder (--work)")

    before = read_json(path, refusal)
    if not isinstance(before, dict):
        raise refusal("holds no object")
    changed = [
        f"{name} was {before.get(name)}, is {now}"
        for name, now in job.items()
        if before.get(name) != now
    ]
    if changed:
        raise ConfigError(
            f"{folder} holds another search: {'; '.join(changed)}. Remove it, or name another "
            "folder (--work)"
        )


def key_of(*parts: Any) -> str:
    """A name for what these values of JSON make."""
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:DIGITS]


def digest_of_folder(folder: Path) -> str:
    """A hash of all files of a folder, and of their names."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    named = [(path.relative_to(folder).as_posix(), digest_of_file(path)) for path in files]
    return key_of(named)


def digest_of_files(files: Sequence[Path]) -> str:
    """A hash of files, whatever they are called."""
    return key_of([digest_of_file(path) for path in files])
