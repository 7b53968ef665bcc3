"""Whether a bundle's files are those its manifest vouches for, found beside other work."""

import hashlib
import os
import stat
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, get_args

from edgebert_runtime.bundle.hub_name import cached_name
from edgebert_runtime.bundle.manifest import FileInfo
from edgebert_runtime.bundle.paths import resolve_inside
from edgebert_runtime.errors import BundleIntegrityError, ConfigError
from edgebert_runtime.storage.cache_dir import CacheDir, find_cache
from edgebert_runtime.storage.json_cache import read_json_cache, write_json_cache

Mode = Literal["always", "once", "never"]

ALWAYS_UP_TO_BYTES: Final = 256 * 2**20
"""Hashed at every load up to this size by default: about 0.2 s with SHA instructions."""
REMEMBERED_NAME: Final = "verified.json"
MAX_REMEMBERED: Final = 4096
"""Files remembered per user, the latest, so that the memory does not grow for ever."""
SHOWN_DIGITS: Final = 12


class IntegrityCheck:
    """Compares files with their recorded size and sha256 in a background thread.

    No answer may be given before `wait` has returned. With mode `"once"` a file is hashed again
    only when its path, size, modification time, inode or device differ from those of a hash that
    matched; who restores all of them after changing the content is not noticed.

    Args:
        folder: the bundle.
        files: paths relative to it, and what each must be.
        mode: `"always"` hashes, `"once"` remembers, `"never"` does not look at the files at all;
            None is `"always"` up to `ALWAYS_UP_TO_BYTES` together and `"once"` above.
        cache_dir: where `"once"` remembers; None takes `default_cache_dir()`. False, and a folder
            that cannot be used or lies inside the bundle, mean hashing every time.

    Attributes:
        mode: the mode in force.

    Raises:
        ConfigError: unknown mode.
    """

    def __init__(
        self,
        folder: Path,
        files: Mapping[str, FileInfo],
        *,
        mode: Mode | None,
        cache_dir: CacheDir = None,
    ) -> None:
        if mode not in (None, *get_args(Mode)):
            raise ConfigError(
                f"verify is {mode!r}; choose one of {', '.join(get_args(Mode))}, or None"
            )
        self.mode: Mode = _default_mode(files) if mode is None else mode
        self._folder = folder
        self._files = dict(sorted(files.items()))
        self._cache_dir = cache_dir
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="edgebert-integrity", daemon=True)

    def start(self) -> None:
        """Compare sizes, then begin hashing in the background.

        Raises:
            BundleIntegrityError: a file is missing, is no file, or has another size.
            UnsafePathError: a path leads out of the folder.
        """
        if self.mode == "never":
            return
        for relative, info in self._files.items():
            self._check_size(relative, info)
        self._thread.start()

    def wait(self) -> None:
        """Return once every file has matched.

        Raises:
            BundleIntegrityError: a file cannot be read or has another sha256; the first by name.
        """
        if self.mode == "never":
            return
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            self._check_hashes()
        except BaseException as error:  # whatever it is, `wait` must not pass
            self._error = error

    def _check_size(self, relative: str, info: FileInfo) -> None:
        found = self._status(relative)
        if not stat.S_ISREG(found.st_mode):
            raise self._refusal(relative, "is not a regular file")
        if found.st_size != info.size_bytes:
            raise self._refusal(
                relative, f"has {found.st_size} bytes, the manifest says {info.size_bytes}"
            )

    def _check_hashes(self) -> None:
        memory = _Memory(self._memory_folder() if self.mode == "once" else None)
        for relative, info in self._files.items():
            # Taken before reading, so that a change while hashing is seen as one next time.
            record = _record(self._status(relative), info.sha256)
            path = str(resolve_inside(self._folder, relative))
            if not memory.holds(path, record):
                self._check_hash(relative, info)
                memory.add(path, record)
        memory.save()

    def _check_hash(self, relative: str, info: FileInfo) -> None:
        found = self._sha256(relative)
        if found != info.sha256:
            raise self._refusal(
                relative,
                f"was changed: its sha256 starts {found[:SHOWN_DIGITS]}…, the manifest says "
                f"{info.sha256[:SHOWN_DIGITS]}…",
            )

    def _sha256(self, relative: str) -> str:
        try:
            # Unbuffered: `file_digest` reads into one buffer of its own.
            with resolve_inside(self._folder, relative).open("rb", buffering=0) as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise self._refusal(relative, f"cannot be read ({error.strerror})") from error

    def _status(self, relative: str) -> os.stat_result:
        try:
            return resolve_inside(self._folder, relative).stat()
        except FileNotFoundError as error:
            raise self._absence(relative) from error
        except OSError as error:
            raise self._refusal(relative, f"cannot be read ({error.strerror})") from error

    def _memory_folder(self) -> Path | None:
        folder = find_cache(self._cache_dir)
        if folder is None:
            return None
        real = Path(os.path.realpath(folder))  # `Path.resolve` raises where links go in a circle
        return None if real.is_relative_to(self._folder.resolve()) else folder

    def _refusal(self, relative: str, what: str) -> BundleIntegrityError:
        name = cached_name(self._folder)
        remedy = (
            f"run: edgebert-run pull {name} --force" if name else "copy or export the bundle again"
        )
        return BundleIntegrityError(f"{self._folder / relative} {what}; {remedy}")

    def _absence(self, relative: str) -> BundleIntegrityError:
        name = cached_name(self._folder)
        if name is None:
            return self._refusal(relative, "is missing")
        return BundleIntegrityError(
            f"{self._folder / relative} was not fetched; run: edgebert-run pull {name}"
        )


def _default_mode(files: Mapping[str, FileInfo]) -> Mode:
    total = sum(info.size_bytes for info in files.values())
    return "always" if total <= ALWAYS_UP_TO_BYTES else "once"


def _record(status: os.stat_result, sha256: str) -> dict[str, int | str]:
    return {
        "size_bytes": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "inode": status.st_ino,
        "device": status.st_dev,
        "sha256": sha256,
    }


class _Memory:
    """What has matched before, per real path, in one JSON file; without a folder, nothing.

    It saves work and nothing depends on it: what cannot be read is taken for empty, what cannot
    be written is let go, and of two processes that write at once the last one wins.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._records = {} if folder is None else read_json_cache(folder / REMEMBERED_NAME)
        self._changed = False

    def holds(self, path: str, record: Mapping[str, int | str]) -> bool:
        """Whether exactly this file has matched exactly this hash."""
        return self._records.get(path) == record

    def add(self, path: str, record: Mapping[str, int | str]) -> None:
        """Remember a match, as the latest."""
        self._records.pop(path, None)
        self._records[path] = record
        self._changed = True

    def save(self) -> None:
        """Replace the JSON file, in one rename, if there is anything new."""
        if self._folder is None or not self._changed:
            return
        latest = dict(list(self._records.items())[-MAX_REMEMBERED:])
        write_json_cache(self._folder / REMEMBERED_NAME, latest)
