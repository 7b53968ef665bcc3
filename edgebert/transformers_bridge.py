"""The one module of edgebert that imports transformers, and only where it is asked to.

transformers is no dependency: where it is installed, its `AutoTokenizer` is a witness of which
tokens a checkpoint's texts have. Nothing else of it is used, and no code of a checkpoint is run.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, TypeVar

from edgebert_runtime.tokenization.rust_tokenizer import OURS

PACKAGE: Final = "transformers"
REASON_CHARACTERS: Final = 160

Result = TypeVar("Result")


class CallFailedError(Exception):
    """A call failed, or Rust code in it panicked; the text is the first line of the reason."""


def transformers_version() -> str | None:
    """The version that is installed, without importing it; None where there is none."""
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return None


def load_auto_tokenizer(folder: Path) -> Any:
    """What `AutoTokenizer` makes of a folder, without the network and without its code.

    Raises:
        CallFailedError: it cannot be imported, or cannot load the folder.
    """

    def load() -> Any:
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False
        )

    with _quiet():
        return guarded(load)


def guarded(call: Callable[[], Result]) -> Result:
    """The call's result, where it has one.

    Raises:
        CallFailedError: it raised anything but an interruption. A Rust panic is a
            `BaseException` (pyo3, `pyo3::panic::PanicException`), which `except Exception` misses.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are about other uses of what is called
            return call()
    except (*OURS, MemoryError):
        raise
    except BaseException as error:
        lines = str(error).strip().splitlines() or ["no message"]
        reason = f"{type(error).__name__}: {lines[0]}"[:REASON_CHARACTERS]
        raise CallFailedError(reason) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what it logs about other uses of a tokenizer."""
    before = _set_verbosity(None)
    try:
        yield
    finally:
        _set_verbosity(before)


def _set_verbosity(level: int | None) -> int | None:
    """Set how much it logs (None: errors alone), and return what it was before."""
    try:
        from transformers.utils import logging
    except Exception:  # a broken installation; whoever loads a tokenizer says so
        return None
    before: int = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR if level is None else level)
    return before
