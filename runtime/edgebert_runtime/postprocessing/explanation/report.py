"""What an explanation says."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from edgebert_runtime.inference.reports import AsDict, Report
from edgebert_runtime.postprocessing.explanation.words import Word
from edgebert_runtime.reporting.text_table import table_lines


@dataclass(frozen=True, kw_only=True)
class Attribution(AsDict):
    """How much of an answer is each word's.

    Attributes:
        values: of each word, in units of the answer; None for a word that must stay.
        errors: standard error of each value; None where values are differences of real answers.
        reached: whether the errors are as small as was asked for.
    """

    values: Sequence[float | None]
    errors: Sequence[float | None] | None = None
    reached: bool = True


@dataclass(frozen=True, kw_only=True, repr=False)
class Explanation(Report):
    """Which words an answer hangs on.

    Attributes:
        task: of the model.
        variant: which graph answered.
        target: what number is explained, such as `score of POSITIVE`.
        value: that number for the whole text.
        empty: the same without any word that may be taken out.
        words: of the text, or of both texts of a pair, in order.
        attributions: method → what it gives each word.
        runs: how many texts were run.
    """

    task: str
    variant: str
    target: str
    value: float
    empty: float
    words: Sequence[Word]
    attributions: Mapping[str, Attribution]
    runs: int

    def lines(self, width: int | None = None) -> Iterator[str]:
        """A table with a row for each word."""
        yield f"{self.target}: {self.value:.4f}; without any word: {self.empty:.4f}"
        methods = list(self.attributions)
        rows = [
            [word.text, *(self._cell(name, number) for name in methods)]
            for number, word in enumerate(self.words)
        ]
        yield from table_lines(["word", *(name.replace("_", " ") for name in methods)], rows, width)
        yield from self._notes()

    def _cell(self, method: str, number: int) -> str:
        found = self.attributions[method]
        value = found.values[number]
        if value is None:
            return "must stay"
        error = found.errors[number] if found.errors else None
        return f"{value:+.4f}" + (f" ± {error:.4f}" if error else "")

    def _notes(self) -> Iterator[str]:
        for name, found in self.attributions.items():
            if not found.reached:
                yield (
                    f"{name}: the errors are larger than asked for; allow more runs, or a larger "
                    "error"
                )
        yield f"{self.runs:,} texts were run"
