"""Summaries of heads and rollout, on maps whose numbers are known by hand."""

from dataclasses import replace
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgebert_runtime.errors import InputError
from edgebert_runtime.inference.attention_maps import (
    MOST_NUMBERS,
    map_outputs,
    require_room,
)
from edgebert_runtime.postprocessing.explanation.attention import rollout, summarize_heads
from edgebert_runtime.postprocessing.explanation.explainer import unattributed
from edgebert_runtime.postprocessing.explanation.report import Explanation
from edgebert_runtime.postprocessing.explanation.words import with_tokens, words_of
from edgebert_runtime.tokenization.offsets import AlignedText
from tests.support.reports import EXPLANATION

PREVIOUS: Final = [[1, 0, 0], [1, 0, 0], [0, 1, 0]]
"""The first token attends to itself, others to the one before."""
EVEN: Final = [[1 / 3] * 3] * 3
NEXT: Final = [[0, 1, 0], [0, 0, 1], [0, 0, 1]]


def maps(*layers: Any) -> Any:
    return np.array(layers, dtype=np.float32)


def test_heads_are_summed_up_by_hand() -> None:
    previous, even, following, _ = summarize_heads(maps([PREVIOUS, EVEN], [NEXT, EVEN]), [2])
    assert (previous.layer, previous.head, following.layer, following.head) == (0, 0, 1, 0)
    assert previous.entropy == following.entropy == 0
    assert even.entropy == pytest.approx(np.log(3))
    assert previous.distance == following.distance == pytest.approx(2 / 3)
    assert even.distance == pytest.approx((3 + 2 + 3) / 9)
    assert (previous.previous, previous.next) == (1, 0)
    assert (following.previous, following.next) == (0, 1)
    assert [previous.separator, even.separator] == pytest.approx([0, 1 / 3])
    assert following.separator == pytest.approx(2 / 3)


def test_one_token_has_no_neighbour_and_a_text_may_have_no_separator() -> None:
    (only,) = summarize_heads(maps([[[1]]]), [])
    assert (only.entropy, only.distance, only.previous, only.next, only.separator) == (0,) * 5


def test_rollout_multiplies_layers_half_of_which_stay() -> None:
    found = rollout(maps([PREVIOUS], [NEXT]))
    first = (np.array(PREVIOUS) + np.eye(3)) / 2
    second = (np.array(NEXT) + np.eye(3)) / 2
    np.testing.assert_allclose(found, second @ first, atol=1e-7)
    np.testing.assert_allclose(found[0], [0.75, 0.25, 0])  # worked by hand


@settings(max_examples=25, deadline=None)
@given(arrays(np.float32, (2, 3, 5, 5), elements=st.floats(0.0625, 1, width=32)))
def test_rows_of_rollout_sum_to_one_and_entropy_has_its_bounds(raw: Any) -> None:
    weights = raw / raw.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(rollout(weights).sum(axis=-1), 1, atol=1e-5)
    for each in summarize_heads(weights, [0, 4]):
        assert 0 <= each.entropy <= np.log(5) + 1e-6
        assert 0 <= each.distance <= 4
        assert all(0 <= share <= 1 for share in (each.previous, each.next, each.separator))


def aligned(*tokens: tuple[int | None, int, int]) -> AlignedText:
    """Tokens by their source, and where they lie."""
    count = len(tokens)
    return AlignedText(
        input_ids=range(count),
        token_type_ids=[0] * count,
        tokens=count,
        pieces=["x"] * count,
        offsets=[(start, end) for _, start, end in tokens],
        words=[None] * count,
        sources=[source for source, _, _ in tokens],
    )


def test_words_have_their_tokens() -> None:
    text = aligned((None, 0, 0), (0, 0, 2), (0, 2, 5), (0, 5, 9), (None, 0, 0), (1, 0, 1))
    found = with_tokens(words_of(("hello you", "a b")), text)
    assert [(word.text, word.tokens) for word in found] == [
        ("hello", (1, 2)),
        ("you", (3,)),
        ("a", (5,)),
        ("b", ()),
    ]
    shifted = with_tokens(words_of("you"), aligned((0, 0, 3), (0, 3, 6)), prefix=3)
    assert shifted[0].tokens == (1,)


def test_outputs_are_those_of_layers_in_order() -> None:
    names = ["logits", *(f"attention.{number}" for number in (0, 10, 2, 1, *range(3, 10)))]
    assert map_outputs(names) == [f"attention.{number}" for number in range(11)]
    assert map_outputs(["last_hidden_state", "attention_mask"]) == []


def test_maps_that_memory_has_no_room_for_are_refused() -> None:
    most = int((MOST_NUMBERS / 144) ** 0.5)
    require_room(most, 12, 12)
    with pytest.raises(InputError, match=rf"of 144 heads are shown of at most {most:,}; explain"):
        require_room(most + 1, 12, 12)


@pytest.mark.parametrize("place", [(2, 0), (0, 2), (-1, 0), (0, -1)])
def test_a_head_that_is_not_there_is_refused(place: tuple[int, int]) -> None:
    message = rf"^head {place[0]}\.{place[1]} is not there: layers are 0 to 1, and heads of each 0"
    with pytest.raises(InputError, match=message):
        EXPLANATION.map_of(*place)
    assert EXPLANATION.map_of(1, 1).shape == (3, 3)


def test_maps_that_were_not_asked_for_are_refused() -> None:
    plain: Explanation = unattributed("a b", "classify", "cpu")
    with pytest.raises(InputError, match="pass method='attention'"):
        plain.map_of(0, 0)
    assert plain.to_dict()["attention"] is None


def test_words_of_one_graph_are_joined_with_attention_of_another() -> None:
    words = replace(
        EXPLANATION,
        variant="int8",
        runs=7,
        attention=None,
        heads=(),
        rollout=None,
        attention_variant=None,
    )
    found = words.with_attention(replace(EXPLANATION, variant="attention", runs=1))
    assert (found.variant, found.attention_variant, found.runs) == ("int8", "attention", 8)
    assert found.map_of(1, 1) is not None
    assert found.attributions == words.attributions
    with pytest.raises(InputError, match="other has no attention; explain the item with method="):
        found.with_attention(words)
    with pytest.raises(InputError, match="other words, tokens or another task; explain the same"):
        words.with_attention(replace(EXPLANATION, tokens=("[CLS]", "other", "[SEP]")))


def test_json_has_what_the_arrays_have() -> None:
    found = EXPLANATION.to_dict()
    assert np.array(found["attention"]).shape == (2, 2, 3, 3)
    exact: Any = EXPLANATION
    np.testing.assert_allclose(found["attention"], exact.attention, atol=5e-7)
    np.testing.assert_allclose(found["rollout"], exact.rollout, atol=5e-7)
    assert [(each["layer"], each["head"]) for each in found["heads"]] == [
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 1),
    ]
    assert found["words"][0].keys() == {"text", "part", "start", "end", "tokens"}


def test_a_table_of_one_head_names_what_tokens_attend_to() -> None:
    lines = list(EXPLANATION.head_lines(0, 1))
    assert lines[0].split() == ["head", "0.1", "attends", "to"]
    assert lines[1].split() == ["[CLS]", "[SEP]", "0.333,", "fine", "0.333,", "[CLS]", "0.333"]
