"""Pairs and alignment of the tokenizer; single texts are `test_embedder`'s."""

import dataclasses
from pathlib import Path

import pytest
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert_runtime.bundle.manifest import TokenizerInfo
from edgebert_runtime.tokenization.items import Item
from edgebert_runtime.tokenization.tokenizer import TextTokenizer
from tests.support.task_bundles import BERT_ROLES, ROBERTA_ROLES, byte_level, wordpiece

LIMIT = 12

CHARACTERS = "Adaé🙂e\u0301中 ,\nﬁ\u200d"


@pytest.fixture(scope="module", params=["wordpiece", "byte_level"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp(request.param)
    (wordpiece() if request.param == "wordpiece" else byte_level()).save(
        str(path / "tokenizer.json")
    )
    return path


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> TextTokenizer:
    return TextTokenizer(folder / "tokenizer.json", settings_of(folder))


def settings_of(folder: Path) -> TokenizerInfo:
    roles = BERT_ROLES if "wordpiece" in folder.name else ROBERTA_ROLES
    return TokenizerInfo(
        file="tokenizer.json",
        max_length=LIMIT,
        max_positions=LIMIT,
        padding_side="right",
        pad_id=0,
        pad_token=roles["pad_token"],
        pad_type_id=0,
        special_tokens=roles,
    )


@pytest.fixture(scope="module")
def theirs(folder: Path) -> transformers.PreTrainedTokenizerFast:
    return transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"),
        model_max_length=LIMIT,
        **settings_of(folder).special_tokens,
    )


TEXT = st.text(alphabet=CHARACTERS, max_size=20)


@settings(deadline=None, max_examples=80)
@given(first=TEXT, second=TEXT)
def test_a_pair_is_encoded_and_cut_as_by_transformers(
    tokenizer: TextTokenizer,
    theirs: transformers.PreTrainedTokenizerFast,
    first: str,
    second: str,
) -> None:
    (cut,) = tokenizer.encode([(first, second)])
    expected = theirs([[first, second]], truncation=True, return_token_type_ids=True)
    assert cut.input_ids == expected["input_ids"][0]
    assert cut.token_type_ids == expected["token_type_ids"][0]
    (ours,) = tokenizer.align([(first, second)])
    whole = theirs(
        [[first, second]],
        truncation=False,
        return_offsets_mapping=True,
        return_special_tokens_mask=True,
    )
    assert ours.input_ids == whole["input_ids"][0]
    assert ours.offsets == whole["offset_mapping"][0]
    assert ours.words == whole.word_ids(0)
    assert [source is None for source in ours.sources] == [
        bool(special) for special in whole["special_tokens_mask"][0]
    ]
    assert ours.sources == whole.sequence_ids(0)
    assert ours.tokens == cut.tokens == len(ours.input_ids)


@settings(deadline=None, max_examples=80)
@given(text=TEXT)
def test_offsets_are_characters_of_the_text_given(tokenizer: TextTokenizer, text: str) -> None:
    (aligned,) = tokenizer.align([text])
    (encoded,) = tokenizer.encode([text])
    assert aligned.cut(LIMIT).input_ids == encoded.input_ids
    assert aligned.tokens == encoded.tokens
    kept = [at for at, source in enumerate(aligned.sources) if source is not None]
    for at in kept:
        start, end = aligned.offsets[at]
        assert 0 <= start <= end <= len(text)
        if aligned.pieces[at] == "a":
            assert text[start:end].lower() == "a"


@pytest.mark.parametrize(
    ("text", "piece", "expected"),
    [
        ("🙂 Ada", "ada", (2, 5)),  # characters, not bytes or UTF-16 units
        (
            "cafe\u0301 red",
            "cafe",
            (0, 4),
        ),  # at the end, a stripped mark is no token's
        ("ca\u0301fe red", "cafe", (0, 5)),  # and inside it counts
        ("é中 red", "中", (1, 2)),
        ("  RED", "red", (2, 5)),
    ],
)
def test_offsets_by_hand(tmp_path: Path, text: str, piece: str, expected: tuple[int, int]) -> None:
    wordpiece().save(str(tmp_path / "tokenizer.json"))
    bert = TextTokenizer(tmp_path / "tokenizer.json", settings_of(Path("wordpiece")))
    (aligned,) = bert.align([text])
    assert aligned.offsets[list(aligned.pieces).index(piece)] == expected


def test_segments_are_the_post_processors(folder: Path, tokenizer: TextTokenizer) -> None:
    """BERT counts two, RoBERTa one."""
    (encoded,) = tokenizer.encode([("red", "red")])
    ones = sum(encoded.token_type_ids)
    assert ones == (2 if "wordpiece" in folder.name else 0)


def test_what_is_aligned_is_never_cut(tokenizer: TextTokenizer) -> None:
    (aligned,) = tokenizer.align([("a " * 9, "a " * 30)])
    assert len(aligned.input_ids) == aligned.tokens > LIMIT


@settings(deadline=None, max_examples=60)
@given(first=st.text(alphabet=CHARACTERS, max_size=300), second=TEXT, turned=st.booleans())
def test_a_huge_pair_is_encoded_in_slices_as_in_one(
    tokenizer: TextTokenizer, first: str, second: str, turned: bool
) -> None:
    pair = (second, first) if turned else (first, second)
    (whole,) = tokenizer.encode([pair])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TextTokenizer, "SLICE_CHARACTERS", 20)
        (sliced,) = tokenizer.encode([pair])
    assert list(sliced.input_ids) == list(whole.input_ids)
    assert list(sliced.token_type_ids) == list(whole.token_type_ids)
    assert sliced.tokens == whole.tokens


def test_windows_of_a_pair_are_over_the_second(tokenizer: TextTokenizer) -> None:
    pair = ("red", "a " * 30)
    (aligned,) = tokenizer.align([pair])
    expected = list(aligned.windows(aligned.parts(LIMIT, 2)))
    found = list(tokenizer.windows(pair, 2))
    assert len(found) == len(expected) > 3
    for window, other in zip(found, expected, strict=True):
        assert list(window.input_ids) == list(other.input_ids)
        assert list(window.token_type_ids) == list(other.token_type_ids)
        assert window.tokens == len(window.input_ids) <= LIMIT


@settings(deadline=None, max_examples=20)
@given(items=st.lists(st.one_of(TEXT, st.tuples(TEXT, TEXT)), max_size=5))
def test_texts_and_pairs_mix(tokenizer: TextTokenizer, items: list[Item]) -> None:
    assert tokenizer.encode(items) == [tokenizer.encode([item])[0] for item in items]


def test_an_aligned_text_pads_like_an_encoded_one(tokenizer: TextTokenizer) -> None:
    items: list[Item] = ["red", ("a", "red red")]
    plain, aligned = (tokenizer.pad(f(items)) for f in (tokenizer.encode, tokenizer.align))
    assert plain.keys() == aligned.keys()
    assert all((plain[name] == aligned[name]).all() for name in plain)
    assert {each.name for each in dataclasses.fields(tokenizer.encode(items)[0])} == {
        "input_ids",
        "token_type_ids",
        "tokens",
    }
