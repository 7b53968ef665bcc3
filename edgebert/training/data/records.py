"""The rows of each task's file, as typed values."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from unicodedata import category, normalize

from edgebert.training.config import Problem
from edgebert.training.data.tables import CellType, Record, read_records
from edgebert_runtime.errors import InputError

SEPARATOR: Final = "|"
"""Between the labels of one text."""

RELEVANT: Final = {"0": 0.0, "1": 1.0}

JSON_LINES: Final = ".jsonl"


@dataclass(frozen=True, kw_only=True)
class LabelledText:
    """A text, perhaps with a second one, and its labels; `number` is a regression's."""

    text: str
    pair: str | None
    labels: tuple[str, ...] = ()
    number: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Tagged:
    """Words and a label for each."""

    tokens: tuple[str, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question, its context, and the answer there; an empty one where there is none."""

    question: str
    context: str
    answer: str
    start: int


@dataclass(frozen=True, kw_only=True)
class Positive:
    """Two texts that mean the same."""

    text: str
    positive: str


@dataclass(frozen=True, kw_only=True)
class Scored:
    """Two texts and how alike they are."""

    text: str
    pair: str
    score: float


def read_labelled(path: Path, problem: Problem) -> list[LabelledText]:
    """Read `text,label` or `text,text_pair,label`.

    Raises:
        InputError: see `read_records`; or a regression's label is no number.
    """
    rows = read_records(
        path,
        {"text": CellType.TEXT, "label": CellType.LABEL},
        optional={"text_pair": CellType.TEXT},
        empty="label" if problem is Problem.MULTI_LABEL else None,
    )
    return [_labelled(row, problem) for row in rows]


def read_pairs_to_rank(path: Path) -> list[LabelledText]:
    """Read `text,text_pair,label` with labels 0 and 1.

    Raises:
        InputError: see `read_records`; or a label is neither.
    """
    columns = {"text": CellType.TEXT, "text_pair": CellType.TEXT, "label": CellType.LABEL}
    return [
        LabelledText(text=row.values["text"], pair=row.values["text_pair"], number=_relevance(row))
        for row in read_records(path, columns)
    ]


def read_tagged(path: Path) -> list[Tagged]:
    """Read rows with `tokens` and `labels`, one label a token.

    Raises:
        InputError: see `read_records`; or a line has no tokens, a blank one, or another number
            of labels.
    """
    columns = {"tokens": CellType.TEXTS, "labels": CellType.TEXTS}
    return [_tagged(row) for row in read_records(path, columns, usual=JSON_LINES)]


def read_questions(path: Path) -> list[Question]:
    """Read rows with `question`, `context`, `answer` and `start`, in characters.

    Raises:
        InputError: see `read_records`; or the context does not have the answer at `start`.
    """
    texts = dict.fromkeys(("question", "context", "answer"), CellType.TEXT)
    columns = {**texts, "start": CellType.WHOLE}
    rows = read_records(path, columns, empty="answer", usual=JSON_LINES)
    return [_question(row) for row in rows]


def read_positives(path: Path) -> list[Positive]:
    """Read `text,positive`.

    Raises:
        InputError: see `read_records`.
    """
    columns = {"text": CellType.TEXT, "positive": CellType.TEXT}
    return [Positive(**row.values) for row in read_records(path, columns)]


def read_scored(path: Path) -> list[Scored]:
    """Read `text,text_pair,score`.

    Raises:
        InputError: see `read_records`; or a score is no number.
    """
    columns = {"text": CellType.TEXT, "text_pair": CellType.TEXT, "score": CellType.LABEL}
    return [
        Scored(text=row.values["text"], pair=row.values["text_pair"], score=_number(row, "score"))
        for row in read_records(path, columns)
    ]


def labels_in(groups: Iterable[tuple[str, ...]], path: Path) -> tuple[str, ...]:
    """The distinct labels, in order; numbers by value.

    Raises:
        InputError: there are fewer than two, so there is nothing to learn; or two look the same.
    """
    found = {label for group in groups for label in group}
    _check_distinct(found, path)
    if len(found) < 2:
        raise InputError(
            f"{path} has {f'one label, {found.pop()!r}' if found else 'no labels'}, expected at "
            "least two different ones"
        )
    return tuple(sorted(found, key=_order))


def _check_distinct(labels: Iterable[str], path: Path) -> None:
    """Refuse labels that are one to whoever reads them, and would be two classes."""
    seen: dict[str, str] = {}
    for label in sorted(labels):
        other = seen.setdefault(_appearance(label), label)
        if other != label:
            raise InputError(
                f"{path} has the labels {other!a} and {label!a}, which differ only in "
                "spaces or in their Unicode form; write them alike"
            )


def _appearance(label: str) -> str:
    """A label as it is read: spaces count once, and characters that are not seen do not count."""
    seen = (each for each in normalize("NFKC", label) if category(each) != "Cf")
    return " ".join("".join(seen).split())


def _order(label: str) -> tuple[int, str]:
    return (int(label), "") if label.isascii() and label.isdigit() else (-1, label)


def _labelled(row: Record, problem: Problem) -> LabelledText:
    label = row.values["label"].strip()
    number = _number(row, "label") if problem is Problem.REGRESSION else 0.0
    labels = _several(label) if problem is Problem.MULTI_LABEL else (label,)
    return LabelledText(
        text=row.values["text"], pair=row.values.get("text_pair"), labels=labels, number=number
    )


def _several(cell: str) -> tuple[str, ...]:
    return tuple(label.strip() for label in cell.split(SEPARATOR) if label.strip())


def _number(row: Record, column: str) -> float:
    text = row.values[column]
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{row.place} has {column}={text!r}, expected a finite number")
    return number


def _relevance(row: Record) -> float:
    label = row.values["label"].strip()
    if label not in RELEVANT:
        raise InputError(f"{row.place} has label={label!r}, expected 0 or 1")
    return RELEVANT[label]


def _tagged(row: Record) -> Tagged:
    tokens = tuple(row.values["tokens"])
    labels = tuple(label.strip() for label in row.values["labels"])
    if len(tokens) != len(labels) or not tokens:
        raise InputError(
            f"{row.place} has {len(tokens)} tokens and {len(labels)} labels, expected one label "
            "for each token and at least one token"
        )
    if not all(map(str.strip, tokens)) or not all(labels):
        raise InputError(f"{row.place} has a blank token or label; remove or fill it")
    return Tagged(tokens=tokens, labels=labels)


def _question(row: Record) -> Question:
    record = Question(**row.values)
    found = record.context[max(record.start, 0) :][: len(record.answer)]
    if record.start < 0 or found != record.answer:
        raise InputError(
            f"{row.place}: the context has {found!r} at character {record.start}, expected the "
            f"answer {record.answer!r}; count characters from 0"
        )
    return record


def require_varied(found: list[LabelledText], path: Path) -> None:
    """Refuse regression labels that are all the same.

    Raises:
        InputError: they are.
    """
    if len({record.number for record in found}) < 2:
        raise InputError(
            f"{path} has one label, {found[0].number:g}, expected at least two different ones"
        )


def require_negatives(found: list[Positive], path: Path) -> None:
    """Refuse pairs of which none has another's text to be told from.

    Raises:
        InputError: all have the same second text.
    """
    if len({record.positive for record in found}) < 2:
        raise InputError(
            f"{path} has one text in column positive, {found[0].positive!r}, expected at least two "
            "different ones: each text is trained to be nearer to its own than to the others"
        )
