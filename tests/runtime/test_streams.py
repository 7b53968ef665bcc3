"""Lists, columns and iterators of texts, and callers that go away."""

import asyncio
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow
import pytest

from edgebert_runtime import Bundle, Embedder, load
from edgebert_runtime.errors import ConfigError, InputError, TruncationWarning
from edgebert_runtime.inference import call
from edgebert_runtime.tasks.base import TaskModel
from tests.support.tiny_encoder import TEXTS

MANY = [f"{TEXTS[number % len(TEXTS)]} cat {'dog ' * (number % 7)}" for number in range(40)]


@pytest.fixture(scope="module")
def model(tiny_bundle: Bundle) -> Embedder:
    return load(tiny_bundle)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of three texts, so that a few texts are many chunks."""
    monkeypatch.setattr(TaskModel, "CHUNK_ITEMS", 3)


def test_an_iterator_gives_the_rows_of_the_list(model: Embedder, small_chunks: None) -> None:
    expected = model.embed(MANY)
    rows = list(model.embed(iter(MANY)))
    np.testing.assert_allclose(rows, expected, atol=2e-6)
    assert model.last_report is not None
    assert (model.last_report.texts, model.last_report.windows) == (40, 40)


def test_an_iterator_is_read_no_further_than_a_chunk(model: Embedder) -> None:
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        while True:
            taken += 1
            yield "the cat"

    rows = model.embed(endless())
    assert taken == 0
    next(rows)
    assert taken == call.CHUNK_TEXTS


@pytest.mark.parametrize(
    "make", [tuple, np.array, pyarrow.array], ids=["tuple", "numpy", "pyarrow"]
)
def test_columns_are_lists(model: Embedder, make: Any) -> None:
    np.testing.assert_array_equal(model.embed(make(MANY)), model.embed(MANY))


def test_a_chunked_column_of_arrow_is_a_list(model: Embedder) -> None:
    column = pyarrow.chunked_array([MANY[:7], MANY[7:]])
    np.testing.assert_array_equal(model.embed(column), model.embed(MANY))
    with pytest.raises(InputError, match="item 1 is NoneType, expected str"):
        model.embed(pyarrow.array(["a", None]))


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("a text", r"embed takes a list of strings, got one string; write embed\(\[text\]\)"),
        (b"a text", "got one string"),
        (np.array("a text"), "got one string"),
        ({"a", "b"}, "embed takes a list of strings, got set"),
        (7, "embed takes a list of strings, got int"),
    ],
)
def test_what_is_no_list_is_refused(model: Embedder, texts: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        model.embed(texts)


def test_a_wrong_item_is_named_before_anything_runs(
    model: Embedder, small_chunks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model.session, "run", None)
    with pytest.raises(InputError, match="item 39 is int, expected str"):
        model.embed([*MANY[:39], 7])


def test_a_wrong_item_of_an_iterator_has_its_own_number(
    model: Embedder, small_chunks: None
) -> None:
    rows = model.embed(iter([*MANY[:7], 7]))
    for _ in range(6):
        next(rows)
    with pytest.raises(InputError, match="item 7 is int, expected str"):
        next(rows)


def test_numbers_of_cut_texts_count_from_the_first_chunk(
    model: Embedder, small_chunks: None
) -> None:
    with pytest.warns(TruncationWarning, match="1 of 40 texts were cut to 40 tokens") as caught:
        model.embed([*MANY[:38], "cat " * 200, "a"])
    assert caught[0].filename == __file__
    assert model.last_report is not None
    (cut,) = model.last_report.truncated
    assert (cut.index, cut.tokens, cut.limit) == (38, 202, 40)


def test_a_stream_warns_once_and_at_the_line_that_takes_the_row(
    model: Embedder, small_chunks: None
) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in model.embed(iter([*MANY[:5], "cat " * 200, *MANY, "cat " * 200])):
            pass
    assert [warning.filename for warning in caught] == [__file__]
    assert model.last_report is not None
    assert [cut.index for cut in model.last_report.truncated] == [5, 46]


def test_int8_codes_point_where_the_vectors_do(model: Embedder) -> None:
    vectors, codes = model.embed(MANY), model.embed(MANY, output_dtype="int8")
    assert codes.dtype == np.int8
    assert (np.abs(codes.astype(int)).max(axis=1) == 127).all()
    stretched = codes / np.linalg.norm(codes.astype(np.float32), axis=1, keepdims=True)
    assert (stretched * vectors).sum(axis=1).min() > 0.999


def test_binary_codes_by_hand(model: Embedder) -> None:
    (vector,), (code,) = model.embed(["cat"]), model.embed(["cat"], output_dtype="binary")
    assert (code.dtype, code.shape) == (np.uint8, (6,))
    assert int(code[0]) == sum(128 >> bit for bit in range(8) if vector[bit] > 0)
    (short,) = model.embed(["cat"], output_dtype="binary", dimensions=9)
    assert short.shape == (2,)


@pytest.mark.parametrize("precision", ["float32", "int8", "binary"])
def test_no_texts_have_no_rows(model: Embedder, precision: Any) -> None:
    dimensions = 6 if precision == "binary" else 48
    assert model.embed([], output_dtype=precision).shape == (0, dimensions)
    assert list(model.embed(iter([]), output_dtype=precision)) == []


def test_an_unknown_precision_lists_the_known(model: Embedder) -> None:
    with pytest.raises(ConfigError, match="one of float32, int8, binary; got 'int4'"):
        model.embed(["a"], output_dtype="int4")  # type: ignore[call-overload]


def test_work_of_a_cancelled_task_ends_after_its_micro_batch(
    tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load(tiny_bundle)
    begun, gone, runs = threading.Event(), threading.Event(), 0
    run = model.session.run

    def counted(*arguments: Any) -> Any:
        nonlocal runs
        runs += 1
        begun.set()
        assert gone.wait(60)
        return run(*arguments)

    async def main() -> None:
        task = asyncio.create_task(model.aembed(["the cat " * 50] * 500))
        await asyncio.to_thread(begun.wait, 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gone.set()

    monkeypatch.setattr(model.session, "run", counted)
    asyncio.run(main())  # waits for its threads before it returns
    assert runs == 1


def test_an_asynchronous_method_takes_no_iterator(model: Embedder) -> None:
    with pytest.raises(InputError, match="aembed takes a list, got an iterator"):
        asyncio.run(model.aembed(iter(["a"])))
    with pytest.raises(InputError, match="aembed takes a list, got an iterator"):
        asyncio.run(model.aembed(texts=iter(["a"])))


def test_the_former_name_of_output_dtype_is_taken_with_a_warning(model: Embedder) -> None:
    expected = model.embed(["cat"], output_dtype="int8")
    with pytest.warns(DeprecationWarning, match="write output_dtype='int8'"):
        found = model.embed(["cat"], precision="int8")
    np.testing.assert_array_equal(found, expected)
