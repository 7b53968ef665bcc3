import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgebert_runtime import Answer, Answerer, load
from edgebert_runtime.errors import ConfigError, InputError
from edgebert_runtime.inference import batch_runner
from edgebert_runtime.tasks.answer import (
    TokenSpan,
    best_spans,
    merge_alike,
    read_span,
    score_tokens,
)
from edgebert_runtime.tokenization.offsets import AlignedText
from edgebert_runtime.tokenization.sliding_window import slide
from edgebert_runtime.tokenization.tokenizer import TextTokenizer
from tests.support.fake_sessions import opened
from tests.support.span_logits import formula_logits
from tests.support.task_bundles import BERT, ROBERTA, GetSample, Sample

GOLDENS = json.loads(Path(__file__).with_name("answer_goldens.json").read_text(encoding="utf-8"))
CONTEXT = "Ada Lovelace lives in Paris, the cats sat on the mat. 🙂 café unable 中国!"
TOLERANCE = 1e-5

GetAnswerer = Callable[[str], Answerer]


def formula(ids: NDArray[np.int64]) -> list[NDArray[np.float32]]:
    return list(formula_logits(ids))


@pytest.fixture(scope="module")
def by_formula(tmp_path_factory: pytest.TempPathFactory) -> GetAnswerer:
    limit: int = GOLDENS["max_length"]

    def get(family: str) -> Answerer:
        folder = tmp_path_factory.mktemp("fake")
        return Answerer(*opened("answer", folder, formula, family=family, max_length=limit))

    return get


# The pipeline, as recorded


def named(case: dict[str, Any]) -> str:
    rest = {k: v for k, v in case.items() if k not in ("family", "context", "question", "answers")}
    return f"{case['family']}-{case['context']}-{case['question'][:8]}-{rest}"


@pytest.mark.parametrize("case", GOLDENS["cases"], ids=named)
def test_answers_are_those_recorded_of_transformers(
    by_formula: GetAnswerer, case: dict[str, Any]
) -> None:
    """Recorded with transformers 4.57.1 by make_answer_goldens.py."""
    context = GOLDENS["contexts"][case["context"]]
    options = {
        name: value
        for name, value in case.items()
        if name not in ("family", "context", "question", "answers")
    }
    found = by_formula(case["family"]).answer(case["question"], context, **options)
    assert [(each.text, each.start, each.end) for each in found] == [
        (each["answer"], each["start"], each["end"]) for each in case["answers"]
    ]
    for ours, theirs in zip(found, case["answers"], strict=True):
        assert ours.score == pytest.approx(theirs["score"], rel=TOLERANCE)


def test_the_goldens_hold_what_is_hard() -> None:
    answers = [answer for case in GOLDENS["cases"] for answer in case["answers"]]
    assert any(answer["answer"] == "" and answer["score"] > 0 for answer in answers)
    assert any(answer["score"] > 1 for answer in answers)


# The documented behaviour, plainly, on real graphs


