import itertools
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgebert_runtime import Entity, Tagger, load
from edgebert_runtime.bundle.manifest import Manifest
from edgebert_runtime.errors import BundleError, ConfigError, InputError, TruncationWarning
from edgebert_runtime.inference import batch_runner
from edgebert_runtime.postprocessing.spans import (
    Aggregation,
    Span,
    TokenTags,
    continues_word,
    find_spans,
    stream_spans,
)
from edgebert_runtime.tokenization.offsets import AlignedText
from edgebert_runtime.tokenization.tokenizer import TextTokenizer
from tests.support.fake_sessions import opened
from tests.support.task_bundles import BERT, LABELS, ROBERTA, GetSample, Sample, edited
from tests.support.tiny_manifest import of_task

TEXTS = [
    "Ada Lovelace lives in Paris, works for ACME Corp.",
    "unable unables cats, the café's naïve cafe\u0301 \u4e2d\u56fd 🙂!",
    "  two  spaces\tand\nlines  ",
    "zebra unablexyz qqq the",
    "[MASK] the cat [SEP] sat",
    "i o 3 7-3 'e'",
    "👩‍👩‍👧 🙂🙂 é e\u0301 ﬁ ǅ İstanbul",
    "red ca\u0301fe dog",  # a piece shorter than its characters "continues", says transformers
    "a",
    " ",
    "",
]
STRATEGIES: tuple[Aggregation, ...] = get_args(Aggregation)
TOLERANCE = 1e-5
WARNED = pytest.mark.filterwarnings("ignore:Tokenizer does not support real words")


@pytest.fixture(scope="module", params=["wordpiece", "byte_level"])
def peer(request: pytest.FixtureRequest, sample: GetSample) -> Sample:
    return sample((BERT if request.param == "wordpiece" else ROBERTA)["tag"])


@pytest.fixture(scope="module")
def model(peer: Sample) -> Tagger:
    return load(peer.folder, task="tag")


@pytest.fixture(scope="module")
def bert(sample: GetSample) -> Tagger:
    return load(sample(BERT["tag"]).folder, task="tag")


def assert_same(found: list[Entity], expected: list[dict[str, Any]], text: str) -> None:
    group = "entity_group" if expected and "entity_group" in expected[0] else "entity"
    assert [(each.label, each.start, each.end) for each in found] == [
        (each[group], each["start"], each["end"]) for each in expected
    ]
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.score == pytest.approx(float(theirs["score"]), abs=TOLERANCE)
        assert ours.text == text[ours.start : ours.end]


def test_the_model_under_test_says_different_things(bert: Tagger) -> None:
    """Else agreement with transformers would mean little."""
    labels = [entity.label for found in bert.tag(TEXTS, aggregation="none") for entity in found]
    assert set(labels) >= {"B-PER", "I-PER", "I-LOC"}


@WARNED
@pytest.mark.filterwarnings("ignore::edgebert_runtime.errors.TruncationWarning")
@pytest.mark.parametrize("aggregation", STRATEGIES)
@pytest.mark.parametrize("ignore", [("O",), (), ("PER", "B-LOC")], ids=str)
def test_entities_are_those_of_transformers(
    peer: Sample, model: Tagger, aggregation: Aggregation, ignore: tuple[str, ...]
) -> None:
    pipeline = peer.pipeline(
        "token-classification", aggregation_strategy=aggregation, ignore_labels=list(ignore)
    )
    found = model.tag(TEXTS, aggregation=aggregation, ignore=ignore)
    for text, entities in zip(TEXTS, found, strict=True):
        assert_same(entities, pipeline(text), text)


@WARNED
@settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    words=st.lists(
        st.sampled_from(
            [
                "Ada",
                "unables",
                "café",
                "é",
                "🙂",
                "中国",
                "xyz",
                ",",
                "'",
                "-",
                "[SEP]",
                "\xa0",
                "red",
            ]
        ),
        max_size=10,
    ),
    joint=st.sampled_from(["", " ", "\n"]),
    aggregation=st.sampled_from(STRATEGIES),
)
def test_any_text_is_tagged_as_by_transformers(
    peer: Sample, model: Tagger, words: list[str], joint: str, aggregation: Aggregation
) -> None:
    text = joint.join(words)
    pipeline = peer.pipeline("token-classification", aggregation_strategy=aggregation)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TruncationWarning)
        (found,) = model.tag([text], aggregation=aggregation)
    assert_same(found, pipeline(text), text)


