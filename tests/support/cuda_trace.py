"""What the libraries of CUDA wrote down."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

LAUNCHES: Final = ("launch", "captured launch")
ATTENTION: Final = {
    "flash": ("flash_fwd_kernel", "flash_fwd_splitkv_kernel"),
    "memory-efficient": ("attention_kernel_batched_impl",),
    "TensorRT": ("fmha_v2_",),
}
"""Kind of fused attention → what the names of its kernels have in them."""


@dataclass(frozen=True)
class Event:
    """One call that a library saw.

    Attributes:
        kind: such as `launch`, `copy down`, `wait` or `unexpected`.
        what: a kernel's mangled name, a size, or what else there is to say.
    """

    kind: str
    what: tuple[str, ...] = ()


class Trace:
    """The events since it was last looked at."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = 0
        path.touch()

    def take(self) -> list[Event]:
        """The events since the last call."""
        lines = self.path.read_text(encoding="utf-8").splitlines()
        new, self._read = lines[self._read :], len(lines)
        return [_event(line) for line in new]


def _event(line: str) -> Event:
    words = line.split()
    captured = int(words[0] == "captured")
    length = captured + (2 if words[captured] in ("copy", "host") else 1)
    return Event(" ".join(words[:length]), tuple(words[length:]))


def count(events: list[Event], kind: str) -> int:
    """How many events there are of a kind."""
    return sum(event.kind == kind for event in events)


def sizes(events: list[Event], kind: str) -> list[int]:
    """What each copy or allocation of a kind takes, in bytes."""
    return [int(event.what[0]) for event in events if event.kind == kind]


def attention(events: list[Event]) -> dict[str, int]:
    """Kind of fused attention → how many launches of it."""
    names = [event.what[0] for event in events if event.kind in LAUNCHES]
    found = {
        kind: sum(any(part in name for part in parts) for name in names)
        for kind, parts in ATTENTION.items()
    }
    return {kind: number for kind, number in found.items() if number}


def tokens(events: list[Event]) -> set[int]:
    """How many rows the products with weights worked on."""
    return {int(event.what[1]) for event in events if event.kind == "product"}
