"""Texts of a user's file, and what is wrong with it."""

import json
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

import edgebert
from edgebert_quantize.calibration.readers import read_texts
from edgebert_quantize.calibration.text_split import FEWEST, read_text_split
from edgebert_runtime import Bundle
from edgebert_runtime.errors import InputError
from tests.support.tiny_encoder import WORDS

TEXTS = ["eins, zwei", 'drei "vier"', "", "  fünf ", "eins, zwei"]
READ = ["eins, zwei", 'drei "vier"', "fünf"]


def write(path: Path, texts: list[str], column: str = "text") -> Path:
    match path.suffix:
        case ".txt":
            path.write_text("\n".join(texts), encoding="utf-8")
        case ".csv":
            quoted = ['"' + text.replace('"', '""') + '",0' for text in texts]
            path.write_text("\n".join([f"{column},label", *quoted]), encoding="utf-8")
        case ".jsonl":
            lines = [json.dumps({column: text, "n": 1}) for text in texts]
            path.write_text("\n".join(lines), encoding="utf-8")
        case ".parquet":
            parquet.write_table(pyarrow.table({column: texts, "n": [1] * len(texts)}), path)
    return path


@pytest.mark.parametrize("kind", [".txt", ".csv", ".jsonl", ".parquet"])
def test_texts_are_read_once_each_without_blank_ones(kind: str, tmp_path: Path) -> None:
    assert read_texts(write(tmp_path / f"texts{kind}", TEXTS)) == READ


@pytest.mark.parametrize("kind", [".csv", ".jsonl", ".parquet"])
def test_a_column_of_another_name(kind: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"texts{kind}", TEXTS, column="review")
    assert read_texts(path, "review") == READ
    with pytest.raises(InputError, match=r"no column 'text', it has 'review', '(n|label)'"):
        read_texts(path)


def test_the_only_column_needs_no_name(tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    path.write_text("whatever\neins\n", encoding="utf-8")
    assert read_texts(path) == ["eins"]


@pytest.mark.parametrize(
    ("name", "content", "column", "message"),
    [
        ("a.docx", b"", None, r"ends in '.docx', expected one of .txt, .csv, .jsonl, .parquet"),
        ("a.txt", b"\xff\xfe", None, "not UTF-8"),
        ("a.txt", b"eins", "text", "has no column 'text'"),
        ("a.csv", b'text,n\n"eins,1', None, "after line 1.*write it as CSV"),
        ("a.csv", b"", None, "no column 'text', it has none"),
        ("a.jsonl", b'{"text": "a"}\n{', None, "line 2 is not JSON"),
        ("a.jsonl", b"[1]", None, "line 1 is not an object"),
        ("a.jsonl", b'{"text": "a"}\n{"texts": "b"}', None, "line 2 has no column 'text'"),
        (
            "a.jsonl",
            b'{"text": 7}',
            None,
            "line 1 has a text of the wrong type, expected a string",
        ),
        ("a.parquet", b"PAR", None, "not a Parquet file"),
    ],
)
def test_what_is_wrong_is_named(
    name: str, content: bytes, column: str | None, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_texts(tmp_path / name, column)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_texts(tmp_path / "none.csv")


def test_too_few_texts_to_divide(tmp_path: Path) -> None:
    path = write(tmp_path / "few.txt", [f"text {number}" for number in range(FEWEST - 1)])
    with pytest.raises(InputError, match="has 49 different texts, expected at least 50"):
        read_text_split(path)


@pytest.mark.parametrize("count", [FEWEST, 777, 5000])
def test_texts_are_divided(count: int, tmp_path: Path) -> None:
    path = write(tmp_path / "many.txt", [f"text {number}" for number in range(count)])
    samples = read_text_split(path)
    assert len({*samples.quality, *samples.calibration}) == min(count, 1280)
    assert not set(samples.quality) & set(samples.calibration)
    assert len(samples.quality) == -(-min(count, 1280) // 5)
    assert samples.source == "texts of many.txt"


def test_a_bundle_calibrated_on_ones_own_texts(
    fp32_bundle: Bundle, tiny_folder: Path, tmp_path: Path
) -> None:
    words = WORDS.split()
    texts = [f"{one} {two}" for one in words[:8] for two in words[8:16]]
    path = write(tmp_path / "own.csv", texts)
    bundle = edgebert.quantize(fp32_bundle, texts=path, column="text", force=True)
    quality = bundle.manifest.variants["int8-cpu"].way.quality
    assert quality is not None
    assert (quality["data"], quality["samples"]) == ("texts of own.csv", 13)
    assert quality["calibration"].startswith("51 texts of own.csv and the beginnings of each")
    report = edgebert.verify(bundle, against=tiny_folder, texts=path)
    assert report.passed
    assert report.worst["int8-cpu"] > 0.98


def test_a_bad_file_costs_nothing(tiny_bundle: Bundle, tmp_path: Path) -> None:
    before = (tiny_bundle.folder / "edgebert.json").read_bytes()
    with pytest.raises(InputError, match=r"none\.csv cannot be read"):
        edgebert.quantize(tiny_bundle, "int8-dynamic", texts=tmp_path / "none.csv")
    assert (tiny_bundle.folder / "edgebert.json").read_bytes() == before
