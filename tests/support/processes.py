"""Processes that a test started, found by /proc, to be killed as a machine would."""

import os
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")


def descendants(ancestor: int) -> list[int]:
    """Processes that a process started, and those that they started."""
    children = defaultdict(list)
    for process, parent in _parents():
        children[parent].append(process)
    found = [ancestor]
    for process in found:
        found += children[process]
    return found[1:]


def command_of(process: int) -> str:
    """What a process was started as, or calls itself; empty where it has ended."""
    with suppress(OSError):
        return (PROC / str(process) / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    return ""


def kill(process: int) -> None:
    """End a process as the kernel does that has no memory left."""
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def wait_until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for something.

    Raises:
        AssertionError: it does not come.
    """
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.02)


def _parents() -> Iterator[tuple[int, int]]:
    for entry in PROC.iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                # The name of the program stands in brackets, and may hold any character.
                fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
                yield int(entry.name), int(fields[1])
