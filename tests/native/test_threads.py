"""Sessions side by side, forks, more threads than cores: no deadlock, and the same bits."""

import multiprocessing
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.support.native.graph import write_model
from tests.support.native.model import Floats
from tests.support.native.models import MODELS, random_inputs
from tests.support.native.sessions import open_session, run

PATIENCE = 60
"""Seconds for what takes less than one where nothing waits for ever."""

NAME = "post"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(MODELS[NAME], tmp_path_factory.mktemp("native") / "model.onnx")


@pytest.fixture(scope="module")
def expected(path: Path) -> list[Floats]:
    session = open_session(path)
    return [run(session, *each) for each in random_inputs(MODELS[NAME].shape.hidden)]


def encode_all(path: Path, threads: int, parts: int) -> list[Floats]:
    session = open_session(path, pool=threads, parts=parts)
    return [run(session, *each) for each in random_inputs(MODELS[NAME].shape.hidden)]


def check_same(found: list[Floats], expected: list[Floats]) -> None:
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_sessions_run_side_by_side_with_more_threads_than_cores(
    path: Path, expected: list[Floats]
) -> None:
    found: dict[int, list[Floats]] = {}

    def encode(index: int) -> None:
        found[index] = encode_all(path, threads=8, parts=8)

    programs = [threading.Thread(target=encode, args=(index,), daemon=True) for index in range(4)]
    for program in programs:
        program.start()
    for program in programs:
        program.join(PATIENCE)
    assert sorted(found) == [0, 1, 2, 3]
    for each in found.values():
        check_same(each, expected)


@pytest.mark.parametrize(("threads", "parts"), [(1, 8), (2, 3)])
def test_a_session_runs_for_several_threads_at_once(
    path: Path, expected: list[Floats], threads: int, parts: int
) -> None:
    session = open_session(path, pool=threads, parts=parts)
    found: dict[int, list[Floats]] = {}

    def encode(index: int) -> None:
        inputs = random_inputs(MODELS[NAME].shape.hidden)
        found[index] = [run(session, *each) for each in inputs]

    programs = [threading.Thread(target=encode, args=(index,), daemon=True) for index in range(6)]
    for program in programs:
        program.start()
    for program in programs:
        program.join(PATIENCE)
    assert len(found) == 6
    for each in found.values():
        check_same(each, expected)


def answer(path: Path, queue: "multiprocessing.Queue[list[Floats]]") -> None:
    queue.put(encode_all(path, threads=2, parts=2))


def test_a_forked_process_opens_sessions_of_its_own(path: Path, expected: list[Floats]) -> None:
    check_same(encode_all(path, threads=2, parts=2), expected)
    context = multiprocessing.get_context("fork")
    queue: multiprocessing.Queue[list[Floats]] = context.Queue()
    child = context.Process(target=answer, args=(path, queue), daemon=True)
    child.start()
    check_same(queue.get(timeout=PATIENCE), expected)
    child.join(PATIENCE)
    assert child.exitcode == 0
