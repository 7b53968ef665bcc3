"""Where what is particular to a user and a machine lies; a bundle never changes."""

import os
import sys
from os import PathLike
from pathlib import Path
from typing import Literal

CacheDir = str | PathLike[str] | Literal[False] | None
"""A folder; None takes `default_cache_dir()`, False none."""


def find_cache(cache_dir: CacheDir) -> Path | None:
    """The folder that is meant; None for none."""
    if cache_dir is None:
        return default_cache_dir()
    return None if cache_dir is False else Path(cache_dir)


def default_cache_dir() -> Path | None:
    """Where this user's caches of edgebert lie; None where there are to be none.

    `EDGEBERT_CACHE`, else `XDG_CACHE_HOME/edgebert`, else what the system has for caches:
    `~/.cache/edgebert`, `LOCALAPPDATA/edgebert`, `~/Library/Caches/edgebert`. An empty
    `EDGEBERT_CACHE` switches caches off, and a user without a home has none.
    """
    chosen = os.environ.get("EDGEBERT_CACHE")
    if chosen is not None:
        return Path(chosen) if chosen else None
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else _system_caches()) / "edgebert"
    except RuntimeError:
        return None


def _system_caches() -> Path:
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return Path(local) if local else Path.home() / "AppData" / "Local"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path.home() / ".cache"
