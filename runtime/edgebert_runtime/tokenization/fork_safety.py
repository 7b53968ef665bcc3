"""Let a process that has used the tokenizer fork, without a hang and without a word.

The tokenizer's threads are not in a forked child. A batch that is given to them there waits for
ever, so a child tokenizes text by text, which needs none of them, whatever the environment says.

The library itself notices a fork and prints a warning, unless `TOKENIZERS_PARALLELISM` is set
(https://huggingface.co/docs/tokenizers/api/tokenizer). So around a fork the variable says `false`,
which stays in the child's environment and not in the parent's; where somebody has set it, it stays
as it is.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from edgebert_runtime.tokenization.items import Item

VARIABLE: Final = "TOKENIZERS_PARALLELISM"

_forks = 0
"""Under way; several threads may fork at once."""
_ours = False
"""Whether the variable is there because of them."""
_forked = False
"""Whether this process is a child, without the threads of its parent."""


_one_thread: ContextVar[bool] = ContextVar("edgebert_one_thread", default=False)


@contextmanager
def one_thread() -> Iterator[None]:
    """Tokenize in the caller's thread alone: the library's threads would contend with others."""
    token = _one_thread.set(True)
    try:
        yield
    finally:
        _one_thread.reset(token)


def encode_all(tokenizer: "Tokenizer", items: "Sequence[Item]") -> Sequence[Any]:
    """The encodings of texts and pairs, on all cores unless forked or told to use one thread.

    Raises:
        Exception: the tokenizer fails on one; its errors share no narrower base.
    """
    if not _forked and not _one_thread.get():
        found: Sequence[Any] = tokenizer.encode_batch(items)
        return found
    return [
        tokenizer.encode(item) if isinstance(item, str) else tokenizer.encode(*item)
        for item in items
    ]


def _before() -> None:
    global _forks, _ours
    _forks += 1
    if _forks == 1 and VARIABLE not in os.environ:
        os.environ[VARIABLE] = "false"
        _ours = True


def _after_in_parent() -> None:
    global _forks, _ours
    _forks -= 1
    if _forks == 0 and _ours:
        os.environ.pop(VARIABLE, None)
        _ours = False


def _after_in_child() -> None:
    global _forks, _ours, _forked
    _forks, _ours, _forked = 0, False, True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child
    )
