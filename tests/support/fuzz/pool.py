"""Cases in child processes with limits of time and memory, many in each."""

import os
import resource
import select
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from edgebert_runtime.errors import EdgebertError

CASES_OF_A_CHILD: Final = 300
PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Target:
    """One kind of input.

    Attributes:
        name: of it.
        make: writes a case into an empty folder.
        run: uses it; returns normally where the answer is right.
    """

    name: str
    make: Callable[[Random, Path], None]
    run: Callable[[Random, Path], None]


@dataclass(frozen=True)
class Limits:
    """What a case may take: seconds, and bytes of address space beyond what was taken before."""

    seconds: float = 10.0
    memory: int = 2 * 2**30


@dataclass(frozen=True)
class Outcome:
    """What became of a case; `finding` is None where all is well."""

    target: str
    number: int
    kind: str
    finding: str | None = None


def run_case(target: Target, seed: int, number: int, folder: Path) -> Outcome:
    """One case, in this process."""
    random = Random(f"{seed} {target.name} {number}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    target.make(random, folder)
    try:
        target.run(random, folder)
    except EdgebertError as error:
        one_line = "\n" not in str(error)
        problem = None if one_line else f"an error of several lines: {error}"
        return Outcome(target.name, number, type(error).__name__, problem)
    except BaseException as error:
        return Outcome(target.name, number, type(error).__name__, traceback.format_exc()[-4000:])
    return Outcome(target.name, number, "answer")


def run_cases(
    targets: Sequence[Target], seed: int, work: Path, limits: Limits, seconds: float, workers: int
) -> Iterator[Outcome]:
    """Cases of every target in turn, until the time is over.

    Yields:
        Each outcome. The folder of a finding is left in `work`.
    """
    end = time.monotonic() + seconds
    children = [_Child(targets, seed, work, limits, at, workers) for at in range(workers)]
    try:
        while time.monotonic() < end:
            ready, _, _ = select.select([child.pipe for child in children], [], [], 0.2)
            for child in children:
                yield from child.outcomes(child.pipe in ready)
    finally:
        for child in children:
            child.stop()


class _Child:
    """A process that runs every n-th case; a new one takes its place when it ends."""

    def __init__(
        self, targets: Sequence[Target], seed: int, work: Path, limits: Limits, at: int, step: int
    ) -> None:
        self._targets, self._seed, self._limits, self._step = targets, seed, limits, step
        self._folder = work / f"worker-{at}"
        self._next = at
        self._begin()

    def _begin(self) -> None:
        sys.stdout.flush()
        self.pipe, writer = os.pipe()
        self._buffer = b""
        self._running: int | None = None
        self._since = time.monotonic()
        self._process = os.fork()
        if self._process == 0:
            status = 70
            try:
                os.close(self.pipe)
                self._serve(writer)
                status = 0
            finally:
                os._exit(status)
        os.close(writer)

    def _serve(self, writer: int) -> None:
        """In the child."""
        self._folder.mkdir(parents=True, exist_ok=True)
        log = os.open(self._folder / "log", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * PAGE
        resource.setrlimit(resource.RLIMIT_AS, (taken + self._limits.memory,) * 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for number in range(self._next, self._next + CASES_OF_A_CHILD * self._step, self._step):
            os.write(writer, f"{number} begins\n".encode())
            target = self._targets[number % len(self._targets)]
            outcome = run_case(target, self._seed, number, self._folder / "case")
            if outcome.finding is not None:
                self._finding(number).write_text(outcome.finding, encoding="utf-8")
                self._keep(number)
            os.write(writer, f"{number} {outcome.kind} {outcome.finding is not None}\n".encode())

    def _keep(self, number: int) -> None:
        name = self._targets[number % len(self._targets)].name
        kept = self._folder.parent / f"{name}-{number}"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(self._folder / "case", kept, symlinks=True)

    def outcomes(self, readable: bool) -> Iterator[Outcome]:
        """What is new of the child; starts another where it ended."""
        if readable:
            found = os.read(self.pipe, 65536)
            *lines, self._buffer = (self._buffer + found).split(b"\n")
            for line in lines:
                yield from self._line(line.decode())
            if not found:
                _, status = os.waitpid(self._process, 0)
                yield from self._ended(f"the process ended: {_in_words(status)}")
        elif time.monotonic() - self._since > self._limits.seconds:
            os.kill(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)
            yield from self._ended(f"no outcome after {self._limits.seconds:g} s")

    def _line(self, line: str) -> Iterator[Outcome]:
        number, kind, *found = line.split(" ")
        self._since = time.monotonic()
        self._running = int(number) if kind == "begins" else None
        self._next = int(number) + self._step
        if kind != "begins":
            name = self._targets[int(number) % len(self._targets)].name
            finding = self._take_finding(int(number)) if found == ["True"] else None
            yield Outcome(name, int(number), kind, finding)

    def _finding(self, number: int) -> Path:
        """Of one case alone: the child has begun the next ones when this one is read."""
        return self._folder / f"finding-{number}"

    def _take_finding(self, number: int) -> str:
        told = self._finding(number).read_text(encoding="utf-8")
        self._finding(number).unlink()
        return told

    def _ended(self, how: str) -> Iterator[Outcome]:
        os.close(self.pipe)
        if self._running is not None:
            self._keep(self._running)
            name = self._targets[self._running % len(self._targets)].name
            log = (self._folder / "log").read_text(encoding="utf-8", errors="replace")[-2000:]
            yield Outcome(name, self._running, "crash or hang", f"{how}\n{log}")
        self._begin()

    def stop(self) -> None:
        """End the child."""
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        os.close(self.pipe)


def _in_words(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
