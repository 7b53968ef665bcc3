"""Processes of peers that stand by, their imports done, and do each job in a fork of their own."""

import atexit
import json
import subprocess
import tempfile
from contextlib import ExitStack
from functools import cache
from typing import Any

from benchmarks.pairing import PeerError, confined
from benchmarks.peers.forking import LAST_WORDS


class Standby:
    """A script of `peers/` that answers jobs, `peers.forking.serve`.

    While it waits it takes no time of a core: it is blocked on its input.

    Args:
        command: the interpreter, the script and its arguments.
        cores: how many it may use, the first ones.
    """

    def __init__(self, command: tuple[str, ...], cores: int) -> None:
        with ExitStack() as opened:
            self._said = opened.enter_context(tempfile.TemporaryFile())
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                text=True,
                preexec_fn=confined(cores),
            )
            opened.callback(self._process.communicate)
            opened.callback(self._process.kill)
            self.close = opened.pop_all().close
            """End it; nothing of it is needed."""

    def ask(self, job: dict[str, Any]) -> dict[str, Any]:
        """What it answers.

        Raises:
            PeerError: it cannot be imported, or the job failed; its last words are in the text.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            print(json.dumps(job), file=self._process.stdin, flush=True)
        except BrokenPipeError as error:
            raise PeerError(self._last_words()) from error
        line = self._process.stdout.readline()
        if not line:
            raise PeerError(self._last_words())
        answer: dict[str, Any] = json.loads(line)
        if "failure" in answer:
            raise PeerError(answer["failure"])
        return answer

    def _last_words(self) -> str:
        self._said.seek(0)
        return self._said.read().decode(errors="replace").strip()[-LAST_WORDS:]


@cache
def standby(*command: str, cores: int) -> Standby:
    """The one that was started with this command for so many cores; it lives as long as we do."""
    found = Standby(command, cores)
    atexit.register(found.close)
    return found
