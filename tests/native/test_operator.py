"""The operator gives what the reference gives, and the same bits however a text is run."""

from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from tests.support.native.graph import write_model
from tests.support.native.model import Floats
from tests.support.native.models import (
    BFLOAT16_ATTENTION,
    FLOAT_ATTENTION,
    MODELS,
    random_inputs,
)
from tests.support.native.reference import encode
from tests.support.native.sessions import available, distances, open_session, run

EXACT: Final = 1e-5
"""Of tokens where no number went to another byte."""

LONG: Final = 700
"""Tokens of a text that takes several blocks."""


@pytest.fixture(scope="module", params=sorted(MODELS))
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def path(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(MODELS[name], tmp_path_factory.mktemp("native") / f"{name}.onnx")


@pytest.fixture(scope="module")
def session(path: Path) -> onnxruntime.InferenceSession:
    return open_session(path)


def text(hidden: int, tokens: int, seed: int = 3) -> tuple[Floats, NDArray[np.int64]]:
    states = np.random.default_rng(seed).normal(0, 1, (1, tokens, hidden)).astype(np.float32)
    return states, np.ones((1, tokens), np.int64)


@pytest.mark.parametrize("kernel", available())
def test_vectors_are_those_of_the_reference(
    name: str, path: Path, kernel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEBERT_NATIVE_KERNEL", kernel)
    session = open_session(path)
    allowed = BFLOAT16_ATTENTION if "bf16" in kernel else FLOAT_ATTENTION
    apart = []
    for hidden, mask in random_inputs(MODELS[name].shape.hidden):
        found = run(session, hidden, mask)
        apart.append(distances(found, encode(MODELS[name], hidden, mask))[mask != 0])
        assert not found[mask == 0].any()
    assert max(each.max() for each in apart) <= allowed
    assert "bf16" in kernel or np.median(np.concatenate(apart)) < EXACT


def test_the_check_can_fail(name: str, session: onnxruntime.InferenceSession) -> None:
    hidden, mask = random_inputs(MODELS[name].shape.hidden)[-1]
    expected = encode(MODELS[name], hidden, mask)
    found = run(session, hidden * np.float32(1.5), mask)
    assert distances(found, expected).max() > BFLOAT16_ATTENTION


@pytest.mark.parametrize("tokens", [1, 20, 64, 65, 130])
def test_a_text_has_the_same_bits_alone_and_in_a_batch(
    name: str, session: onnxruntime.InferenceSession, tokens: int
) -> None:
    size = MODELS[name].shape.hidden
    hidden, mask = text(size, tokens)
    alone = run(session, hidden, mask)[0]
    states = np.random.default_rng(4).normal(0, 3, (5, 200, size)).astype(np.float32)
    kept = np.ones((5, 200), np.int64)
    states[2, :tokens] = hidden[0]
    kept[2, tokens:] = 0
    found = run(session, states, kept)[2]
    np.testing.assert_array_equal(found[:tokens], alone)
    assert not found[tokens:].any()


def test_a_text_has_the_same_bits_with_holes(
    name: str, session: onnxruntime.InferenceSession
) -> None:
    size = MODELS[name].shape.hidden
    hidden, mask = text(size, 30)
    alone = run(session, hidden, mask)[0]
    places = np.sort(np.random.default_rng(5).permutation(90)[:30])
    states = np.full((1, 90, size), 1e6, np.float32)
    kept = np.zeros((1, 90), np.int64)
    states[0, places], kept[0, places] = hidden[0], 1
    found = run(session, states, kept)
    if MODELS[name].has_positions:  # holes move tokens apart
        expected = encode(MODELS[name], states, kept)
        assert distances(found, expected).max() <= BFLOAT16_ATTENTION
    else:
        np.testing.assert_array_equal(found[0, places], alone)


@pytest.mark.parametrize(("threads", "parts"), [(1, 1), (1, 8), (2, 2), (2, 5), (4, 3), (8, 64)])
def test_threads_and_parts_do_not_change_a_bit(
    name: str, path: Path, session: onnxruntime.InferenceSession, threads: int, parts: int
) -> None:
    other = open_session(path, pool=threads, parts=parts)
    size = MODELS[name].shape.hidden
    for hidden, mask in [*random_inputs(size), text(size, LONG)]:
        np.testing.assert_array_equal(run(other, hidden, mask), run(session, hidden, mask))


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf, 3e38])
@pytest.mark.parametrize("tokens", [9, 100])
def test_a_text_that_is_not_finite_reaches_no_other(
    name: str, session: onnxruntime.InferenceSession, poison: float, tokens: int
) -> None:
    size = MODELS[name].shape.hidden
    states = np.random.default_rng(6).normal(0, 1, (3, tokens, size)).astype(np.float32)
    mask = np.ones((3, tokens), np.int64)
    mask[1, tokens // 2 :] = 0
    clean = run(session, states, mask)
    states[1, 0, 0] = poison
    states[1, -1] = poison
    found = run(session, states, mask)
    np.testing.assert_array_equal(found[[0, 2]], clean[[0, 2]])
    assert not found[1, tokens // 2 :].any()


def test_what_is_masked_is_not_read(name: str, session: onnxruntime.InferenceSession) -> None:
    size = MODELS[name].shape.hidden
    states = np.random.default_rng(7).normal(0, 1, (2, 33, size)).astype(np.float32)
    mask = np.ones((2, 33), np.int64)
    mask[0, 20:] = 0
    clean = run(session, states, mask)
    states[0, 20:] = np.nan
    np.testing.assert_array_equal(run(session, states, mask), clean)


def test_nothing_gives_nothing(name: str, session: onnxruntime.InferenceSession) -> None:
    size = MODELS[name].shape.hidden
    masked = run(session, np.ones((2, 5, size), np.float32), np.zeros((2, 5), np.int64))
    np.testing.assert_array_equal(masked, np.zeros((2, 5, size), np.float32))
    for shape in ((0, 4), (3, 0)):
        empty = run(session, np.ones((*shape, size), np.float32), np.ones(shape, np.int64))
        assert empty.shape == (*shape, size)


def test_inputs_of_other_shapes_are_refused(
    name: str, session: onnxruntime.InferenceSession
) -> None:
    size = MODELS[name].shape.hidden
    for hidden, mask in (
        ((2, 3, size + 1), (2, 3)),
        ((2, 3, size), (2, 4)),
        ((2, 3, size), (3, 2)),
    ):
        with pytest.raises(onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument) as caught:
            run(session, np.ones(hidden, np.float32), np.ones(mask, np.int64))
        assert f"expected (batch, tokens, {size})" in str(caught.value)