def reference(
    peer: Sample, question: str, context: str, *, top_k: int, window: int, stride: int
) -> list[dict[str, Any]]:
    """Windows by transformers' tokenizer, logits by torch, spans by the definition."""
    windows = peer.tokenizer(
        question,
        context,
        truncation="only_second",
        max_length=window,
        stride=stride,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    merged: dict[str, dict[str, Any]] = {}
    for number, ids in enumerate(windows["input_ids"]):
        with torch.no_grad():
            inputs = {
                name: torch.tensor([windows[name][number]])
                for name in peer.tokenizer.model_input_names
            }
            output = peer.model(**inputs)
        inside = [at for at in range(len(ids)) if windows.sequence_ids(number)[at] == 1]
        counted = [0, *inside]
        starts = dict(zip(counted, output.start_logits[0, counted].softmax(-1), strict=True))
        ends = dict(zip(counted, output.end_logits[0, counted].softmax(-1), strict=True))
        spans = [
            (float(starts[first] * ends[last]), first, last)
            for first in inside
            for last in inside
            if first <= last < first + 15
        ]
        for score, first, last in sorted(spans, key=lambda span: -span[0])[: 2 * top_k + 10]:
            start = windows.word_to_chars(number, windows.token_to_word(number, first), 1).start
            end = windows.word_to_chars(number, windows.token_to_word(number, last), 1).end
            text = context[start:end]
            entry = merged.setdefault(
                text.lower(), {"text": text, "start": start, "end": end, "score": 0.0}
            )
            entry["score"] += score
    return sorted(merged.values(), key=lambda entry: -entry["score"])[:top_k]


@pytest.fixture(scope="module", params=["wordpiece", "byte_level"])
def peer(request: pytest.FixtureRequest, sample: GetSample) -> Sample:
    return sample((BERT if request.param == "wordpiece" else ROBERTA)["answer"])


@pytest.mark.parametrize(
    ("question", "context", "window", "stride"),
    [
        ("who?", "Ada lives in Paris 🙂", 48, 24),
        ("who?", CONTEXT * 3, 48, 24),
        ("the small cat?", CONTEXT * 2, 30, 7),
        ("on what?", "the cat " * 40, 20, 0),
    ],
)
def test_answers_are_those_of_the_definition(
    peer: Sample, question: str, context: str, window: int, stride: int
) -> None:
    options = {"top_k": 4, "window": window, "stride": stride}
    expected = reference(peer, question, context, **options)
    found = load(peer.folder, task="answer").answer(question, context, **options)  # type: ignore[arg-type]
    assert [each["text"] for each in expected] == [each.text for each in found]
    for theirs, ours in zip(expected, found, strict=True):
        assert (ours.start, ours.end) == (theirs["start"], theirs["end"])
        assert ours.score == pytest.approx(theirs["score"], abs=TOLERANCE, rel=TOLERANCE)


# Windows


@given(length=st.integers(1, 300), room=st.integers(1, 60), data=st.data())
def test_windows_cover_every_token_and_share_the_stride(
    length: int, room: int, data: st.DataObject
) -> None:
    stride = data.draw(st.integers(0, room - 1))
    windows = list(slide(length, room, stride))
    assert {index for window in windows for index in window} == set(range(length))
    assert all(len(window) == room for window in windows[:-1])
    assert all(len(window) <= room for window in windows)
    for before, after in itertools.pairwise(windows):
        assert before.stop - after.start == stride
    assert len({window.stop for window in windows}) == len(windows)


@pytest.mark.parametrize(
    ("length", "room", "stride", "expected"),
    [
        (4, 4, 2, [(0, 4)]),
        (5, 4, 2, [(0, 4), (2, 5)]),
        (6, 4, 2, [(0, 4), (2, 6)]),  # and no third inside the second
        (5, 2, 0, [(0, 2), (2, 4), (4, 5)]),
    ],
)
def test_windows_by_hand(
    length: int, room: int, stride: int, expected: list[tuple[int, int]]
) -> None:
    assert [(part.start, part.stop) for part in slide(length, room, stride)] == expected


@settings(deadline=None, max_examples=20)
@given(repeats=st.integers(1, 12), window=st.integers(12, 48), stride=st.integers(0, 5))
def test_windows_are_those_of_the_rust_tokenizer(
    tmp_path_factory: pytest.TempPathFactory, repeats: int, window: int, stride: int
) -> None:
    seen: list[list[list[int]]] = []

    def record(ids: NDArray[np.int64]) -> list[NDArray[np.float32]]:
        seen.append(ids.tolist())
        return list(formula_logits(ids))

    fake = opened("answer", tmp_path_factory.mktemp("fake"), record)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_runner, "MICRO_BATCH_TOKENS", 1)  # no padding
        Answerer(*fake).answer("who ?", CONTEXT * repeats, window=window, stride=stride)
    rust = _rust_windows(fake[0].folder, "who ?", CONTEXT * repeats, window, stride)
    assert sorted(ids for batch in seen for ids in batch) == sorted(rust)


def _rust_windows(
    folder: Path, question: str, context: str, window: int, stride: int
) -> list[list[int]]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(window, stride=stride, strategy="only_second")
    first = tokenizer.encode(question, context)
    return [first.ids, *(each.ids for each in first.overflowing)]


@settings(deadline=None, max_examples=40)
@given(
    context=st.text(max_size=120).map(lambda text: f"{text} cat"),  # some token at least
    family=st.sampled_from(["wordpiece", "byte_level"]),
    top_k=st.integers(1, 6),
)
def test_answers_slice_the_context_by_falling_score(
    by_formula: GetAnswerer, context: str, family: str, top_k: int
) -> None:
    model = by_formula(family)
    found = model.answer("who?", context, top_k=top_k, window=24, stride=4)
    assert 1 <= len(found) <= top_k
    for each in found:
        assert 0 <= each.start <= each.end <= len(context)
        assert each.text == context[each.start : each.end]
    scores = [each.score for each in found]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("budget", [1, 40, 10_000])
