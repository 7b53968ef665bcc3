"""Processes of peers that stand by, their imports done, and do each job in a fork of their own."""

import atexit
import json
import os
import signal
import subprocess
import time
from functools import cache
from threading import Timer
from typing import Any, Final

from benchmarks.pairing import PeerError, confined
from benchmarks.peers.forking import ANSWER, LAST_WORDS

LIMIT_S: Final = 900
"""A job that takes longer hangs: peers have been seen to."""


class Prefork:
    """A script of `peers/` that answers jobs, `peers.forking.serve`.

    It is started by the first job. While it waits it takes no time of a core: it is blocked on its
    input. It may use the first `cores` cores.
    """

    def __init__(self, command: tuple[str, ...], cores: int) -> None:
        self._command, self._cores = command, cores
        self._process: subprocess.Popen[str] | None = None

    def ask(self, job: dict[str, Any], limit_s: float = LIMIT_S) -> dict[str, Any]:
        """The answer to a job. After `limit_s` seconds the script is ended; the next job starts it.

        Raises:
            PeerError: it cannot be imported, the job failed, and its last words are in the text;
                or there is no answer in time.
        """
        process, begun = self._running(), time.monotonic()
        timer = Timer(limit_s, _end, [process])
        timer.start()
        try:
            line = _answer(process, json.dumps(job))
        finally:
            timer.cancel()
        if not line:
            late, words = time.monotonic() - begun >= limit_s, self.close()
            raise PeerError(f"no answer within {limit_s:g} s" if late else words)
        answer: dict[str, Any] = json.loads(line)
        if "failure" in answer:
            raise PeerError(answer["failure"])
        return answer

    def close(self) -> str:
        """End it; returns the last words it had."""
        process, self._process = self._process, None
        if process is None:
            return ""
        _end(process)
        _, words = process.communicate()
        return words.strip()[-LAST_WORDS:]

    def _running(self) -> "subprocess.Popen[str]":
        if self._process is None:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,  # of imports alone: what a job says goes elsewhere
                text=True,
                preexec_fn=confined(self._cores),
                start_new_session=True,
            )
        return self._process


def _answer(process: "subprocess.Popen[str]", job: str) -> str:
    """A line for a line, whatever imports have printed; empty once the process has ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        print(job, file=process.stdin, flush=True)
    except BrokenPipeError:
        return ""
    lines = (line for line in process.stdout if line.startswith(ANSWER))
    return next(lines, "").removeprefix(ANSWER)


def _end(process: "subprocess.Popen[str]") -> None:
    """Kill it and its fork, which are a session."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


@cache
def prefork(*command: str, cores: int) -> Prefork:
    """The one for this command and so many cores; it lives as long as we do."""
    found = Prefork(command, cores)
    atexit.register(found.close)
    return found