@WARNED
def test_a_long_text_is_cut_as_by_transformers(peer: Sample, model: Tagger) -> None:
    text = "Ada lives in Paris, " * 20
    with pytest.warns(TruncationWarning, match="1 of 1 texts were cut to 48 tokens") as caught:
        (found,) = model.tag([text], aggregation="first")
    assert caught[0].filename == __file__
    assert_same(found, peer.pipeline("ner", aggregation_strategy="first")(text), text)


@settings(deadline=None, max_examples=60)
@given(text=st.text(max_size=40), aggregation=st.sampled_from(STRATEGIES))
def test_entities_slice_the_text_in_order_and_apart(
    bert: Tagger, text: str, aggregation: Aggregation
) -> None:
    (found,) = bert.tag([text], aggregation=aggregation, ignore=())
    for entity in found:
        assert 0 <= entity.start <= entity.end <= len(text)
        assert entity.text == text[entity.start : entity.end]
    for before, after in itertools.pairwise(found):
        assert before.end <= after.start


@settings(deadline=None, max_examples=40)
@given(text=st.text(alphabet="Adaé🙂\u0301 \u4e2d,", max_size=15))
def test_entities_of_a_byte_level_model_rise_and_may_share_a_character(
    sample: GetSample, text: str
) -> None:
    model = load(sample(ROBERTA["tag"]).folder, task="tag", verify="never")
    (found,) = model.tag([text], ignore=())
    for entity in found:
        assert entity.text == text[entity.start : entity.end]
    for before, after in itertools.pairwise(found):
        assert before.start <= after.start
        assert before.end <= after.end
        assert before.end - after.start <= 1


@settings(deadline=None, max_examples=15)
@given(texts=st.lists(st.sampled_from(TEXTS), max_size=8), budget=st.sampled_from([1, 50]))
def test_micro_batches_change_no_result(bert: Tagger, texts: list[str], budget: int) -> None:
    alone = [bert.tag([text])[0] for text in texts]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_runner, "MICRO_BATCH_TOKENS", budget)
        together = bert.tag(texts)
    assert [[(e.label, e.start, e.end) for e in each] for each in together] == [
        [(e.label, e.start, e.end) for e in each] for each in alone
    ]


# By hand

MICROSOFT = [(0, 5), (5, 9), (10, 13), (13, 17), (18, 20)]
"""`micro|soft com|pany ok`: the example in the documentation of transformers' strategies."""

CONTINUES = [False, True, False, True, False]


def tags(*rows: list[float]) -> TokenTags:
    return TokenTags(
        offsets=MICROSOFT, scores=np.array(rows, dtype=np.float32), continues=CONTINUES
    )


ROWS = tags(
    [0.1, 0.5, 0.2, 0.1, 0.1],  # micro: B-PER
    [0.1, 0.0, 0.0, 0.1, 0.8],  # soft: I-LOC, surer
    [0.2, 0.1, 0.4, 0.0, 0.3],  # com: I-PER
    [0.0, 0.0, 0.4, 0.0, 0.6],  # pany: I-LOC
    [0.9, 0.0, 0.1, 0.0, 0.0],  # ok: O
)


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [
        (
            "none",
            [
                ("B-PER", 0.5, 0, 5),
                ("I-LOC", 0.8, 5, 9),
                ("I-PER", 0.4, 10, 13),
                ("I-LOC", 0.6, 13, 17),
                ("O", 0.9, 18, 20),
            ],
        ),
        (
            "simple",
            [
                ("PER", 0.5, 0, 5),
                ("LOC", 0.8, 5, 9),
                ("PER", 0.4, 10, 13),
                ("LOC", 0.6, 13, 17),
                ("O", 0.9, 18, 20),
            ],
        ),
        # words get B-PER 0.5, I-PER 0.4: one entity, (0.5 + 0.4) / 2
        ("first", [("PER", 0.45, 0, 17), ("O", 0.9, 18, 20)]),
        # means: [.1 .25 .1 .1 .45] is I-LOC, [.1 .05 .4 0 .45] is I-LOC
        ("average", [("LOC", 0.45, 0, 17), ("O", 0.9, 18, 20)]),
        # surest tokens: soft, I-LOC 0.8; pany, I-LOC 0.6
        ("max", [("LOC", 0.7, 0, 17), ("O", 0.9, 18, 20)]),
    ],
)
def test_aggregation_by_hand(
    aggregation: Aggregation, expected: list[tuple[str, float, int, int]]
) -> None:
    spans = find_spans(ROWS, LABELS, aggregation)
    assert [(span.label, span.start, span.end) for span in spans] == [
        (label, start, end) for label, _, start, end in expected
    ]
    np.testing.assert_allclose([span.score for span in spans], [row[1] for row in expected])