def test_micro_batches_change_no_result(sample: GetSample, budget: int) -> None:
    model = load(sample(BERT["answer"]).folder, task="answer")
    expected = model.answer("who?", CONTEXT * 4, top_k=5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_runner, "MICRO_BATCH_TOKENS", budget)
        found = model.answer("who?", CONTEXT * 4, top_k=5)
    assert [(each.text, each.start) for each in found] == [
        (each.text, each.start) for each in expected
    ]
    for one, other in zip(found, expected, strict=True):
        assert one.score == pytest.approx(other.score, abs=TOLERANCE)


def test_a_long_context_is_no_cut_text(by_formula: GetAnswerer) -> None:
    model = by_formula("wordpiece")
    model.answer("who?", CONTEXT * 30, window=60)
    assert model.last_report is not None
    assert model.last_report.truncated == ()
    assert model.last_report.windows > 10


def test_where_the_usual_stride_has_no_room_it_is_half_of_it(by_formula: GetAnswerer) -> None:
    model, question = by_formula("wordpiece"), "cat " * 370
    usual = model.answer(question, CONTEXT * 5, top_k=3)  # 384 - 370 - 3 leave 11
    assert usual == model.answer(question, CONTEXT * 5, top_k=3, stride=5)
    assert usual != model.answer(question, CONTEXT * 5, top_k=3, stride=4)


# By hand


LN = np.log(np.arange(1, 6, dtype=np.float32))
SOURCES = [None, 0, None, 1, 1]
"""`[CLS] question [SEP] one two`, without the last `[SEP]`."""


def test_scores_are_shares_of_context_and_cls_alone() -> None:
    starts, ends = score_tokens(LN, LN[::-1], SOURCES)
    # starts: 1, 4 and 5 count, of 10; ends: 5, 2 and 1, of 8
    np.testing.assert_allclose(starts, [0.1, 0, 0, 0.4, 0.5], rtol=1e-6)
    np.testing.assert_allclose(ends, [0.625, 0, 0, 0.25, 0.125], rtol=1e-6)
    assert starts.dtype == np.float32


def test_scores_leave_padding_out() -> None:
    padded = np.append(LN, np.full(2, 50, np.float32))
    np.testing.assert_array_equal(score_tokens(padded, padded, SOURCES)[0], _alone())


def _alone() -> NDArray[np.float32]:
    return score_tokens(LN, LN, SOURCES)[0]


STARTS = np.array([0.9, 0.1, 0.4, 0.5], np.float32)
ENDS = np.array([0.9, 0.6, 0.1, 0.3], np.float32)


@pytest.mark.parametrize(
    ("longest", "count", "expected"),
    [
        # (3, 3) 0.15, (2, 3) 0.12, (1, 1) 0.06, (2, 2) 0.04, (1, 3) 0.03, (1, 2) 0.01
        (9, 9, [(3, 3), (2, 3), (1, 1), (2, 2), (1, 3), (1, 2)]),
        (9, 2, [(3, 3), (2, 3)]),
        (2, 9, [(3, 3), (2, 3), (1, 1), (2, 2), (1, 2)]),
        (1, 9, [(3, 3), (1, 1), (2, 2)]),
    ],
)
def test_best_spans_by_hand(longest: int, count: int, expected: list[tuple[int, int]]) -> None:
    """Token 0 is the likeliest of all and outside; no span ends before it starts."""
    spans = best_spans(STARTS, ENDS, np.array([1, 2, 3]), longest, count)
    assert [(span.first, span.last) for span in spans] == expected
    assert math.isclose(spans[0].score, 0.15, rel_tol=1e-6)


def aligned(words: list[int | None]) -> AlignedText:
    return AlignedText(
        input_ids=range(5),
        token_type_ids=[0] * 5,
        tokens=5,
        pieces=["[CLS]", "q", "un", "##able", "cats"],
        offsets=[(0, 0), (0, 1), (0, 2), (2, 6), (7, 11)],
        words=words,
        sources=[None, 0, 1, 1, 1],
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([None, 0, 0, 0, 1], "unable"),  # the question's word 0 is another
        ([None, 0, 0, 0, 0], "unable cats"),
        ([None, None, None, None, None], "able"),  # no words: the tokens' own characters
    ],
)
def test_a_span_is_widened_to_whole_words(words: list[int | None], expected: str) -> None:
    answer = read_span("unable cats", aligned(words), TokenSpan(first=3, last=3, score=0.5))
    assert answer.text == expected


