"""A model as a service."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from edgebert_runtime import Bundle, Classifier, TaskModel, load
from edgebert_runtime.errors import (
    ConfigError,
    EngineError,
    InputError,
    OverloadedError,
    ServiceClosedError,
)
from edgebert_runtime.serving.scheduling.intake import AT_ONCE_CHARACTERS
from edgebert_runtime.serving.service import Answered, ModelService
from edgebert_runtime.tasks.options import TaskOptions
from edgebert_runtime.tasks.registry import require_task
from edgebert_runtime.tokenization.tokenizer import TextTokenizer
from tests.support.fake_sessions import by_sum, opened
from tests.support.task_bundles import BERT, GetSample, wordpiece

TEXT = "the small cat sat on a mat and dog ran far over red blue"
WORDS = TEXT.split()
BAD = wordpiece().token_to_id("paris")
PATIENCE_SECONDS = 60
TOLERANCE = 1e-6
"""Sums over another number of padded tokens are rounded otherwise."""

Compute = Callable[[NDArray[np.int64]], list[NDArray[np.float32]]]


def texts_of(count: int) -> list[str]:
    """Of 0 to 30 tokens."""
    return [
        " ".join(WORDS[(each * 7 + at) % len(WORDS)] for at in range(each * 13 % 31))
        for each in range(count)
    ]


@asynccontextmanager
async def started(model: TaskModel[Any], **how: Any) -> AsyncIterator[ModelService]:
    service = ModelService("model", model, **{"workers": 2, **how})
    await service.start()
    try:
        yield service
    finally:
        await service.close(PATIENCE_SECONDS)


async def answers_of(service: ModelService, *requests: Sequence[Any]) -> list[Answered]:
    return await asyncio.gather(*map(service.answer, requests))


def within(task: Awaitable[Any]) -> Any:
    async def limited() -> Any:
        return await asyncio.wait_for(task, PATIENCE_SECONDS)

    return asyncio.run(limited())


def fake(folder: Path, compute: Compute = by_sum) -> Classifier:
    return Classifier(*opened("classify", folder, compute))


def test_vectors_are_those_of_embed(tiny_exported: Bundle) -> None:
    async def run() -> None:
        texts = texts_of(700)
        async with started(model) as service:
            requests = [texts, *([text] for text in texts[:60]), texts[:7], []]
            found = await answers_of(service, *requests)
            expected = model.embed(texts, progress=False)
            assert [len(each.answers) for each in found] == [700, *[1] * 60, 7, 0]
            for request, each in zip(requests, found, strict=True):
                for vector, wanted in zip(each.answers, expected, strict=False):
                    if request is texts or request == texts[:7]:
                        np.testing.assert_allclose(vector, wanted, atol=TOLERANCE)
                assert each.tokens == sum(model.count_tokens(request))
            for at, each in enumerate(found[1:61]):
                np.testing.assert_allclose(each.answers[0], expected[at], atol=TOLERANCE)
            done = service.statistics()
            assert done.requests["answered"] == 63
            assert done.items == 767
            assert done.tokens == sum(each.tokens for each in found)
            assert done.tokens <= done.padded_tokens <= done.tokens / 0.94
            assert (done.waiting_rows, done.in_flight) == (0, 0)
            assert sum(done.wait_seconds.counts) == 62
            assert service.standing_still() == 0

    with load(tiny_exported) as model:
        within(run())


@pytest.mark.parametrize("task", BERT)
def test_every_task_answers_as_predict(task: str, sample: GetSample) -> None:
    folder, spec = sample(BERT[task]).folder, require_task(task)
    model: TaskModel[Any] = load(folder, task=cast("Any", task))
    manifest = Bundle.open(folder).manifest
    items = [spec.item(manifest, f"{text} cat") for text in texts_of(40)]
    options = spec.probe.options

    async def run() -> list[Answered]:
        async with started(model) as service:
            return await asyncio.gather(
                service.answer(items, options),
                *(service.answer([item], options) for item in items),
                service.answer(items[:3]),
            )

    many, *alone, usual = within(run())
    comparable = spec.probe.comparable
    expected = list(map(comparable, model.predict(items, options, progress=False)))
    for found in (many.answers, [each.answers[0] for each in alone]):
        for answer, wanted in zip(found, expected, strict=True):
            assert len(comparable(answer)) == len(wanted)
            for place, other in zip(comparable(answer), wanted, strict=True):
                assert place == pytest.approx(other, abs=1e-5)
    assert len(usual.answers) == 3
    model.close()


@pytest.mark.parametrize("task", ["classify", "tag"])
def test_windows_of_huge_texts_are_run_as_they_are_made(
    task: str, sample: GetSample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TextTokenizer, "SLICE_CHARACTERS", 400)
    model: TaskModel[Any] = load(sample(BERT[task]).folder, task=cast("Any", task))
    monkeypatch.setattr(type(model), "WINDOWS_AT_ONCE", 4)
    options = replace(require_task(task).probe.options, long="window")
    huge = " ".join(WORDS * 100)
    items = ["the cat", huge, "a dog", "the small cat " * 30]

    async def run() -> Answered:
        async with started(model) as service:
            (found, _) = await asyncio.gather(
                service.answer(items, options), service.answer(items[:1], options)
            )
            return found

    found = within(run())
    for answer, wanted in zip(found.answers, model.predict(items, options), strict=True):
        for place, other in zip(
            *map(require_task(task).probe.comparable, (answer, wanted)), strict=True
        ):
            assert place == pytest.approx(other, abs=1e-5)
    assert found.tokens > 1400
    model.close()


def test_an_item_that_is_no_text_is_named(tmp_path: Path) -> None:
    async def run(items: list[Any], options: TaskOptions | None = None) -> None:
        async with started(fake(tmp_path)) as service:
            await service.answer(items, options)

    for count in (1, 300):
        with pytest.raises(InputError, match=f"item {count} is int, expected str"):
            within(run([*["the cat"] * count, 5]))
    with pytest.raises(InputError, match="top_k must be at least 1"):
        within(run(["the cat"], Classifier.OPTIONS(top_k=0)))
    with pytest.raises(InputError, match="item 1 has 602 tokens, the limit is 512"):
        within(run(["the cat", "cat " * 600], Classifier.OPTIONS(long="error")))
    with pytest.raises(ConfigError, match="stride must be between"):
        within(run(["cat " * 600], Classifier.OPTIONS(long="window", stride=600)))


def failing(ids: NDArray[np.int64]) -> list[NDArray[np.float32]]:
    if (ids == BAD).any():
        raise EngineError("a bad row")
    return by_sum(ids)


def giving_nan(ids: NDArray[np.int64]) -> list[NDArray[np.float32]]:
    (found,) = by_sum(ids)
    found[(ids == BAD).any(axis=1)] = np.nan
    return [found]


def broken(ids: NDArray[np.int64]) -> list[NDArray[np.float32]]:
    if (ids == BAD).any():
        raise ZeroDivisionError
    return by_sum(ids)


@pytest.mark.parametrize(
    ("compute", "error"),
    [(failing, "a bad row"), (giving_nan, "item 2 has no answer: the graph gave NaN")],
    ids=["engine", "nan"],
)
def test_a_bad_row_fails_its_own_request_alone(
    compute: Compute, error: str, tmp_path: Path
) -> None:
    model = fake(tmp_path, compute)

    async def run() -> list[Any]:
        async with started(model, workers=1) as service:
            requests = [["the cat"], ["a dog", "a cat", "in paris"], *[["the mat"]] * 20]
            return await asyncio.gather(*map(service.answer, requests), return_exceptions=True)

    first, bad, *others = within(run())
    with pytest.raises(EngineError, match=error):
        raise bad
    assert first.answers == model.classify(["the cat"])
    assert all(each.answers == model.classify(["the mat"]) for each in others)


def test_a_worker_survives_what_nobody_expected(tmp_path: Path) -> None:
    async def run() -> Answered:
        async with started(fake(tmp_path, broken), workers=1) as service:
            with pytest.raises(ZeroDivisionError):
                await service.answer(["in paris"])
            assert service.statistics().requests["failed"] == 1
            return await service.answer(["the cat"])

    assert len(within(run()).answers) == 1


class Gate:
    """Rows wait until it is opened.

    Attributes:
        entered: set once the first row is there.
        ran: rows so far.
    """

    def __init__(self) -> None:
        self.entered, self.open, self.ran = Event(), Event(), 0
        self._warm = True

    def __call__(self, ids: NDArray[np.int64]) -> list[NDArray[np.float32]]:
        if ids.sum():  # padding warms up
            self.entered.set()
            assert self.open.wait(PATIENCE_SECONDS)
            self.ran += len(ids)
        return by_sum(ids)


async def entered(gate: Gate) -> None:
    assert await asyncio.to_thread(gate.entered.wait, PATIENCE_SECONDS)


def test_rows_of_who_left_are_dropped(tmp_path: Path) -> None:
    gate = Gate()

    async def run() -> None:
        async with started(fake(tmp_path, gate), workers=1) as service:
            gone = asyncio.create_task(service.answer(texts_of(200)))
            await entered(gate)
            gone.cancel()
            with pytest.raises(asyncio.CancelledError):
                await gone
            assert service.statistics().waiting_rows == 0
            gate.open.set()
            await service.answer(["the cat"])
            assert service.statistics().requests["cancelled"] == 1

    within(run())
    assert gate.ran < 200


def test_who_comes_later_with_one_text_is_answered_before_many(tmp_path: Path) -> None:
    gate = Gate()
    order: list[str] = []

    async def run() -> None:
        async def ask(name: str, texts: list[str]) -> None:
            await service.answer(texts)
            order.append(name)

        async with started(fake(tmp_path, gate), workers=1) as service:
            many = asyncio.create_task(ask("many", texts_of(1000)))
            await entered(gate)
            one = asyncio.create_task(ask("one", ["the cat"]))
            await asyncio.sleep(0)
            gate.open.set()
            await asyncio.gather(many, one)

    within(run())
    assert order == ["one", "many"]


def test_who_would_wait_too_long_is_refused_at_once(tmp_path: Path) -> None:
    gate = Gate()

    async def run() -> None:
        async with started(fake(tmp_path, gate), workers=1, max_wait=0.0) as service:
            first = asyncio.create_task(service.answer(texts_of(500)))
            await entered(gate)
            with pytest.raises(OverloadedError, match="would wait for about"):
                await service.answer(["the cat"])
            assert service.statistics().requests["refused"] == 1
            gate.open.set()
            await first
            await service.answer(["the cat"])

    within(run())


def test_standing_still_is_seen(tmp_path: Path) -> None:
    gate = Gate()

    async def run() -> None:
        async with started(fake(tmp_path, gate), workers=1) as service:
            await asyncio.sleep(0.1)
            assert service.standing_still() == 0  # there is no work
            stuck = asyncio.create_task(service.answer(["the cat"]))
            await entered(gate)
            await asyncio.sleep(0.1)
            assert 0.1 <= service.standing_still() < PATIENCE_SECONDS
            gate.open.set()
            await stuck
            assert service.standing_still() == 0

    within(run())


def test_closing_waits_for_what_is_under_way_and_takes_nothing_new(tmp_path: Path) -> None:
    gate = Gate()

    async def run() -> None:
        service = ModelService("model", fake(tmp_path, gate), workers=1)
        await service.start()
        under_way = asyncio.create_task(service.answer(texts_of(50)))
        await entered(gate)
        closing = asyncio.create_task(service.close(PATIENCE_SECONDS))
        await asyncio.sleep(0)
        with pytest.raises(ServiceClosedError, match="model closes; ask another server"):
            await service.answer(["the cat"])
        gate.open.set()
        assert len((await under_way).answers) == 50
        await closing

    within(run())


def test_what_is_not_answered_in_time_is_told_so(tmp_path: Path) -> None:
    gate = Gate()

    async def run() -> None:
        service = ModelService("model", fake(tmp_path, gate), workers=1)
        await service.start()
        text = "cat " * AT_ONCE_CHARACTERS
        asked = [["the cat"], texts_of(600), [text]]
        under_way = [asyncio.create_task(service.answer(each)) for each in asked]
        await entered(gate)
        closing = asyncio.create_task(service.close(0.05))
        for each in under_way:
            with pytest.raises(ServiceClosedError):
                await each
        gate.open.set()
        await closing

    within(run())


SERVE_MOODS = """
import asyncio, json, sys
from edgebert_runtime.serving.service import ModelService
from tests.support.fake_sessions import by_sum, opened
from tests.support.mood.runtime import MoodReader
from pathlib import Path

model = MoodReader(*opened("classify", Path(sys.argv[1]), by_sum))
service = ModelService("moods", model)

async def run():
    await service.start()
    answered = await service.answer(["the cat", "a dog"])
    await service.close(1)
    return answered.answers

assert asyncio.run(run()) == model.moods(["the cat", "a dog"])
"""


def test_a_registered_task_is_served(tmp_path: Path) -> None:
    """In a process of its own: a task stays registered as long as its process."""
    subprocess.run([sys.executable, "-c", SERVE_MOODS, str(tmp_path)], check=True)
