"""Texts beyond the limit: cut, refused, or run in windows; and huge ones."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from edgebert_runtime import Bundle, Classifier, Embedder, Ranker, Tagger, load
from edgebert_runtime.bundle.manifest import TokenizerInfo
from edgebert_runtime.errors import ConfigError, InputError, TruncationWarning
from edgebert_runtime.postprocessing.window_aggregation import most_context, weighted_means
from edgebert_runtime.tokenization.chunking import SLICE_CHARACTERS, slices
from edgebert_runtime.tokenization.sliding_window import slide
from edgebert_runtime.tokenization.tokenizer import TextTokenizer
from tests.support.task_bundles import BERT, ROBERTA, GetSample
from tests.support.tokenizers import BUILDERS, save_tokenizer

LIMIT = 40
WORDS = [
    "the",
    "small",
    "cat",
    "sat",
    "on",
    "a",
    "mat",
    "and",
    "dog",
    "ran",
    "far",
    "over",
    "red",
    "blue",
]  # a token each
LONG = " ".join(WORDS[number * 7 % len(WORDS)] for number in range(400))


@pytest.fixture(scope="module")
def model(tiny_bundle: Bundle) -> Embedder:
    return load(tiny_bundle)


def test_tokens_are_counted_before_anything_is_cut(model: Embedder) -> None:
    assert model.count_tokens(["cat", "", LONG]) == [3, 2, 402]
    assert model.count_tokens([("cat", "cat")])[0] == 5


def test_a_long_text_is_refused_where_that_is_asked_for(model: Embedder) -> None:
    with pytest.raises(InputError, match="item 1 has 402 tokens, the limit is 40; shorten it"):
        model.embed(["cat", LONG], long="error")
    model.embed(["cat"], long="error")


def test_an_unknown_way_lists_the_known(model: Embedder) -> None:
    with pytest.raises(ConfigError, match="one of truncate, error, window; got 'cut'"):
        model.embed(["cat"], long="cut")  # type: ignore[call-overload]


def test_a_long_text_is_the_mean_of_its_windows(model: Embedder) -> None:
    """By hand: windows without overlap, weighted by their tokens, of length 1 again."""
    words = LONG.split()
    room = LIMIT - 2
    pieces = [" ".join(words[start : start + room]) for start in range(0, len(words), room)]
    vectors = model.embed(pieces, normalize=True)
    weights = np.array([[len(piece.split()) + 2] for piece in pieces])
    mean = (vectors * weights).sum(axis=0)
    found = model.embed([LONG, "cat"], normalize=True, long="window", stride=0)
    np.testing.assert_allclose(found[0], mean / np.linalg.norm(mean), atol=2e-6)
    np.testing.assert_allclose(found[1], model.embed(["cat"], normalize=True)[0], atol=2e-6)
    found = model.embed([LONG], normalize=False, long="window", stride=0)
    vectors = model.embed(pieces, normalize=False)
    np.testing.assert_allclose(found[0], (vectors * weights).sum(axis=0) / weights.sum(), atol=2e-5)
    assert model.last_report is not None
    assert model.last_report.truncated == ()


def test_the_report_counts_windows(model: Embedder) -> None:
    model.embed(["cat", LONG], long="window", stride=8)  # 30 words further each time
    assert model.last_report is not None
    assert (model.last_report.texts, model.last_report.windows) == (2, 15)


@pytest.mark.parametrize("stride", [-1, LIMIT - 2])
def test_a_stride_without_room_is_refused(model: Embedder, stride: int) -> None:
    with pytest.raises(ConfigError, match="stride must be between 0 and 37"):
        model.embed([LONG], long="window", stride=stride)


def test_a_classifier_takes_the_mean_of_its_windows(sample: GetSample) -> None:
    model = load(sample(BERT["classify"]).folder, task="classify")
    assert isinstance(model, Classifier)
    limit = model.info().max_length
    text = " ".join(LONG.split()[: 2 * (limit - 2)])
    halves = " ".join(text.split()[: limit - 2]), " ".join(text.split()[limit - 2 :])
    assert model.count_tokens(halves) == [limit, limit]
    (found,) = model.classify([text], long="window", stride=0)
    logits = [np.log([score.score for score in by_label(each)]) for each in model.classify(halves)]
    mean = np.exp(np.mean(logits, axis=0))  # softmax of the mean of logits, up to a factor
    np.testing.assert_allclose(
        [score.score for score in by_label(found)], mean / mean.sum(), atol=1e-5
    )


def by_label(found: Any) -> list[Any]:
    return sorted(found.scores, key=lambda score: score.label)


def test_a_document_scores_as_its_best_window(sample: GetSample) -> None:
    model = load(sample(BERT["rank"]).folder, task="rank")
    assert isinstance(model, Ranker)
    room = model.info().max_length - 3 - 1
    words = LONG.split()[: 2 * room]
    parts = [" ".join(words[:room]), " ".join(words[room:])]
    best = model.rank("cat", parts)[0]
    (found,) = model.rank("cat", [" ".join(words)], long="window", stride=0)
    assert found.score == pytest.approx(best.score, abs=1e-6)
    with pytest.raises(InputError, match="item 0 has"):
        model.rank("cat", [" ".join(words)], long="error")


@pytest.mark.parametrize("recipe", [BERT["tag"], ROBERTA["tag"]])
def test_entities_are_found_to_the_end_of_a_long_text(sample: GetSample, recipe: Any) -> None:
    model = load(sample(recipe).folder, task="tag")
    assert isinstance(model, Tagger)
    (found,) = model.tag([LONG], aggregation="none", ignore=(), long="window")
    with pytest.warns(TruncationWarning):
        (cut,) = model.tag([LONG], aggregation="none", ignore=())
    (tokens,) = model.count_tokens([LONG])
    assert len(found) == tokens - 2
    assert len(cut) == model.info().max_length - 2
    spans = [(entity.start, entity.end) for entity in found]
    assert spans == sorted(spans)
    assert found[-1].end == len(LONG)


def test_a_short_text_is_tagged_alike_in_a_window(sample: GetSample) -> None:
    model = load(sample(BERT["tag"]).folder, task="tag")
    texts = ["the cat sat", "", " "]
    assert model.tag(texts, long="window") == model.tag(texts)


@given(length=st.integers(1, 60), room=st.integers(1, 20), data=st.data())
def test_joined_windows_have_every_place_once(length: int, room: int, data: Any) -> None:
    shared = data.draw(st.integers(0, room - 1))
    parts = list(slide(length, room, shared))
    windows = most_context(parts, len, shared)
    kept = [(place, part) for part, own in windows for place in part[own.start : own.stop]]
    assert [place for place, _ in kept] == list(range(length))
    for place, part in kept:
        depth = depth_in(part, place, length)
        assert depth >= max(depth_in(each, place, length) for each in parts if place in each) - 1


def depth_in(part: range, place: int, length: int) -> int:
    """Tokens to the nearer end of a window; the text's own ends do not count."""
    before = place - part.start if part.start else length
    behind = part.stop - 1 - place if part.stop < length else length
    return min(before, behind)


