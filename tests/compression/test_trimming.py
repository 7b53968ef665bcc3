"""A trimmed vocabulary: the corpus keeps its tokens and vectors, other texts are still read."""

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer

import edgebert
from edgebert.checkpoints.history import read_history
from edgebert.compression.vocabulary.choice import Wanted, choose_tokens
from edgebert.compression.vocabulary.pieces import KINDS, read_pieces
from edgebert.compression.vocabulary.scripts import is_written_in, scripts_of
from edgebert.compression.vocabulary.tokenizer_fields import trimmed_fields
from edgebert_runtime.errors import CheckpointError, ConfigError, InputError, TokenizerError
from tests.support.families import NAMES, SAMPLES, build, build_with_head, save
from tests.support.tiny_encoder import build_tiny, save_tiny
from tests.support.tokenizers import TRAINING, save_tokenizer

CORPUS = ["The small cat sat on the mat.", "A dog ran far"]
OTHER = "Über-café naïve! unable dogs, 中国"


def corpus_file(folder: Path, texts: list[str]) -> Path:
    path = folder / "corpus.txt"
    path.write_text("\n".join(texts), encoding="utf-8")
    return path


def hidden_states(folder: Path, text: str) -> torch.Tensor:
    encoded = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
    model = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    with torch.no_grad():
        states: torch.Tensor = model(**encoded).last_hidden_state
    return states


@pytest.mark.parametrize("name", NAMES)
def test_transformers_gives_the_same_states_of_the_smaller_folder(
    name: str, tmp_path: Path
) -> None:
    source = save(build(SAMPLES[name]), tmp_path / "source")
    report = edgebert.trim(source, tmp_path / "out", texts=corpus_file(tmp_path, CORPUS))
    assert report.identical
    assert report.rows_after < report.rows_before
    assert report.tokens_ratio == 1
    for text in CORPUS:
        torch.testing.assert_close(
            hidden_states(tmp_path / "out", text), hidden_states(source, text), atol=1e-6, rtol=0
        )
    hidden_states(tmp_path / "out", OTHER)
    assert AutoModel.from_pretrained(tmp_path / "out").config.vocab_size == report.rows_after


@pytest.mark.parametrize("name", ["bert", "roberta", "modernbert"])
def test_the_bundle_of_a_smaller_folder_passes_the_token_gate(name: str, tmp_path: Path) -> None:
    source = save(build(SAMPLES[name]), tmp_path / "source")
    edgebert.trim(source, tmp_path / "out", texts=corpus_file(tmp_path, CORPUS))
    bundle = edgebert.export(tmp_path / "out", tmp_path / "bundle")
    (step,) = bundle.manifest.provenance
    assert (step.step, step.by) == ("trimmed", {"edgebert": edgebert.__version__})
    assert step.details["texts"] == len(CORPUS)


def test_a_head_for_masked_tokens_loses_the_same_rows(tmp_path: Path) -> None:
    source = save(build_with_head(SAMPLES["bert"], "fill"), tmp_path / "source")
    report = edgebert.trim(source, tmp_path / "out", texts=corpus_file(tmp_path, CORPUS))
    answers = []
    for folder in (source, tmp_path / "out"):
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForMaskedLM.from_pretrained(folder).eval()
        with torch.no_grad():
            logits = model(**tokenizer("the [MASK] sat", return_tensors="pt")).logits[0, 2]
        answers.append({token: logits[at] for token, at in tokenizer.get_vocab().items()})
    before, after = answers
    assert len(after) == report.rows_after
    for token, logit in after.items():
        torch.testing.assert_close(logit, before[token], atol=1e-5, rtol=0)


