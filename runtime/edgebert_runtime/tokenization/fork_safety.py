"""Let a process that has used the tokenizer fork without a word.

The tokenizer's threads are not in a forked child. It notices, prints a warning and goes on without
threads, unless `TOKENIZERS_PARALLELISM` says what to do
(https://huggingface.co/docs/tokenizers/api/tokenizer). So around a fork the variable says `false`,
which stays in the child's environment and not in the parent's; where somebody has set it, nothing
changes.
"""

import os
from typing import Final

VARIABLE: Final = "TOKENIZERS_PARALLELISM"

_forks = 0
"""Under way; several threads may fork at once."""
_ours = False
"""Whether the variable is there because of them."""


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
    global _forks, _ours
    _forks, _ours = 0, False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child
    )
