"""Jobs from standard input, each done by a fork of this process: fresh, but for what it imported.

A job is a line of JSON, its answer another behind `ANSWER`: what was returned for it, or `failure`
with the last words of what failed. Needs no library.
"""

import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from typing import IO, Any, Final

Job = dict[str, Any]
Act = Callable[[Job], Job]

ANSWER: Final = "answer "
"""What tells an answer from what a library prints when it is imported."""

LAST_WORDS: Final = 800
"""Characters of what a failed job had to say."""


def serve(act: Act) -> None:
    """Answer jobs until there are no more.

    Nothing may have started a thread that jobs need: a fork does not have it.
    """
    for line in sys.stdin:
        print(ANSWER + json.dumps(_by_fork(act, json.loads(line))), flush=True)


def _by_fork(act: Act, job: Job) -> Job:
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as said:
        child = os.fork()
        if child == 0:
            os.close(reading)
            _answer_and_end(act, job, writing, said)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            answer = pipe.readline()  # not to the end: what the job started may live on with it
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status == 0:
            found: Job = json.loads(answer)
            return found
        said.seek(0)
        words = said.read().decode(errors="replace").strip()
        return {"failure": words[-LAST_WORDS:] or f"it ended with {status}"}


def _answer_and_end(act: Act, job: Job, writing: int, said: IO[bytes]) -> None:
    """In the fork: libraries may print what they like, it is no answer."""
    status = 1
    try:
        for stream in (sys.stdout.fileno(), sys.stderr.fileno()):
            os.dup2(said.fileno(), stream)
        answer = json.dumps(act(job)) + "\n"
        with os.fdopen(writing, "w") as pipe:
            pipe.write(answer)
        status = 0
    except SystemExit as error:
        print(error, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        for printed in (sys.stdout, sys.stderr):
            printed.flush()
        os._exit(status)
