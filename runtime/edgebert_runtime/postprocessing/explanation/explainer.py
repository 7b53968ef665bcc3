"""From a target to an explanation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from edgebert_runtime.errors import ConfigError, InputError
from edgebert_runtime.inference.arguments import check_fields
from edgebert_runtime.postprocessing.explanation.coalitions import Coalitions
from edgebert_runtime.postprocessing.explanation.leaving_out import leave_one_out, occlusion
from edgebert_runtime.postprocessing.explanation.report import Attribution, Explanation
from edgebert_runtime.postprocessing.explanation.shapley import shapley
from edgebert_runtime.postprocessing.explanation.target import Target
from edgebert_runtime.postprocessing.explanation.words import words_of
from edgebert_runtime.tokenization.items import Item

Method = Literal["shapley", "leave_one_out", "occlusion", "attention"]

ATTENTION: Final = "attention"
"""The method that attributes nothing, and shows where tokens attend to."""

MAX_WORDS: Final = 1000
"""More are refused: each word takes a run at least."""


@dataclass(frozen=True, kw_only=True)
class ExplainOptions:
    """How to explain.

    Attributes:
        methods: `shapley`, `leave_one_out`, `occlusion`, `attention`, one or several.
        window: neighbouring words that `occlusion` takes out together.
        error: the largest standard error of a Shapley value to stop at, as a share of the answer.
        most_runs: texts that Shapley values may take.
        seed: of the sets of words that Shapley values are sampled from.

    Raises:
        ConfigError: a value is of another type, or cannot be one.
    """

    methods: Sequence[str] = ("shapley",)
    window: int = 3
    error: float = 0.01
    most_runs: int = 4_000
    seed: int = 0

    def __post_init__(self) -> None:
        check_fields(self)
        known = get_args(Method)
        unknown = [each for each in self.methods if each not in known]
        if unknown or not self.methods:
            raise ConfigError(
                f"method must be one of {', '.join(known)}; got {', '.join(unknown) or 'none'}"
            )
        for name in ("window", "most_runs"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 < self.error < 1:
            raise ConfigError(f"error must be between 0 and 1, got {self.error}")

    @property
    def attributing(self) -> list[str]:
        """Those methods that give each word a value."""
        return [name for name in self.methods if name != ATTENTION]


def explain(target: Target, options: ExplainOptions, task: str, variant: str) -> Explanation:
    """Attribute a target to the words of its item, by each method that attributes.

    Args:
        target: of a task.
        options: how.
        task: named in the explanation.
        variant: likewise.

    Raises:
        InputError: there is no word that may be taken out, or there are more than `MAX_WORDS`.
        EngineError: as a call of the task's method.
    """
    words = words_of(target.item)
    coalitions = Coalitions(target, words)
    if not coalitions.free:
        raise InputError("text has no word that could be taken out, expected one at least")
    if len(coalitions.free) > MAX_WORDS:
        raise InputError(
            f"text has {len(coalitions.free):,} words, at most {MAX_WORDS:,} are explained; "
            "explain a part of it"
        )
    answer, empty = coalitions.values([coalitions.whole, frozenset()])
    found = {name: METHODS[name](coalitions, options, answer) for name in options.attributing}
    return Explanation(
        task=task,
        variant=variant,
        target=target.name,
        value=answer,
        empty=empty,
        words=words,
        attributions={name: _of_all(each, coalitions) for name, each in found.items()},
        runs=coalitions.runs,
    )


def unattributed(item: Item, task: str, variant: str) -> Explanation:
    """An explanation that attributes nothing yet.

    Args:
        item: a text or a pair.
        task: named in the explanation.
        variant: likewise.

    Raises:
        InputError: there is no word.
    """
    words = words_of(item)
    if not words:
        raise InputError("text has no word, expected one at least")
    return Explanation(
        task=task,
        variant=variant,
        target=None,
        value=None,
        empty=None,
        words=words,
        attributions={},
        runs=0,
    )


def _of_all(found: Attribution, coalitions: Coalitions) -> Attribution:
    """Values of all words, from those of the free ones."""

    def spread(values: Sequence[float | None]) -> list[float | None]:
        known = dict(zip(coalitions.free, values, strict=True))
        return [known.get(number) for number in range(len(coalitions.words))]

    errors = None if found.errors is None else spread(found.errors)
    return Attribution(values=spread(found.values), errors=errors, reached=found.reached)


def _shapley(coalitions: Coalitions, options: ExplainOptions, answer: float) -> Attribution:
    found = shapley(coalitions, options.error * abs(answer), options.most_runs, options.seed)
    return Attribution(values=found.values, errors=found.errors, reached=found.reached)


def _leave_one_out(coalitions: Coalitions, options: ExplainOptions, answer: float) -> Attribution:
    del options, answer
    return Attribution(values=leave_one_out(coalitions))


def _occlusion(coalitions: Coalitions, options: ExplainOptions, answer: float) -> Attribution:
    del answer
    return Attribution(values=occlusion(coalitions, options.window))


METHODS: Final[dict[str, Callable[[Coalitions, ExplainOptions, float], Attribution]]] = {
    "shapley": _shapley,
    "leave_one_out": _leave_one_out,
    "occlusion": _occlusion,
}
"""Method → what finds it."""
