"""Outputs of the engine are checked before an answer is made of them."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from edgebert_runtime.bundle.manifest import TokenizerInfo
from edgebert_runtime.bundle.samples import Sample, Samples, read_samples
from edgebert_runtime.errors import BundleError, EngineError, InputError, OutputError
from edgebert_runtime.inference.output_checks import check_shapes, require_finite
from edgebert_runtime.io.writers import json_line, write_records
from edgebert_runtime.tasks.answer import Answerer
from edgebert_runtime.tasks.classify import Classifier, ClassifyOptions
from edgebert_runtime.tasks.tag import Tagger
from edgebert_runtime.tokenization.tokenizer import TextTokenizer
from tests.support.fake_sessions import Arrays, opened

Ids = NDArray[np.int64]
DECLARED = {"tokens": ("batch", "sequence", 4), "logits": ("batch", 3), "odd": ("batch", "labels")}


def zeros(*shape: int) -> NDArray[np.float32]:
    return np.zeros(shape, dtype=np.float32)


def test_outputs_of_the_rows_that_were_run_pass() -> None:
    given = {"tokens": zeros(2, 7, 4), "logits": zeros(2, 3), "odd": zeros(2, 9), "new": zeros(2)}
    check_shapes(given, DECLARED, 2, 7)


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("logits", (1, 3), r"\(2, 3\)"),
        ("logits", (2, 2), r"\(2, 3\)"),
        ("logits", (3,), r"\(2, 3\)"),
        ("logits", (2, 1, 3), r"\(2, 3\)"),
        ("tokens", (2, 1, 4), r"\(2, 7, 4\)"),
        ("odd", (1, 9), r"\(2, labels\)"),
        ("new", (1, 5), r"\(2,\)"),
        ("new", (), r"\(2,\)"),
    ],
)
def test_other_shapes_are_refused(name: str, shape: tuple[int, ...], expected: str) -> None:
    with pytest.raises(EngineError, match=rf"output '{name}' .* for 2 rows of 7 .* {expected}; "):
        check_shapes({name: zeros(*shape)}, DECLARED, 2, 7)


def test_what_is_behind_a_rows_tokens_may_be_anything() -> None:
    output = zeros(2, 5, 3)
    output[1, 2:] = np.nan
    require_finite([output], [5, 2], [0, 1], int)
    with pytest.raises(EngineError, match="item 40 has no answer"):
        require_finite([output], [5, 3], [3, 4], lambda row: row * 10)


def classifier(folder: Path, compute: Callable[[Ids], Arrays]) -> Classifier:
    return Classifier(*opened("classify", folder, compute))


def poisoned(bad: float, width: int) -> Callable[[Ids], Arrays]:
    """A graph that answers only texts of more than three tokens."""

    def compute(ids: Ids) -> Arrays:
        logits = np.tile(np.arange(width, dtype=np.float32), (len(ids), 1))
        logits[(ids[:, 3:] == 0).all(axis=1)] = bad
        return [logits]

    return compute


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_item_without_a_finite_answer_is_named(tmp_path: Path, bad: float) -> None:
    width = len(classifier(tmp_path, lambda _: []).labels)
    model = classifier(tmp_path, poisoned(bad, width))
    good, empty = "the cat sat", ""
    assert len(model.classify([good, good])) == 2
    with pytest.raises(EngineError, match="item 2 has no answer: the graph gave NaN or infinity"):
        model.classify([good, good, empty])
    model.CHUNK_ITEMS = 2  # type: ignore[misc]
    with pytest.raises(EngineError, match="item 3 has no answer"):
        list(model.classify(iter([good, good, good, empty])))
    encoded = model.encode([empty], ClassifyOptions())
    ((_, (logits,)),) = model.run(encoded, finite=False)[0]
    assert not np.isfinite(logits).any()


def test_one_row_for_many_texts_is_no_answer(tmp_path: Path) -> None:
    width = len(classifier(tmp_path, lambda _: []).labels)
    model = classifier(tmp_path, lambda _: [zeros(1, width)])
    model.classify(["the cat"])
    with pytest.raises(EngineError, match="for 2 rows"):
        model.classify(["the cat", "the dog"])


def test_json_has_no_nan(tmp_path: Path) -> None:
    for value in ({"score": math.nan}, {"v": np.float32([1, np.inf])}):
        with pytest.raises(OutputError, match="holds NaN or infinity"):
            json_line(value)
    for ending in ("jsonl", "csv"):
        path = tmp_path / f"a.{ending}"
        with pytest.raises(OutputError, match="holds NaN or infinity"):
            write_records(path, {"score": float}, [{"score": math.nan}])
        assert not path.exists()


@pytest.mark.parametrize("tolerance", [math.nan, math.inf, -1.0])
def test_samples_with_a_tolerance_that_is_none_are_refused(tmp_path: Path, tolerance: Any) -> None:
    sample = Sample(text="a", input_ids=(1,), expected=[1.0])
    samples = Samples(
        made_by={}, measure="m", tolerance=0.5, reason="r", samples=(sample,)
    ).to_json()
    path = tmp_path / "samples.json"
    path.write_text(samples, encoding="utf-8")
    assert read_samples(path).tolerance == 0.5
    path.write_text(json.dumps({**json.loads(samples), "tolerance": tolerance}), encoding="utf-8")
    with pytest.raises(BundleError, match=r"tolerance is .*, expected a finite number"):
        read_samples(path)


def tokenizer(folder: Path, model: models.Model, *, adds: bool) -> TextTokenizer:
    made = Tokenizer(model)
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    if adds:
        made.post_processor = processors.TemplateProcessing(
            single="[CLS] $A", pair="[CLS] $A $B:1", special_tokens=[("[CLS]", 1)]
        )
    made.save(str(folder / "tokenizer.json"))
    info = TokenizerInfo(
        file="tokenizer.json",
        max_length=8,
        max_positions=8,
        padding_side="right",
        pad_id=0,
        pad_token="[PAD]",
        pad_type_id=0,
        special_tokens={},
    )
    return TextTokenizer(folder / "tokenizer.json", info)


DOGS = {"[PAD]": 0, "[CLS]": 1, "dog": 2, "[UNK]": 3}


def test_a_text_without_tokens_is_one_padding_token(tmp_path: Path) -> None:
    words = tokenizer(tmp_path, models.WordLevel(DOGS, unk_token="[UNK]"), adds=False)
    dog, empty = words.encode(["dog", " "])
    assert (list(dog.input_ids), dog.tokens) == ([2], 1)
    assert (list(empty.input_ids), list(empty.token_type_ids), empty.tokens) == ([0], [0], 0)
    (aligned,) = words.align([""])
    assert (list(aligned.input_ids), list(aligned.sources)) == ([0], [None])
    assert words.pad([empty])["attention_mask"].tolist() == [[1]]
    assert len(words.encode([" " * (words.SLICE_CHARACTERS + 1)])[0].input_ids) == 1


def test_tasks_answer_a_text_without_tokens_or_name_it(tmp_path: Path) -> None:
    (tmp_path / "words").mkdir()
    bare = tokenizer(tmp_path / "words", models.WordLevel(DOGS, unk_token="[UNK]"), adds=False)
    bundle, name, session, _, verified = opened("tag", tmp_path, lambda ids: [zeros(*ids.shape, 5)])
    tagger = Tagger(bundle, name, session, bare, verified)
    assert tagger.tag([""], ignore=()) == [[]]
    bundle, name, session, _, verified = opened(
        "answer", tmp_path, lambda ids: [zeros(*ids.shape), zeros(*ids.shape)]
    )
    with pytest.raises(InputError, match="context has no token"):
        Answerer(bundle, name, session, bare, verified).answer(" ", " ")


def test_a_character_without_a_token_names_the_item(tmp_path: Path) -> None:
    pieces = [("[PAD]", 0.0), ("[CLS]", 0.0), ("dog", -1.0), *((letter, -9.0) for letter in "dog")]
    strict = tokenizer(
        tmp_path, models.Unigram(pieces, unk_id=None, byte_fallback=False), adds=True
    )
    assert list(strict.encode(["dog"])[0].input_ids) == [1, 2]
    for run in (strict.encode, strict.align):
        with pytest.raises(InputError, match=r"item 6 cannot be tokenized: .*unknown token"):
            run(["dog", "cat"], 5)
    with pytest.raises(InputError, match="item 1: text cannot be tokenized"):
        strict.encode(["dog", "cat " * strict.SLICE_CHARACTERS])
    (huge,) = strict.encode(["dog " * strict.SLICE_CHARACTERS])
    assert list(huge.input_ids) == [1, *[2] * 7]


def test_a_huge_text_keeps_its_tokens_where_no_letter_is_known(tmp_path: Path) -> None:
    strict = tokenizer(
        tmp_path, models.BPE(vocab={"[PAD]": 0, "[CLS]": 1, "犬": 2}, merges=[]), adds=True
    )
    (huge,) = strict.encode(["犬 " * strict.SLICE_CHARACTERS])
    assert list(huge.input_ids) == [1, *[2] * 7]
    assert huge.tokens == strict.SLICE_CHARACTERS + 1
    (pair,) = strict.encode([("犬", "犬 " * strict.SLICE_CHARACTERS)])
    assert list(pair.input_ids) == [1, *[2] * 7]
