"""What `diff` found, as values, as JSON and as lines for people."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from edgebert_runtime.errors import DiffError
from edgebert_runtime.inference.reports import AsDict, Report

BREAKING: Final = ("labels", "dimensions")
"""Metadata that a program which uses the answers depends on."""

SHOWN_CHARACTERS: Final = 60


@dataclass(frozen=True, kw_only=True)
class Side(AsDict):
    """One of the two.

    Attributes:
        bundle: its folder.
        variant: which ran.
        precision: of the variant.
        quality: what the manifest says of it, as `docs/bundle-format.md` specifies; None if it
            was never measured, as that of fp32.
    """

    bundle: str
    variant: str
    precision: str
    quality: Mapping[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class MetadataChange(AsDict):
    """One thing that the two manifests say differently."""

    name: str
    old: Any
    new: Any


@dataclass(frozen=True, kw_only=True)
class TokenDifference(AsDict):
    """A text whose tokens differ: its number from 0, the tokens of each, and where it is from."""

    index: int
    text: str | tuple[str, str]
    old: Sequence[str]
    new: Sequence[str]
    place: str = ""


@dataclass(frozen=True, kw_only=True)
class AnswerDifference(AsDict):
    """The text whose answers are furthest apart.

    Attributes:
        index: its number, from 0.
        text: it, or the pair.
        amount: how far, in the measure of the task; None where a number is none or an answer has
            another shape, which is beyond every tolerance.
        at: where in the answer.
        old, new: the number there; None where it is none.
        place: where the text comes from, such as its file and line; empty if that was not given.
    """

    index: int
    text: str | tuple[str, str]
    amount: float | None
    at: str
    old: float | None
    new: float | None
    place: str = ""


@dataclass(frozen=True, kw_only=True, repr=False)
class DiffReport(Report):
    """Two variants on the same texts: `str` is a few lines for people.

    Attributes:
        task: of both.
        old: what ran of the first bundle.
        new: what ran of the second bundle.
        metadata: what the manifests say differently.
        texts: how many were run.
        tokens_differ: how many have other tokens.
        token_examples: the first of them.
        measure: what `tolerance` and `amount` are of, in words.
        tolerance: how far answers may be apart.
        beyond: texts whose answers are further apart.
        mean: of how far answers are apart, over the texts; None where one is infinitely far.
        worst: the text whose answers are furthest apart.
        cosine_mean: of vectors, old to new, over the texts; None for other tasks, and where the
            numbers of dimensions differ.
        cosine_worst: the smallest of them; None as above.
        equal: share of texts whose best label, entity labels, best span or best filling is the
            same, from 0 to 1; for `rank` the share of documents that stand to the document before
            them, of the same query, in the same order. None for vectors, and where there is
            nothing to choose from.
    """

    task: str
    old: Side
    new: Side
    metadata: Sequence[MetadataChange]
    texts: int
    tokens_differ: int
    token_examples: Sequence[TokenDifference]
    measure: str
    tolerance: float
    beyond: int
    mean: float | None
    worst: AnswerDifference
    cosine_mean: float | None = None
    cosine_worst: float | None = None
    equal: float | None = None

    @property
    def problem(self) -> str | None:
        """The first reason why it did not pass; None if it did."""
        for change in self.metadata:
            if change.name in BREAKING:
                return f"the {change.name} differ: {change.old} before, {change.new} now"
        if not self.beyond:
            return None
        worst = self.worst
        far = "infinitely far" if worst.amount is None else f"{worst.amount:.3g}"
        return (
            f"{self.beyond} of {self.texts} answers are further apart than {self.tolerance:.3g}; "
            f"the worst is {named(worst)} ({shown(worst.text)}) with {far}: {worst.at} was "
            f"{_number(worst.old)} and is {_number(worst.new)}"
        )

    @property
    def passed(self) -> bool:
        """Whether every answer is within the tolerance, and labels and dimensions are the same."""
        return self.problem is None

    def require(self) -> None:
        """Raise unless it passed.

        Raises:
            DiffError: names the worst text.
        """
        if self.problem is not None:
            raise DiffError(f"{self.problem}; keep the old bundle, or allow more with --tolerance")

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, and `passed`."""
        return {**super().to_dict(), "passed": self.passed}

    def lines(self, width: int | None = None) -> Iterator[str]:
        """The report for people; terminals fold its lines."""
        del width
        return report_lines(self)


def report_lines(report: DiffReport) -> Iterator[str]:
    """A report for a terminal, line by line."""
    yield f"task {report.task}, {report.texts} text{'' if report.texts == 1 else 's'}"
    for name, side in (("old", report.old), ("new", report.new)):
        yield f"{name}  {side.bundle}, {side.variant} ({side.precision}){_quality(side)}"
    for change in report.metadata:
        yield f"{change.name}: {change.old} → {change.new}"
    yield f"tokens: {report.tokens_differ} of {report.texts} texts differ"
    for each in report.token_examples:
        yield f"  {named(each)} ({shown(each.text)})"
        yield f"    old {' '.join(each.old)}"
        yield f"    new {' '.join(each.new)}"
    yield f"answers: {report.beyond} of {report.texts} beyond {report.tolerance:.3g}"
    yield f"  measure: {report.measure}"
    yield from _answers(report)


def _answers(report: DiffReport) -> Iterator[str]:
    worst = report.worst
    yield f"  mean {_number(report.mean)}, worst {_number(worst.amount)}"
    if report.cosine_mean is not None:
        yield f"  cosine: mean {report.cosine_mean:.6f}, worst {report.cosine_worst:.6f}"
    if report.equal is not None:
        yield f"  equal answers: {100 * report.equal:.2f} %"
    yield f"  worst: {named(worst)} ({shown(worst.text)})"
    yield f"    {worst.at}: {_number(worst.old)} → {_number(worst.new)}"


def named(each: TokenDifference | AnswerDifference) -> str:
    """A text by its place; by its number where no place was given."""
    return each.place or f"text {each.index}"


def shown(text: str | tuple[str, str]) -> str:
    """The beginning of a text; of a pair, of both."""
    if isinstance(text, tuple):
        return ", ".join(map(shown, text))
    return repr(text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…")


def _quality(side: Side) -> str:
    if side.quality is None:
        return ""
    found = side.quality
    return f"; {found['metric']}: mean {found['mean']:.4f}, worst {found['worst']:.4f}"


def _number(value: float | None) -> str:
    return "no number" if value is None else f"{value:.6g}"
