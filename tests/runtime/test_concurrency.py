"""Callers that come while others are served."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from edgebert_runtime import Bundle, Embedder, load
from edgebert_runtime.engine.concurrency import REMEMBERED_SECONDS, ConcurrencyTracker
from edgebert_runtime.warmup.warm import warm

TEXTS = ["the small cat", "a red dog ran far"]
PATIENCE_SECONDS = 60


def test_runs_that_meet_are_remembered_for_a_while() -> None:
    now = 100.0
    found = ConcurrencyTracker(lambda: now)
    assert not found.dense
    first = found.begin()
    assert found.dense
    found.end(first)
    assert not found.dense  # one after the other is no traffic
    first, second = found.begin(), found.begin()
    found.end(first)
    found.end(second)
    now += REMEMBERED_SECONDS / 2
    assert found.dense
    now += REMEMBERED_SECONDS
    assert not found.dense


def test_a_caller_is_alone_once_nobody_came_beside_it_for_a_while() -> None:
    now = 100.0
    found = ConcurrencyTracker(lambda: now)
    assert not found.alone  # nobody is there
    first = found.begin()
    assert found.alone
    second = found.begin()
    assert not found.alone
    found.end(second)
    now += REMEMBERED_SECONDS / 2
    assert not found.alone
    now += REMEMBERED_SECONDS
    assert found.alone
    found.end(first)
    assert not found.alone


@pytest.mark.device
def test_a_forked_child_starts_without_traffic() -> None:
    found = ConcurrencyTracker()
    found.begin()
    found.forget()
    assert not found.dense


@pytest.fixture
def model(tiny_bundle: Bundle, tmp_path: Path) -> Embedder:
    """Of three threads, from a cached graph."""
    warm(tiny_bundle, cache_dir=tmp_path, tune=False)
    return load(tiny_bundle, threads=3, cache_dir=tmp_path)


class Held:
    """What happens to sessions of ONNX Runtime: runs are noted, and the first waits."""

    def __init__(self) -> None:
        self.began, self.go_on = threading.Event(), threading.Event()
        self.threads: list[int] = []

    def run(self, threads: int) -> None:
        """Note a run, and hold the first until it is let go."""
        self.threads.append(threads)
        if len(self.threads) == 1:
            self.began.set()
            assert self.go_on.wait(PATIENCE_SECONDS)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    """For sessions that are opened from now on."""
    held = Held()

    class Session(onnxruntime.InferenceSession):  # type: ignore[misc]
        def run(self, *arguments: Any) -> Any:
            held.run(self.get_session_options().intra_op_num_threads)
            return super().run(*arguments)

    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    return held


@pytest.mark.device
def test_who_comes_while_another_is_served_gets_one_thread(
    model: Embedder, held: Held, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    expected = model.embed(TEXTS)
    model = load(tiny_bundle, threads=3, cache_dir=tmp_path)
    answers: list[np.ndarray] = []
    first = threading.Thread(target=lambda: answers.append(model.embed(TEXTS)))
    first.start()
    assert held.began.wait(PATIENCE_SECONDS)
    answers.append(model.embed(TEXTS))
    held.go_on.set()
    first.join(PATIENCE_SECONDS)
    assert held.threads == [3, 1]
    for vectors in answers:
        np.testing.assert_allclose(vectors, expected, atol=2e-6)


def test_without_a_kept_graph_weights_are_there_once(tiny_bundle: Bundle, held: Held) -> None:
    model = load(tiny_bundle, threads=3, cache_dir=False)
    model.session.concurrency.begin()
    held.go_on.set()
    model.embed(TEXTS)
    assert held.threads == [3]