def test_of_equally_sure_tokens_the_first_names_the_word() -> None:
    scores = np.array([[0, 1, 0], [1, 0, 0]], np.float32)
    word = TokenTags(offsets=[(0, 2), (2, 4)], scores=scores, continues=[False, True])
    assert [span.label for span in find_spans(word, ["O", "X", "Y"], "max")] == ["X"]


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        (True, [False, True, False, False, False]),  # `##s` is longer than its character
        (False, [False, True, False, False, True]),  # what begins with a space is new, too
    ],
)
def test_what_continues_a_word_by_hand(marked: bool, expected: list[bool]) -> None:
    aligned = AlignedText(
        input_ids=[7, 8, 9, 10, 11],
        token_type_ids=[0] * 5,
        tokens=5,
        pieces=["cat", "##s", "dog", " on", "on"],
        offsets=[(0, 3), (3, 4), (5, 8), (8, 11), (11, 13)],
        words=[None] * 5,
        sources=[0] * 5,
    )
    assert continues_word("cats dog onon", aligned, None, marked=marked) == expected
    assert continues_word("cats dog onon", aligned, 8, marked=marked)[1] is False


def joined(*labels: str) -> list[tuple[str, int, int]]:
    """One token a label, surely: what `simple` makes of them."""
    names = sorted(set(labels))
    certain = TokenTags(
        offsets=[(2 * index, 2 * index + 1) for index in range(len(labels))],
        scores=np.array([[float(n == label) for n in names] for label in labels], np.float32),
        continues=[False] * len(labels),
    )
    spans: list[Span] = find_spans(certain, names, "simple")
    return [(span.label, span.start // 2, (span.end + 1) // 2) for span in spans]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("B-X I-X I-X", [("X", 0, 3)]),
        ("B-X B-X", [("X", 0, 1), ("X", 1, 2)]),  # a B- starts anew
        ("I-X I-X", [("X", 0, 2)]),  # without a B- before
        ("B-X O I-X", [("X", 0, 1), ("O", 1, 2), ("X", 2, 3)]),  # what is between counts
        ("B-X I-Y", [("X", 0, 1), ("Y", 1, 2)]),
        ("X X Y", [("X", 0, 2), ("Y", 2, 3)]),  # no prefixes: like I-
        ("I-X X", [("X", 0, 2)]),
        ("E-X E-X", [("X", 0, 2)]),  # other prefixes fall only from the name
        ("E-X S-X", [("X", 0, 1), ("X", 1, 2)]),
        ("I-a-b", [("a-b", 0, 1)]),
        ("O O", [("O", 0, 2)]),
    ],
)
def test_neighbours_are_joined_by_tag(labels: str, expected: list[tuple[str, int, int]]) -> None:
    assert joined(*labels.split()) == expected


def test_the_first_word_may_begin_with_a_continuation() -> None:
    """A text cut in the middle of a word does."""
    rows = TokenTags(offsets=[(0, 1)], scores=np.array([[0, 1]], np.float32), continues=[True])
    assert [span.label for span in find_spans(rows, ["O", "X"], "first")] == ["X"]


def test_no_tokens_give_no_spans() -> None:
    empty = TokenTags(offsets=[], scores=np.zeros((0, 2), np.float32), continues=[])
    assert [find_spans(empty, ["O", "X"], aggregation) for aggregation in STRATEGIES] == [[]] * 5


@pytest.mark.parametrize("aggregation", ["first", "average", "max"])
@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6), words=st.lists(st.sampled_from(["unables", "cats", "ada"])))
def test_no_word_is_split(
    tmp_path_factory: pytest.TempPathFactory, aggregation: Aggregation, seed: int, words: list[str]
) -> None:
    def noise(ids: NDArray[np.int64]) -> list[NDArray[np.float32]]:
        random = np.random.default_rng(seed)
        return [random.normal(size=(*ids.shape, len(LABELS))).astype(np.float32)]

    model = Tagger(*opened("tag", tmp_path_factory.mktemp("fake"), noise))
    text = " ".join(words)
    (found,) = model.tag([text], aggregation=aggregation, ignore=())
    edges = {index for index, letter in enumerate(text) if letter == " "}
    starts = {0, *(edge + 1 for edge in edges)}
    assert all(each.start in starts and each.end in edges | {len(text)} for each in found)