def test_what_was_done_earlier_is_kept(tmp_path: Path) -> None:
    source = save(build(SAMPLES["bert"]), tmp_path / "source")
    words = corpus_file(tmp_path, CORPUS)
    edgebert.trim(source, tmp_path / "one", keep=120)
    edgebert.trim(tmp_path / "one", tmp_path / "two", texts=words)
    config = json.loads((tmp_path / "two" / "config.json").read_text(encoding="utf-8"))
    done = read_history(config, source="config.json")
    assert [each.step for each in done] == ["trimmed", "trimmed"]
    assert [each.details["keep"] for each in done] == [120, None]
    config["edgebert"]["history"] = [{"step": 7}]
    with pytest.raises(CheckpointError, match="remove the key"):
        read_history(config, source="config.json")


def trained(kind: str) -> dict[str, Any]:
    """The fields of a small `tokenizer.json` with a vocabulary of this kind."""
    model_type = {"WordPiece": "bert", "BPE": "modernbert", "Unigram": "xlm-roberta"}[kind]
    fields: dict[str, Any] = json.loads(saved(model_type))
    return fields


@cache
def saved(model_type: str) -> str:
    """A `tokenizer.json` that transformers writes for a family."""
    with tempfile.TemporaryDirectory() as folder:
        save_tokenizer(model_type, Path(folder))
        return (Path(folder) / "tokenizer.json").read_text(encoding="utf-8")


def smaller(
    fields: dict[str, Any], texts: list[str]
) -> tuple[Tokenizer, Tokenizer, dict[int, int]]:
    """A tokenizer, the one that is trimmed to texts, and old id → new id."""
    before = Tokenizer.from_str(json.dumps(fields))
    before.no_padding()
    before.no_truncation()
    pieces = KINDS[fields["model"]["type"]](fields["model"])
    counts: dict[str, int] = {}
    for text in texts:
        for token in before.encode(text, add_special_tokens=False).tokens:
            counts[token] = counts.get(token, 0) + 1
    always = {token["content"] for token in fields["added_tokens"]} | {pieces.unknown}
    kept = choose_tokens(pieces, Wanted(frozenset(always - {None}), counts))
    ids = sorted(number for token in kept if (number := before.token_to_id(token)) is not None)
    new = {number: at for at, number in enumerate(ids)}
    after = Tokenizer.from_str(json.dumps(trimmed_fields(fields, pieces, new)))
    after.no_padding()
    after.no_truncation()
    return before, after, new


LETTERS = sorted({letter for text in TRAINING for letter in text})
TEXTS = st.text(alphabet=LETTERS, max_size=30)


@pytest.mark.parametrize("kind", sorted(KINDS))
@settings(max_examples=40, deadline=None)
@given(corpus=st.lists(TEXTS, max_size=4), other=TEXTS)
def test_tokens_of_a_corpus_stay_and_other_texts_can_be_read(
    kind: str, corpus: list[str], other: str
) -> None:
    before, after, new = smaller(trained(kind), corpus)
    for text in corpus:
        was, now = before.encode(text), after.encode(text)
        assert [new[number] for number in was.ids] == now.ids
        assert was.offsets == now.offsets
    assert unknown(after, other) <= unknown(before, other)


def unknown(tokenizer: Tokenizer, text: str) -> int:
    return sum(token in ("[UNK]", "<unk>") for token in tokenizer.encode(text).tokens)


def test_word_pieces_by_hand() -> None:
    """`a` and `##a` are single; `##é` is missing, so `##né` must stay; `[unused1]` may go."""
    words = ["[UNK]", "[unused1]", "a", "##a", "##n", "an", "##né", "ana"]
    model = {
        "type": "WordPiece",
        "unk_token": "[UNK]",
        "continuing_subword_prefix": "##",
        "vocab": {word: at for at, word in enumerate(words)},
    }
    pieces = KINDS["WordPiece"](model)
    assert pieces.needed == {"a", "##a", "##n", "##né"}
    wanted = Wanted(frozenset({"[UNK]"}), {"an": 3, "ana": 5})
    assert choose_tokens(pieces, wanted) == pieces.needed | {"[UNK]", "an", "ana"}
    assert choose_tokens(pieces, wanted._replace(most=6)) == pieces.needed | {"[UNK]", "ana"}