def test_weighted_means_by_hand() -> None:
    rows = np.array([[1, 1], [4, 0], [5, 5]], np.float32)
    np.testing.assert_allclose(weighted_means(rows, [0, 0, 1], [2, 1, 9]), [[2, 2 / 3], [5, 5]])


PASSAGE = "The small cat sat, on the mat.  A dog\tran far;\n\n Über-café naïve 中国 unable 😀 "


@pytest.fixture(scope="module", params=sorted(BUILDERS))
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("tokenizer")
    save_tokenizer(request.param, folder)
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def test_slices_have_the_tokens_of_the_whole(tokenizer: Any) -> None:
    def ids_of(text: str) -> list[int]:
        ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    text = "".join(PASSAGE * (1 + number % 3) + " " * (number % 4) for number in range(60))
    parts = list(slices(text, ids_of, 500))
    assert "".join(parts) == text
    assert len(parts) > 10
    assert [id_ for part in parts for id_ in ids_of(part)] == ids_of(text)


@settings(deadline=None, max_examples=60)
@given(text=st.text(alphabet="ab .\n中。é\u0301", max_size=400))
def test_any_text_is_sliced_into_itself(text: str) -> None:
    parts = slices(text, lambda part: [ord(letter) for letter in part], 30)
    assert "".join(parts) == text


