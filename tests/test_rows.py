"""One reader of rows: `edgebert-run`, training and calibration read and refuse a file alike."""

import csv
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from edgebert.training.config import Problem
from edgebert.training.data.records import read_labelled
from edgebert.training.data.tables import CellType, read_records
from edgebert_quantize.calibration.readers import has_column, read_column, read_texts
from edgebert_runtime.errors import InputError
from edgebert_runtime.io.columns import Columns
from edgebert_runtime.io.readers import open_file
from edgebert_runtime.io.tables import read_table

COLUMNS: Final = ("text", "text_pair", "label")
ENDINGS: Final = (".csv", ".jsonl", ".parquet")

CELLS: Final = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20
).filter(str.strip)
ROWS: Final = st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=8)

RUNTIME: Final = "edgebert-run"
TRAINING: Final = "training"
CALIBRATION: Final = "calibration"


def write(path: Path, rows: list[tuple[str, ...]], names: tuple[str, ...] = COLUMNS) -> Path:
    """The same rows as any kind of file."""
    match path.suffix:
        case ".csv":
            with path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(
                    [names, *rows]
                )
        case ".jsonl":
            lines = [json.dumps(dict(zip(names, row, strict=True))) for row in rows]
            path.write_text("\n".join(lines), encoding="utf-8")
        case ".parquet":
            columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
            parquet.write_table(pyarrow.table(columns), path)
    return path


def read_as_runtime(path: Path) -> list[Any]:
    return [row.values for row in open_file(path).rows]


def read_as_training(path: Path) -> list[Any]:
    return read_records(path, {"text": CellType.TEXT})


def read_as_calibration(path: Path) -> list[Any]:
    return read_texts(path)


CALLERS: Final[dict[str, Callable[[Path], list[Any]]]] = {
    RUNTIME: read_as_runtime,
    TRAINING: read_as_training,
    CALIBRATION: read_as_calibration,
}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_the_same_rows_are_read_alike_from_every_kind_of_file(
    rows: list[tuple[str, ...]], tmp_path: Path
) -> None:
    for ending in ENDINGS:
        path = write(tmp_path / f"rows{ending}", rows)
        assert [row.values for row in open_file(path, "text", "text_pair").rows] == [
            row[:2] for row in rows
        ]
        assert [row.values for row in read_table(path, Columns(required=COLUMNS))] == rows
        learned = read_labelled(path, Problem.SINGLE_LABEL)
        found = [(one.text, one.pair, *one.labels) for one in learned]
        assert found == [(*texts, label.strip()) for *texts, label in rows]
        assert [read_column(path, name) for name in COLUMNS] == [
            [row[at] for row in rows] for at in range(len(COLUMNS))
        ]
        assert read_texts(path) == list(dict.fromkeys(text.strip() for text, *_ in rows))


