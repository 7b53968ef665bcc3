"""Words, and what is left of a text without some of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert_runtime.postprocessing.explanation.words import shortened, words_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I liked it.", ["I", "liked", "it", "."]),
        ("don't re-read  it!?", ["don't", "re-read", "it", "!", "?"]),
        ("'quoted' - so", ["'", "quoted", "'", "-", "so"]),
        ("猫が好き cat", ["猫", "が", "好", "き", "cat"]),
        ("naïve e\u0301te\u0301 3.5 €", ["naïve", "e\u0301te\u0301", "3", ".", "5", "€"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        (" \n\t", []),
        ("", []),
    ],
)
def test_words_by_hand(text: str, expected: list[str]) -> None:
    assert [word.text for word in words_of(text)] == expected


@given(st.text(max_size=40))
def test_words_have_every_sign_but_spaces_once(text: str) -> None:
    words = words_of(text)
    assert "".join(word.text for word in words) == "".join(text.split())
    assert all(text[word.start : word.end] == word.text for word in words)


@pytest.mark.parametrize(
    ("kept", "left"),
    [
        ({0, 1, 2, 3}, "  I do  not. "),
        ({0, 2, 3}, "I  not."),
        ({1}, "do"),
        ({2, 3}, "not."),
        (set(), ""),
    ],
)
def test_what_is_left_by_hand(kept: set[int], left: str) -> None:
    text = "  I do  not. "
    assert shortened(text, words_of(text), kept).item == left


@given(st.text(max_size=30), st.text(max_size=30), st.data())
def test_kept_words_stand_where_it_says(first: str, second: str, data: st.DataObject) -> None:
    words = words_of((first, second))
    kept = data.draw(st.sets(st.sampled_from(range(len(words))))) if words else set()
    found = shortened((first, second), words, kept)
    assert {*found.starts} == kept
    for number, start in found.starts.items():
        word = words[number]
        assert found.item[word.part][start : start + len(word.text)] == word.text
    if len(kept) == len(words):
        assert found.item == (first, second)
