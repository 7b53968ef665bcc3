"""What was measured of micro-batches, when it is believed, and workers."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from edgebert_runtime import Bundle, Embedder, load
from edgebert_runtime.engine.session import Session
from edgebert_runtime.errors import ModelClosedError
from edgebert_runtime.inference.execution_plan import MAX_PADDING
from edgebert_runtime.inference.thread_pool import run_side_by_side
from edgebert_runtime.loading.graph_cache import ENTRY, Tuning, WarmGraph
from edgebert_runtime.warmup.tuning import BUDGETS, PADDINGS, best_tuning, choose, fitting_budgets
from edgebert_runtime.warmup.warm import warm
from tests.support.tiny_encoder import TEXTS


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over at once, and believed all the same."""
    monkeypatch.setattr("edgebert_runtime.warmup.tuning.SECONDS", 0.001)


USUAL = Tuning(512, workers=False)
SMALL, SPLIT = Tuning(256, workers=False), Tuning(512, workers=True)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({SMALL: [1, 1, 1], USUAL: [2, 2, 2], SPLIT: [3, 3, 3]}, SMALL),
        ({SMALL: [1, 1, 3], USUAL: [2, 2, 2], SPLIT: [3, 3, 3]}, USUAL),  # once slower: noise
        ({SMALL: [1.5, 1, 1.5], USUAL: [2, 2, 2], SPLIT: [1, 1, 1]}, SPLIT),
        ({USUAL: [2, 2, 2]}, USUAL),
    ],
)
def test_another_way_must_win_every_round(
    times: dict[Tuning, list[float]], expected: Tuning
) -> None:
    assert choose(times, USUAL) == expected


@pytest.mark.parametrize("threads", [1, 2])
def test_one_of_the_ways_is_found(tiny_bundle: Bundle, threads: int) -> None:
    session = Session(tiny_bundle.path_of("onnx/model_cpu.onnx"), provider="cpu", threads=threads)
    found = best_tuning(session, 40, seconds=0.001)
    assert found.micro_batch_tokens in BUDGETS
    assert found.max_padding in PADDINGS
    assert threads > 1 or not found.workers


@pytest.mark.parametrize(
    ("tokens", "threads", "expected"),
    [
        (2048, 2, [256, 512]),  # a slow model is not tried with what it cannot fill
        (4096, 2, [256, 512, 1024]),
        (4096, 1, [256, 512, 1024, 2048]),
        (100, 4, [256, 512]),  # the usual and less than it, always
        (10**6, 2, list(BUDGETS)),
    ],
)
def test_what_is_tried_can_be_filled(tokens: int, threads: int, expected: list[int]) -> None:
    assert fitting_budgets(tokens, threads) == expected


def test_a_model_runs_as_was_measured(tiny_bundle: Bundle, tmp_path: Path) -> None:
    kept = warm(tiny_bundle, cache_dir=tmp_path)
    ((threads, tuning),) = kept.tunings.items()
    info = load(tiny_bundle, cache_dir=tmp_path).info()
    assert (info.threads, info.micro_batch_tokens) == (threads, tuning.micro_batch_tokens)
    assert info.workers == (threads if tuning.workers else 1)
    write(kept, {1: Tuning(1, workers=False)})
    few = load(tiny_bundle, threads=1, cache_dir=tmp_path)
    assert few.info().micro_batch_tokens == 1
    few.embed(TEXTS)
    assert few.last_report is not None
    assert few.last_report.micro_batches == len(TEXTS)
    assert load(tiny_bundle, threads=2, cache_dir=tmp_path).info().micro_batch_tokens == 512


def write(kept: WarmGraph, tunings: dict[int, Tuning]) -> None:
    entry = json.loads((kept.folder / ENTRY).read_text())
    entry["tunings"] = {threads: tuning._asdict() for threads, tuning in tunings.items()}
    (kept.folder / ENTRY).write_text(json.dumps(entry))


@pytest.fixture
def split(tiny_bundle: Bundle, tmp_path: Path) -> Embedder:
    """A model of three workers and tiny micro-batches."""
    kept = warm(tiny_bundle, cache_dir=tmp_path, tune=False)
    write(kept, {3: Tuning(20, workers=True)})
    return load(tiny_bundle, threads=3, cache_dir=tmp_path)