@pytest.mark.parametrize("ending", ENDINGS)
def test_labels_that_are_numbers_are_the_text_that_csv_has(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"numbers{ending}"
    rows = [{"text": "a", "label": 0}, {"text": "b", "label": 1}]
    match ending:
        case ".csv":
            path.write_text("text,label\na,0\nb,1\n", encoding="utf-8")
        case ".jsonl":
            path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        case ".parquet":
            parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    found = read_labelled(path, Problem.SINGLE_LABEL)
    assert [record.labels for record in found] == [("0",), ("1",)]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_column_that_may_be_missing(ending: str, tmp_path: Path) -> None:
    pairs = write(tmp_path / f"pairs{ending}", [("a", "b", "x")])
    texts = write(tmp_path / f"texts{ending}", [("a", "x")], ("text", "label"))
    assert has_column(pairs, "text_pair")
    assert not has_column(texts, "text_pair")
    assert read_labelled(pairs, Problem.SINGLE_LABEL)[0].pair == "b"
    assert read_labelled(texts, Problem.SINGLE_LABEL)[0].pair is None


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.csv", None, r"none\.csv cannot be read: No such file .*; name a file that exists"),
        (".jsonl", b'{"text": "a"}\n{"text": "\xff"}', r"line 2 is not UTF-8: .* at byte 10 of it"),
        ("a.csv", b"text\na\n\xff\n", r"line 3 is not UTF-8: .*; save the file with that encoding"),
        ("a.csv", b'text\na\n"b', r"after line 2: unexpected end of data; write it as CSV"),
        ("a.csv", b"other,n\na,1\n", r"line 1 has no column 'text'.*, it has 'other', 'n'"),
        ("a.csv", b"", r"line 1 has no column 'text', it has none"),
        ("a.jsonl", b'{"text": "a"}\n{', r"line 2 is not JSON: .*; write one object a line"),
        ("a.jsonl", b'{"text": "a"}\n\n[1]', r"line 3 is not an object but list; expected an obj"),
        ("a.jsonl", b'{"text": "a"}\n{"texts": "b"}', r"line 2 has no column 'text'.*has 'texts'"),
        ("a.csv", b"text\na\nb,c\n", r"line 3 has 2 cells, expected 1 \(text\); quote a cell"),
        ("a.csv", b"text,text\na,b\n", r"line 1 has the column 'text' twice"),
        ("a.csv", b"id;text\n1;a\n", r"line 1 has one column, 'id;text', with a semicolon in"),
        ("a.csv", b"id\ttext\n1\ta\n", r"line 1 has one column, .*, with a tab in its name"),
        ("a.csv", b"sep=;\nid;text\n", r"line 1 has one column, 'sep=;', with a semicolon in"),
        ("a.jsonl", b'{"text": "a", "text": "b"}', r"line 1 is not JSON: .* has 'text' twice"),
        ("a.jsonl", b'{"text": ' + b"[" * 10**5, r"line 1 is not JSON: .*recursion"),
        ("a.parquet", b"PAR1", r"a\.parquet is not a Parquet file: .*; write it again"),
    ],
)
def test_every_caller_refuses_a_file_in_the_same_words(
    caller: str, name: str, content: bytes | None, message: str, tmp_path: Path
) -> None:
    path = tmp_path / (f"a{name}" if name.startswith(".") else name)
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        CALLERS[caller](path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("caller", [TRAINING, CALIBRATION])
def test_a_text_of_another_kind_is_named_with_its_row(caller: str, tmp_path: Path) -> None:
    lines = tmp_path / "a.jsonl"
    lines.write_text('{"text": "a"}\n\n{"text": 7}\n', encoding="utf-8")
    table = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"text": [7]}), table)
    for path, place in ((lines, "line 3"), (table, "row 1")):
        message = f"{place} has a text of the wrong type, expected a string, found int"
        with pytest.raises(InputError, match=message):
            CALLERS[caller](path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_training_refuses_columns_that_it_does_not_know(ending: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"a{ending}", [("a", "b")], ("text", "sentiment"))
    message = (
        "no column 'label', the unknown column 'sentiment', it has 'text', 'sentiment'; "
        "expected text, label and perhaps text_pair"
    )
    with pytest.raises(InputError, match=message):
        read_labelled(path, Problem.SINGLE_LABEL)
    assert [row.values for row in open_file(path).rows] == [("a",)]


def test_a_column_that_is_there_twice_in_parquet(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table([["a"], ["b"]], names=["text", "text"]), path)
    for read in CALLERS.values():
        with pytest.raises(InputError, match="the column 'text' twice"):
            read(path)


def test_a_column_whose_name_has_a_semicolon_is_read_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a;b\nc;d\n", encoding="utf-8")
    assert [row.values for row in open_file(path, "a;b").rows] == [("c;d",)]


@pytest.mark.parametrize("ending", ENDINGS)
def test_training_names_the_row_with_an_empty_cell(ending: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"a{ending}", [("a", "x"), (" ", "y")], ("text", "label"))
    place = "row 2" if ending == ".parquet" else f"line {3 if ending == '.csv' else 2}"
    with pytest.raises(InputError, match=f"{place} is empty in column text; fill or remove"):
        read_labelled(path, Problem.SINGLE_LABEL)


@pytest.mark.parametrize("ending", ENDINGS)
def test_rows_of_many_columns_take_the_memory_of_a_few(ending: str, tmp_path: Path) -> None:
    many = [(f"text {number} " + "x" * 1000, "pair", "label") for number in range(5000)]
    rows = read_table(write(tmp_path / f"in{ending}", many), Columns(required=COLUMNS, exact=True))
    next(rows)  # what is imported for a kind is not what rows take
    tracemalloc.start()
    count = sum(1 for _ in rows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 4999
    assert peak < 2.5e6  # all of them are 5 MB