def test_ignored_labels_do_not_join_their_neighbours(tmp_path: Path) -> None:
    def alternate(ids: NDArray[np.int64]) -> list[NDArray[np.float32]]:
        logits = np.zeros((*ids.shape, len(LABELS)), np.float32)
        logits[:, 1::2, 2] = logits[:, ::2, 0] = 9  # I-PER at odd places, O at even ones
        return [logits]

    (found,) = Tagger(*opened("tag", tmp_path, alternate)).tag(["the cat sat"])
    assert [entity.text for entity in found] == ["the", "sat"]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("one", r"tag takes a list of strings, got one string; write tag\(\[text\]\)"),
        (["a", ("b", "c")], "item 1 is tuple, expected str"),
        (["a\ud800"], "item 0 holds a lone surrogate at character 1"),
    ],
)
def test_what_cannot_be_tagged_is_named(bert: Tagger, texts: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        bert.tag(texts)


def test_an_unknown_aggregation_is_refused(bert: Tagger) -> None:
    with pytest.raises(ConfigError, match="none, simple, first, average, max; got 'last'"):
        bert.tag(["a"], aggregation="last")  # type: ignore[arg-type]


def test_the_manifest_says_how_tokens_are_put_together(sample: GetSample, tmp_path: Path) -> None:
    folder = sample(BERT["tag"]).folder

    def with_aggregation(name: str) -> Path:
        def change(manifest: Manifest) -> Manifest:
            assert manifest.task.head is not None
            return of_task(manifest, head=replace(manifest.task.head, aggregation=name))

        return edited(folder, tmp_path / name, change)

    old = load(folder, task="tag")
    assert '"aggregation": null' in (folder / "edgebert.json").read_text(encoding="utf-8")
    assert old.default_aggregation == "simple"
    new = load(with_aggregation("first"), task="tag")
    assert new.default_aggregation == "first"
    texts = ["Ada Lovelace lives in Paris, works for ACME Corp."]
    assert (
        old.tag(texts)
        == old.tag(texts, aggregation="simple")
        == new.tag(texts, aggregation="simple")
    )
    assert new.tag(texts) == old.tag(texts, aggregation="first") != old.tag(texts)
    with pytest.raises(BundleError, match=r"aggregation must be one of none.* got 'last'"):
        load(with_aggregation("last"), task="tag")


def make_huge(monkeypatch: pytest.MonkeyPatch, characters: int = 300) -> None:
    """Let texts beyond so many characters be tokenized in slices."""
    monkeypatch.setattr(TextTokenizer, "SLICE_CHARACTERS", characters)


@settings(deadline=None)
@given(data=st.data(), aggregation=st.sampled_from(STRATEGIES))
def test_spans_of_parts_are_those_of_the_whole(data: Any, aggregation: Aggregation) -> None:
    """Wherever a text is cut, in a word or in an entity, also where tokens share a character."""
    labels = ("O", "B-PER", "I-PER", "LOC")
    chosen = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=40))
    continues = [False, *(data.draw(st.booleans()) for _ in chosen[1:])]
    starts = np.cumsum([data.draw(st.integers(0, 2)) for _ in chosen]).tolist()
    whole = TokenTags(
        offsets=[(start, start + 1) for start in starts],
        scores=np.eye(4, dtype=np.float32)[chosen] * 0.7 + 0.1,
        continues=continues,
    )
    cuts = sorted(data.draw(st.sets(st.integers(1, 39))))
    places = [0, *(cut for cut in cuts if cut < len(chosen)), len(chosen)]
    parts = [whole.part(first, behind) for first, behind in itertools.pairwise(places)]
    ignore = data.draw(st.sampled_from([(), ("O",), ("O", "PER", "B-PER"), ("LOC",)]))
    expected = [
        (span.label, float(span.score), span.start, span.end)
        for span in find_spans(whole, labels, aggregation)
        if span.label not in ignore
    ]
    found = stream_spans(parts, labels, aggregation, ignore)
    assert [(span.label, float(span.score), span.start, span.end) for span in found] == expected


@pytest.mark.parametrize("aggregation", STRATEGIES)
@pytest.mark.parametrize("recipes", [BERT, ROBERTA], ids=["wordpiece", "bytes"])
def test_a_huge_text_in_windows_has_the_entities_of_the_whole(
    sample: GetSample, recipes: Any, aggregation: Aggregation, monkeypatch: pytest.MonkeyPatch
) -> None:
    model: Tagger = load(sample(recipes["tag"]).folder, task="tag", verify="never")
    text = " ".join(TEXTS[:8] * 12)
    expected = model.tag([text, "a cat", text], aggregation=aggregation, long="window")
    make_huge(monkeypatch)
    found = model.tag([text, "a cat", text], aggregation=aggregation, long="window")
    assert [[each.text for each in one] for one in found] == [
        [each.text for each in one] for one in expected
    ]
    for ours, theirs in zip(found[0], expected[0], strict=True):
        assert (ours.label, ours.start, ours.end) == (theirs.label, theirs.start, theirs.end)
        assert ours.score == pytest.approx(theirs.score, abs=1e-4)
