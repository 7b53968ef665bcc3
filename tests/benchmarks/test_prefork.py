"""Jobs in forks of a real process that stands by."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.pairing import PeerError
from benchmarks.prefork import Prefork

ROOT = Path(__file__).resolve().parents[2]

SCRIPT = f"""
import os, signal, subprocess, sys
sys.path.insert(0, {str(ROOT)!r})
from benchmarks.peers.forking import serve

print("noise of an import")
imported_by, jobs = os.getpid(), 0

def act(job):
    global jobs
    jobs += 1
    print("noise of a library")
    print("and more of it", file=sys.stderr)
    if "exit" in job:
        sys.exit(job["exit"])
    if "signal" in job:
        os.kill(os.getpid(), job["signal"])
    if "hang" in job:
        signal.pause()
    if "leave" in job:
        subprocess.Popen(["sleep", "30"], close_fds=False)
    found = dict(imported_by=imported_by, process=os.getpid(), jobs=jobs)
    return found | dict(cores=len(os.sched_getaffinity(0)), quotient=1 / job["divisor"])

serve(act)
"""


Start = Callable[[str], Prefork]


@pytest.fixture
def started() -> Iterator[Start]:
    every: list[Prefork] = []

    def start(script: str) -> Prefork:
        every.append(Prefork((sys.executable, "-c", script), 1))
        return every[-1]

    yield start
    for each in every:
        each.close()


def test_each_job_has_a_process_of_its_own_and_the_imports_of_all(started: Start) -> None:
    waiting = started(SCRIPT)
    answers: list[dict[str, Any]] = [waiting.ask({"divisor": number}) for number in (1, 2, 4)]
    assert [each["quotient"] for each in answers] == [1, 0.5, 0.25]
    assert [each["jobs"] for each in answers] == [1, 1, 1]
    assert len({each["imported_by"] for each in answers}) == 1
    processes = {each["process"] for each in answers}
    assert len(processes) == 3
    assert os.getpid() not in processes
    assert {each["cores"] for each in answers} == {1}


@pytest.mark.parametrize(
    ("job", "words"),
    [
        ({"divisor": 0}, r"noise of a library[\s\S]*ZeroDivisionError"),
        ({"exit": "wrong answer: none"}, "wrong answer: none$"),
        ({"signal": 11}, "and more of it"),
    ],
)
def test_a_job_that_fails_is_quoted_and_ends_nothing(
    started: Start, job: dict[str, Any], words: str
) -> None:
    waiting = started(SCRIPT)
    with pytest.raises(PeerError, match=words):
        waiting.ask(job)
    assert waiting.ask({"divisor": 1})["quotient"] == 1


def test_one_that_dies_without_words_says_how(started: Start) -> None:
    quiet = SCRIPT.replace("    print(", "    (lambda *said, **to: None)(")
    with pytest.raises(PeerError, match="it ended with -9"):
        started(quiet).ask({"signal": 9})


def test_nobody_waits_for_what_a_job_leaves_behind(started: Start) -> None:
    assert started(SCRIPT).ask({"divisor": 1, "leave": True})["quotient"] == 1


def test_one_that_hangs_is_ended_and_started_anew(started: Start) -> None:
    waiting = started(SCRIPT)
    first = waiting.ask({"divisor": 1})
    with pytest.raises(PeerError, match=r"no answer within 0\.5 s"):
        waiting.ask({"hang": True}, limit_s=0.5)
    assert waiting.ask({"divisor": 1})["imported_by"] != first["imported_by"]


def test_what_cannot_be_imported_says_so_every_time(started: Start) -> None:
    waiting = started("import edgebert_of_nobody")
    for _ in range(2):
        with pytest.raises(PeerError, match="No module named 'edgebert_of_nobody'"):
            waiting.ask({})
