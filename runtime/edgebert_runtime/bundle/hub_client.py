"""The Hub, through huggingface_hub, which is imported when a name is first looked up.

Source: huggingface_hub 2.4.0, `snapshot_download`: its cache, its repeated and resumed requests,
`HF_ENDPOINT`, `HF_TOKEN`, `HF_HOME` and `HF_HUB_OFFLINE` work as everywhere.
"""

import errno
import logging
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

from edgebert_runtime.bundle.hub_name import CACHE_PARTS, HubName
from edgebert_runtime.errors import HubError

EXTRA: Final = "pip install 'edgebert-runtime[hub]'"
LOG_IN: Final = "log in with `hf auth login` or set HF_TOKEN"
DISK_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


def require_hub(name: HubName) -> Any:
    """The library.

    Raises:
        HubError: it is not installed.
    """
    try:
        import huggingface_hub
    except ImportError as error:
        raise HubError(explain(name, error)) from error
    return huggingface_hub


def repository_folder(name: HubName) -> Path:
    """Where the cache keeps the bundles of a repository, one folder a commit; it need not exist.

    Raises:
        HubError: huggingface_hub, which knows the place, is not installed.
    """
    require_hub(name)
    from huggingface_hub.constants import HF_ASSETS_CACHE

    return Path(HF_ASSETS_CACHE).expanduser().absolute().joinpath(*CACHE_PARTS, name.folder_name)


def fetch(
    name: HubName,
    patterns: Collection[str],
    into: Path | None = None,
    *,
    again: bool = False,
    quiet: bool = False,
) -> Path:
    """Fetch the files of a repository that match `patterns`, several at a time.

    Args:
        name: the repository and its revision.
        patterns: as a shell has them; one that no file matches is left out.
        into: a folder for them; None takes the library's own cache.
        again: also what the cache has.
        quiet: show no progress, not even on a terminal.

    Returns:
        The folder they lie in; in the library's cache its name is the commit.

    Raises:
        HubError: they cannot be had.
    """
    hub = require_hub(name)
    logging.getLogger("huggingface_hub._snapshot_download").addFilter(_is_news)
    try:
        found = hub.snapshot_download(
            name.repository,
            revision=name.revision,
            allow_patterns=sorted(patterns),
            local_dir=into,
            force_download=again,
            library_name="edgebert",
            tqdm_class=_progress_bar(quiet=quiet),
        )
    except Exception as error:  # three HTTP libraries in three versions share no base class
        raise HubError(explain(name, error)) from error
    return Path(found)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether to log a warning; that no file matches is usual here."""
    return not record.getMessage().startswith("No files matched")


def explain(name: HubName, error: Exception) -> str:
    """What went wrong at the Hub, and what to do; one line."""
    if isinstance(error, ImportError):
        return (
            f"{name} is no folder here, and the Hub needs huggingface_hub ({error}); pass a "
            f"folder, or run: {EXTRA}"
        )
    from huggingface_hub import errors

    if isinstance(error, ValueError) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # "failed due to the above error"
    if isinstance(error, errors.GatedRepoError):
        return f"{name} is gated: accept its terms on its page on the Hub, then {LOG_IN}"
    if isinstance(error, errors.RepositoryNotFoundError):
        return (
            f"{name.repository} is neither a folder here nor a model on the Hub; check the "
            f"spelling, or, if it is private, {LOG_IN}"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return (
            f"{name.repository} has no revision {name.revision!r} on the Hub; name one of its "
            "branches, tags or commits (all 40 digits)"
        )
    if isinstance(error, errors.LocalEntryNotFoundError | errors.OfflineModeIsEnabled):
        return (
            f"{name} is not in the cache and the Hub cannot be reached; go online and unset "
            "HF_HUB_OFFLINE, or pass a folder"
        )
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return f"{name} cannot be kept: the disk is full; free some space, or set HF_HOME"
    if isinstance(error, PermissionError):
        return f"{name} cannot be kept ({error}); set HF_HOME to a folder that you may write"
    said = " ".join(str(error).split())
    return f"{name} cannot be fetched ({type(error).__name__}: {said}); try again"


def _progress_bar(*, quiet: bool) -> Any:
    """A bar that is shown on a terminal only, or never."""
    from huggingface_hub.utils import tqdm

    class Bar(tqdm):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **{**options, "disable": True if quiet else None})

    return Bar
