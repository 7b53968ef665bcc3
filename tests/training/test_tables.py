"""Bad files: each mistake is named with its file, line and column."""

import json
from pathlib import Path

import pytest

from edgebert.training.config import Problem
from edgebert.training.data.records import (
    LabelledText,
    labels_in,
    read_labelled,
    read_pairs_to_rank,
    read_positives,
    read_questions,
    read_scored,
    read_tagged,
    require_negatives,
)
from edgebert.training.data.tables import read_documents
from edgebert_runtime.errors import InputError

SINGLE = Problem.SINGLE_LABEL


def written(folder: Path, text: str) -> Path:
    path = folder / "data"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv_may_quote_commas_quotes_and_line_ends(tmp_path: Path) -> None:
    path = written(tmp_path, '\ufefftext,label\r\n"a, ""b""\nc",yes\r\nd,no\r\n')
    assert read_labelled(path, SINGLE) == [
        LabelledText(text='a, "b"\nc', pair=None, labels=("yes",)),
        LabelledText(text="d", pair=None, labels=("no",)),
    ]


def test_only_line_feeds_end_a_line(tmp_path: Path) -> None:
    text = "one\u2028two\x85three\x0bfour"
    assert read_labelled(written(tmp_path, f"text,label\n{text},a\n"), SINGLE)[0].text == text
    line = json.dumps({"tokens": [text], "labels": ["O"]}, ensure_ascii=False)
    assert read_tagged(written(tmp_path, line))[0].tokens == (text,)
    assert read_documents(written(tmp_path, f"{text}\r\n\r\nnext"))[0] == (text,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "",
            r"line 1 has no column 'text', no column 'label', it has none; expected text",
        ),
        ("text,label\n", r"has no rows"),
        ("text,sentiment\na,b\n", r"no column 'label', the unknown column 'sentiment'"),
        ("text,label,label\na,b,c\n", r"the column 'label' twice"),
        ("text,label\na,b\nc\n", r"line 3 has 1 cells, expected 2 \(text, label\)"),
        ("text,label\na,b,c\n", r"line 2 has 3 cells, expected 2.*quote a cell"),
        ("text,label\na,b\n\nc,d\n", r"line 3 has 0 cells"),
        ("text,label\na,b\n  ,d\n", r"line 3 is empty in column text"),
        ("text,label\na,\n", r"line 2 is empty in column label"),
        ('text,label\n"a,b\n', r"after line 1: unexpected end of data; write it as CSV"),
        ('text,label\n"a"b,c\n', r"after line 1: ',' expected after '\"'; write it as CSV"),
    ],
)
def test_a_bad_csv_is_refused_with_its_line(text: str, message: str, tmp_path: Path) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InputError, match=message) as caught:
        read_labelled(path, SINGLE)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_positives(tmp_path / "nothing")
    (tmp_path / "bytes").write_bytes(b"text,positive\na,\xff\n")
    with pytest.raises(InputError, match=r"line 2 is not UTF-8: .* at byte 2 of it"):
        read_positives(tmp_path / "bytes")


def test_labels_of_every_problem(tmp_path: Path) -> None:
    several = read_labelled(written(tmp_path, "text,label\na,x| y\nb,\n"), Problem.MULTI_LABEL)
    assert [record.labels for record in several] == [("x", "y"), ()]
    numbers = read_labelled(written(tmp_path, "text,label\na,-1.5\n"), Problem.REGRESSION)
    assert numbers[0].number == -1.5
    for odd in ("many", "nan", "inf"):
        path = written(tmp_path, f"text,label\na,1\nb,{odd}\n")
        with pytest.raises(InputError, match=f"line 3 has label='{odd}', expected a finite"):
            read_labelled(path, Problem.REGRESSION)