def test_a_text_without_a_place_to_cut_comes_whole() -> None:
    word = "a" * (2 * SLICE_CHARACTERS)
    assert list(slices(word, lambda part: [len(part)])) == [word]


HUGE = """
import sys, warnings
from edgebert_runtime import load

def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))

warnings.simplefilter("ignore")
model = load(sys.argv[1])
model.embed(["cat"], long=sys.argv[2])
text = "the small cat sat on a mat and dog ran far over red blue mat " * 170_000
before = peak()
model.embed([text], long=sys.argv[2])
print(len(text), peak() - before, model.last_report.truncated and
      model.last_report.truncated[0].tokens)
"""


def test_ten_megabytes_take_little_memory(tiny_bundle: Bundle, tmp_path: Path) -> None:
    command = [sys.executable, "-c", HUGE, str(tiny_bundle.folder), "truncate"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    characters, kibibytes, tokens = map(int, done.stdout.split())
    assert characters > 10_000_000
    assert kibibytes * 1024 < 100_000_000
    assert tokens == 170_000 * 15 + 2


def test_what_surrounds_a_huge_text_is_unharmed(model: Embedder) -> None:
    huge = "the small cat " * 10_000
    with pytest.warns(TruncationWarning):
        found = model.embed(["cat", huge, "dog"])
    with pytest.warns(TruncationWarning):
        cut = model.embed(["the small cat " * 200])
    np.testing.assert_allclose(found[1], cut[0], atol=2e-6)
    np.testing.assert_allclose(found[[0, 2]], model.embed(["cat", "dog"]), atol=2e-6)
    assert model.count_tokens([huge]) == [30_002]


def test_windows_of_slices_are_those_of_the_whole(
    tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ids, pieces, words and places, alone and behind another text."""
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    info = TokenizerInfo(
        file="tokenizer.json",
        max_length=40,
        max_positions=40,
        padding_side="right",
        pad_id=0,
        pad_token="[PAD]",
        pad_type_id=0,
        special_tokens={},
    )
    ours = TextTokenizer(tmp_path / "tokenizer.json", info)
    text = "".join(PASSAGE * (1 + number % 3) for number in range(20))
    items: list[Any] = [text, ("Who sat on the mat?", text)]
    expected = [list(ours.align_windows(item, 40, 7)) for item in items]
    monkeypatch.setattr(TextTokenizer, "SLICE_CHARACTERS", 500)
    for item, windows in zip(items, expected, strict=True):
        found = list(ours.align_windows(item, 40, 7))
        assert len(found) == len(windows) > 10
        for one, other in zip(found, windows, strict=True):
            assert replace(one, tokens=0) == replace(other, tokens=0)


WINDOWS = """
import sys, warnings
from edgebert_runtime import load

def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))

task, repeats = sys.argv[2], int(sys.argv[3])
model = load(sys.argv[1], task=task)
text = "the small cat sat on a mat and dog ran far over red blue mat " * repeats
labels = model.labels  # what it finds would be most of it: nearly every token
run = {
    "tag": lambda text: model.tag([text], aggregation="none", ignore=labels, long="window"),
    "answer": lambda text: model.answer("who sat?", text),
}[task]
run(text[:3000])
before = peak()
found = run(text)
print(len(text), peak() - before, len(found))
"""


@pytest.mark.parametrize("task", ["tag", "answer"])
def test_windows_over_a_huge_text_take_little_memory(sample: GetSample, task: str) -> None:
    """A million characters, whose tokens all at once would take over 100 MB."""
    folder = sample(BERT[task]).folder
    command = [sys.executable, "-c", WINDOWS, str(folder), task, "16500"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    characters, kibibytes, _ = map(int, done.stdout.split())
    assert characters > 1_000_000
    assert kibibytes * 1024 < 60_000_000