def test_answers_that_read_alike_are_one() -> None:
    def at(text: str, score: float, start: int) -> Answer:
        return Answer(text=text, score=score, start=start, end=start + len(text))

    merged = merge_alike([at("Cat", 0.25, 9), at("dog", 0.5, 4), at("cat", 0.5, 0)])
    assert merged == [at("Cat", 0.75, 9), at("dog", 0.5, 4)]


def test_no_answer_is_as_good_as_in_its_worst_window(tmp_path: Path) -> None:
    """All logits equal: 1 / (1 + tokens)² is what `[CLS]` has, so a full window has least."""

    def equal(ids: NDArray[np.int64]) -> list[NDArray[np.float32]]:
        return [np.zeros(ids.shape, np.float32)] * 2

    model = Answerer(*opened("answer", tmp_path, equal))
    nine = "the small cat sat on a mat and ran"
    found = model.answer("?", nine, top_k=50, window=8, stride=0, allow_no_answer=True)
    assert model.last_report is not None
    assert model.last_report.windows == 3  # of 4, 4 and 1 tokens
    (null,) = [answer for answer in found if not answer.text]
    assert (null.start, null.end) == (0, 0)
    assert null.score == pytest.approx(1 / 25)


# What cannot be


@pytest.mark.parametrize(
    ("question", "context", "message"),
    [
        ("", "a", "question is empty, expected a text"),
        ("a", "", "context is empty, expected a text"),
        ("a", " \n", "context has no token for this model"),
        (3, "a", "question is int, expected str"),
        ("a", None, "context is NoneType, expected str"),
        ("a", "b\ud800", "context holds a lone surrogate at character 1"),
        ("cat " * 400, "a", "are 403 tokens and fill a window of 384; shorten the question"),
    ],
)
def test_what_cannot_be_answered_is_named(
    by_formula: GetAnswerer, question: str, context: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        by_formula("wordpiece").answer(question, context)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"top_k": 0}, InputError, "top_k must be at least 1, got 0"),
        ({"top_k": None}, InputError, "top_k must be a whole number, got None"),
        ({"max_answer_length": 0}, InputError, "max_answer_length must be at least 1, got 0"),
        ({"window": 513}, ConfigError, "window must be between 1 and 512 tokens, got 513"),
        ({"window": 20, "stride": 15}, ConfigError, "stride must be between 0 and 14"),
        ({"window": 20, "stride": -1}, ConfigError, "stride must be between 0 and 14"),
    ],
)
def test_options_without_sense_are_refused(
    by_formula: GetAnswerer, options: dict[str, int | None], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        by_formula("wordpiece").answer("who?", CONTEXT, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("recipes", [BERT, ROBERTA], ids=["wordpiece", "bytes"])
def test_a_huge_context_has_the_answers_of_the_whole(
    sample: GetSample, recipes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model: Answerer = load(sample(recipes["answer"]).folder, task="answer", verify="never")
    context = " ".join(f"{CONTEXT} {number}" for number in range(40))
    asked: dict[str, Any] = {"top_k": 9, "allow_no_answer": True}
    expected = model.answer("Who lives in Paris?", context, **asked)
    monkeypatch.setattr(TextTokenizer, "SLICE_CHARACTERS", 200)
    monkeypatch.setattr(Answerer, "WINDOWS_AT_ONCE", 3)
    found = model.answer("Who lives in Paris?", context, **asked)
    assert [(each.text, each.start, each.end) for each in found] == [
        (each.text, each.start, each.end) for each in expected
    ]
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.score == pytest.approx(theirs.score, rel=1e-4)


def test_warming_up_runs_what_answering_runs(
    sample: GetSample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both outputs at once: a capture of one of them would be another."""
    model: Answerer = load(sample(BERT["answer"]).folder, task="answer", verify="never")
    asked: list[tuple[str, ...]] = []
    really = model.session.run

    def noting(outputs: Any, feeds: Any) -> Any:
        asked.append(tuple(outputs))
        return really(outputs, feeds)

    monkeypatch.setattr(model.session, "run", noting)
    model.warm_up([(1, 8)])
    model.answer("Who lives in Paris?", CONTEXT)
    assert set(asked) == {("start_logits", "end_logits")}