def test_workers_answer_as_one_does(tiny_bundle: Bundle, split: Embedder) -> None:
    texts = [f"the cat {'sat ' * (number % 9)}" for number in range(60)]
    assert split.info().workers == 3
    expected = load(tiny_bundle, threads=1, cache_dir=False).embed(texts)
    np.testing.assert_allclose(split.embed(texts), expected, atol=2e-6)
    assert split.last_report is not None
    assert split.last_report.texts == 60
    assert not split.session.concurrency.dense  # workers of one caller are no traffic
    np.testing.assert_allclose(split.embed(texts[:2]), expected[:2], atol=2e-6)


@pytest.mark.parametrize(
    ("lengths", "batches"),
    [
        ([9], 1),
        ([9, 3], 1),  # two texts run together on all threads, whatever their lengths
        ([9, 3, 3], 3),  # more are parted by length, and shared by the workers
        ([9, 9, 9, 9], 4),  # of 36 tokens each worker has 12 at once at most
    ],
)
def test_texts_are_parted_by_length_and_shared_by_workers(
    split: Embedder, lengths: list[int], batches: int
) -> None:
    split.embed(["cat " * (length - 2) for length in lengths])
    assert split.last_report is not None
    assert split.last_report.micro_batches == batches


def test_a_cached_graph_of_a_former_version_pads_as_usual(
    tiny_bundle: Bundle, tmp_path: Path
) -> None:
    kept = warm(tiny_bundle, cache_dir=tmp_path, tune=False)
    entry = json.loads((kept.folder / ENTRY).read_text())
    entry["tunings"] = {"2": {"micro_batch_tokens": 256, "workers": False}}
    (kept.folder / ENTRY).write_text(json.dumps(entry))
    info = load(tiny_bundle, threads=2, cache_dir=tmp_path).info()
    assert (info.warm, info.micro_batch_tokens, info.max_padding) == (True, 256, MAX_PADDING)


def test_workers_work_in_a_forked_child_and_close(split: Embedder) -> None:
    texts = ["the cat sat"] * 60
    expected = split.embed(texts)
    child = os.fork()
    if child == 0:
        os._exit(0 if np.allclose(split.embed(texts), expected) else 1)
    assert os.waitpid(child, 0)[1] == 0
    split.close()
    with pytest.raises(ModelClosedError):
        split.embed(texts)


def test_jobs_run_side_by_side_and_each_once() -> None:
    meeting, done = threading.Barrier(3), []

    def work(job: int) -> None:
        if job < 3:
            meeting.wait(60)
        done.append(job)

    run_side_by_side(range(50), work, 3)
    assert sorted(done) == list(range(50))


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_the_first_error_ends_the_others(error: type[BaseException]) -> None:
    done: list[int] = []

    def work(job: int) -> None:
        if job == 5:
            raise error
        done.append(job)

    with pytest.raises(error):
        run_side_by_side(range(10_000), work, 3)
    assert len(done) < 10_000


class LeftToHelpers:
    """Jobs that are none for the caller's thread: it begins at once to wait for the others."""

    def __init__(self, count: int) -> None:
        self._jobs, self._caller = iter(range(count)), threading.get_ident()

    def __iter__(self) -> "LeftToHelpers":
        return self

    def __next__(self) -> int:
        if threading.get_ident() == self._caller:
            raise StopIteration
        return next(self._jobs)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_while_the_others_are_awaited_ends_them() -> None:
    """The caller has nothing left to do and waits for a helper when ctrl-C comes."""
    caller, done = threading.get_ident(), []

    def work(job: int) -> None:
        time.sleep(0.01)
        if job == 5:
            signal.pthread_kill(caller, signal.SIGINT)
        done.append(job)

    with pytest.raises(KeyboardInterrupt):
        run_side_by_side(LeftToHelpers(500), work, 2)
    ended = len(done)
    assert 5 < ended < 500
    time.sleep(0.05)
    assert len(done) == ended  # the helper was awaited all the same