def test_pairs(tmp_path: Path) -> None:
    ranked = read_pairs_to_rank(written(tmp_path, "text,text_pair,label\na,b,1\nc,d,0\n"))
    assert [(record.pair, record.number) for record in ranked] == [("b", 1.0), ("d", 0.0)]
    with pytest.raises(InputError, match="line 2 has label='2', expected 0 or 1"):
        read_pairs_to_rank(written(tmp_path, "text,text_pair,label\na,b,2\n"))
    assert read_positives(written(tmp_path, "text,positive\na,b\n"))[0].positive == "b"
    assert read_scored(written(tmp_path, "text,text_pair,score\na,b,4\n"))[0].score == 4.0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2 is not JSON"),
        ("[]", "line 2 is not an object but list; expected an object with tokens, labels"),
        (
            '{"tokens": ["a"]}',
            "line 2 has no column 'labels', it has 'tokens'; expected tokens, lab",
        ),
        ('{"tokens": "a", "labels": ["O"]}', "a tokens of the wrong type, expected an array"),
        (
            r'{"tokens": ["\ud800"], "labels": ["O"]}',
            "a tokens of the wrong type, expected an array",
        ),
        ('{"tokens": ["a"], "labels": [1]}', "a labels of the wrong type, expected an array"),
        ('{"tokens": ["a", "b"], "labels": ["O"]}', "line 2 has 2 tokens and 1 labels"),
        ('{"tokens": [], "labels": []}', "at least one token"),
        ('{"tokens": [" "], "labels": ["O"]}', "line 2 has a blank token or label"),
    ],
)
def test_bad_tags_are_refused_with_their_line(line: str, message: str, tmp_path: Path) -> None:
    good = '{"tokens": ["a"], "labels": ["O"]}'
    with pytest.raises(InputError, match=message):
        read_tagged(written(tmp_path, f"{good}\n{line}\n"))


@pytest.mark.parametrize(
    ("answer", "start", "message"),
    [
        ('"mat"', "3", "the context has ' sa' at character 3, expected the answer 'mat'"),
        ('"cat"', "-3", "at character -3"),
        ('"cat"', "true", "a start of the wrong type, expected a whole number"),
    ],
)
def test_an_answer_must_be_where_it_is_said(
    answer: str, start: str, message: str, tmp_path: Path
) -> None:
    line = f'{{"question": "q", "context": "cat sat", "answer": {answer}, "start": {start}}}'
    with pytest.raises(InputError, match=message):
        read_questions(written(tmp_path, line))


def test_documents_are_parted_by_blank_lines(tmp_path: Path) -> None:
    path = written(tmp_path, "\n\none .\n two .\n \n\nthree .\n")
    assert read_documents(path) == [("one .", "two ."), ("three .",)]
    with pytest.raises(InputError, match="has no text"):
        read_documents(written(tmp_path, " \n\n"))


def test_labels_are_ordered_and_more_than_one(tmp_path: Path) -> None:
    assert labels_in([("10",), ("9",), ("x",)], tmp_path) == ("x", "9", "10")
    with pytest.raises(InputError, match="has one label, 'x', expected at least two"):
        labels_in([("x",), ("x",)], tmp_path)
    with pytest.raises(InputError, match="has no labels"):
        labels_in([()], tmp_path)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["x", "x ", " x", "y"], ("x", "y")),
        (["caf\u00e9", "cafe\u0301", "y"], "differ only in spaces or in their Unicode form"),
        (["new york", "new  york", "y"], "differ only in spaces or in their Unicode form"),
        (["x\u200b", "x", "y"], "differ only in spaces or in their Unicode form"),
    ],
)
def test_labels_that_look_the_same_are_no_two_classes(
    labels: list[str], expected: object, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\n" + "".join(f"a,{each}\n" for each in labels), encoding="utf-8")
    found = [record.labels for record in read_labelled(path, SINGLE)]
    if isinstance(expected, tuple):
        assert labels_in(found, path) == expected
    else:
        with pytest.raises(InputError, match=str(expected)):
            labels_in(found, path)


def test_embeddings_are_not_trained_without_another_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,positive\na,b\nc,b\n", encoding="utf-8")
    with pytest.raises(InputError, match="one text in column positive, 'b', expected at least two"):
        require_negatives(read_positives(path), path)