def test_byte_pairs_by_hand() -> None:
    """`abc` is made of `ab`, which is made of letters; `bc` is made in no text of the corpus."""
    tokens = ["a", "b", "c", "ab", "bc", "abc"]
    model = {
        "type": "BPE",
        "vocab": {token: at for at, token in enumerate(tokens)},
        "merges": [["a", "b"], ["b", "c"], ["ab", "c"]],
    }
    pieces = KINDS["BPE"](model)
    assert pieces.needed == {"a", "b", "c"}
    assert list(pieces.parts("abc")) == ["ab", "abc"]
    kept = choose_tokens(pieces, Wanted(frozenset(), {"abc": 1}))
    assert kept == {"a", "b", "c", "ab", "abc"}
    ids = {token: at for at, token in enumerate(sorted(kept))}
    assert pieces.without(ids)["merges"] == [["a", "b"], ["ab", "c"]]


def test_unigrams_by_hand() -> None:
    model = {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0], ["a", -2.0], ["ab", -1.0]]}
    pieces = KINDS["Unigram"](model)
    assert pieces.needed == {"a"}
    found = pieces.without({"a": 0, "<unk>": 1})
    assert (found["unk_id"], found["vocab"]) == (1, [["a", -2.0], ["<unk>", 0.0]])


def test_languages_are_scripts() -> None:
    assert scripts_of(["de", "fr"]) == {"Latn"}
    assert scripts_of(["ja", "sr-Latn", "ru"]) == {"Hani", "Hira", "Kana", "Latn", "Cyrl"}
    assert is_written_in("größer, 12", frozenset({"Latn"}))
    assert not is_written_in("мир", frozenset({"Latn"}))
    with pytest.raises(ConfigError, match="'xx-nothing' is no language; write a code such as de"):
        scripts_of(["xx-nothing"])


def test_tokens_of_other_scripts_go(tmp_path: Path) -> None:
    source = save(build(SAMPLES["xlm-roberta"]), tmp_path / "source")
    edgebert.trim(source, tmp_path / "out", languages=["de"])
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert "中" not in "".join(tokenizer.get_vocab())
    assert tokenizer.unk_token_id not in tokenizer("the small cat")["input_ids"]
    assert tokenizer.unk_token_id in tokenizer("中国")["input_ids"]


def test_what_is_asked_must_say_what_stays(tmp_path: Path) -> None:
    source, out = save(build(SAMPLES["bert"]), tmp_path / "source"), tmp_path / "out"
    with pytest.raises(ConfigError, match="nothing says which tokens to keep; give texts"):
        edgebert.trim(source, out)
    with pytest.raises(ConfigError, match=r"keep=3 is too few tokens: \d+ are special ones"):
        edgebert.trim(source, out, keep=3)
    with pytest.raises(ConfigError, match="are needed, nothing was trimmed"):
        edgebert.trim(save_tiny(build_tiny(), tmp_path / "tiny"), out, keep=10_000)
    with pytest.raises(InputError, match="has no texts"):
        edgebert.trim(source, out, texts=corpus_file(tmp_path, [" ", ""]))
    (out).mkdir()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="is no checkpoint"):
        edgebert.trim(source, out, keep=28)
    assert [each.name for each in out.iterdir()] == ["notes.txt"]


def test_other_vocabularies_are_refused() -> None:
    with pytest.raises(TokenizerError, match="of type 'WordLevel', expected one of WordPiece"):
        read_pieces(Path("folder"), {"type": "WordLevel"})
    marked = {"type": "BPE", "vocab": {}, "merges": [], "end_of_word_suffix": "</w>"}
    with pytest.raises(TokenizerError, match="marked by their place in a word are not trimmed"):
        read_pieces(Path("folder"), marked)
