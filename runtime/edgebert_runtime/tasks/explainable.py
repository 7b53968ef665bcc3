"""`explain`, which every model of a task has that gives a number."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgebert_runtime.errors import ConfigError, InputError
from edgebert_runtime.postprocessing.explanation.target import Target
from edgebert_runtime.tasks.open_bundle import OpenBundle
from edgebert_runtime.tokenization.items import Item, check_item

if TYPE_CHECKING:
    from edgebert_runtime.postprocessing.explanation.explainer import Method
    from edgebert_runtime.postprocessing.explanation.report import Explanation


class Explainable(OpenBundle):
    """A model whose answers can be attributed to words."""

    def explain(
        self,
        item: Item,
        *,
        method: "Method | Sequence[Method]" = "shapley",
        answer: str | None = None,
        window: int = 3,
        error: float = 0.01,
        most_runs: int = 4_000,
        seed: int = 0,
    ) -> "Explanation":
        """Say how much each word contributes to the answer.

        Every number comes from running the text without some of its words.

        Args:
            item: a text, or a tuple of two where the task takes pairs: query and document, question
                and context; words of both are attributed. For `embed` a text, whose words are
                attributed, and what it is compared with.
            method: one or several. `shapley`: a word's mean contribution over all orders in which
                words can be added to the empty text (Shapley 1953); values sum to the answer less
                that of the empty text. `leave_one_out`: the answer less the answer without the
                word (Li et al. 2016). `occlusion`: the same for windows of neighbouring words; a
                word has the mean of its windows (Zeiler and Fergus 2014).
            answer: which one is explained, instead of the best: a label, a token for the mask,
                the text of an answer or of an entity.
            window: neighbouring words that `occlusion` takes out together.
            error: standard error at which sampling of Shapley values stops, as a share of the
                answer, 0 to 1.
            most_runs: texts that may be run for Shapley values; where that ends them first,
                `reached` is False.
            seed: of the orders that are sampled.

        Returns:
            Values of each word in units of the answer, as `Explanation.attributions` by method.

        Raises:
            InputError: the item is not what the task takes, has no word, too many words, or more
                tokens than the model's limit; or the answer is not among those of the item.
            ConfigError: an unknown method, a number out of range, or a task without a number.
            EngineError, ModelClosedError: as the task's method.
        """
        from edgebert_runtime.postprocessing.explanation.explainer import ExplainOptions, explain

        methods = (method,) if isinstance(method, str) else tuple(method)
        options = ExplainOptions(
            methods=methods, window=window, error=error, most_runs=most_runs, seed=seed
        )
        checked = check_item("text", item)
        for each in self._inputs(checked):
            self._refuse_longer(each)
        found = self._target(checked, answer)
        return explain(found, options, self._task_name, self._variant)

    def _target(self, item: Item, wanted: str | None) -> Target:
        """The number that is explained.

        Args:
            item: whose answer it is.
            wanted: as `answer` of `explain`.
        """
        del item, wanted
        raise ConfigError(
            f"answers of task {self._task_name!r} have no number that could be explained"
        )

    def _inputs(self, item: Item) -> Sequence[Item]:
        """What the model sees at once, of an item that may be too long for that."""
        return [item]

    def _refuse_longer(self, item: Item) -> None:
        """Refuse what does not fit into the model's limit: what is cut off would be worth 0.

        Raises:
            InputError: it does not; the message names parts that fit.
        """
        limit, last = self._tokenizer.limit, 0 if isinstance(item, str) else 1
        (tokens,) = self._tokenizer.count([item])
        if tokens <= limit:
            return
        windows = [
            [
                place
                for place, source in zip(each.offsets, each.sources, strict=True)
                if source == last
            ]
            for each in self._tokenizer.align_windows(item, limit, None)
        ]
        raise InputError(
            f"text has {tokens:,} tokens, the limit is {limit}; explain a part of it, such as "
            f"characters {_ranges(windows)}"
        )


def _ranges(windows: Sequence[Sequence[tuple[int, int]]]) -> str:
    named = [f"{places[0][0]:,} to {places[-1][1]:,}" for places in windows[:3]]
    return ", ".join(named) + (", …" if len(windows) > 3 else "")


def require_pair(item: Item, first: str, second: str) -> tuple[str, str]:
    """The two texts of a pair.

    Raises:
        InputError: it is one text.
    """
    if isinstance(item, str):
        raise InputError(f"text is one string, expected a pair: ({first}, {second})")
    return item


def require_no_target(wanted: str | None, task: str) -> None:
    """Refuse a wish where there is one number only.

    Raises:
        ConfigError: there is one.
    """
    if wanted is not None:
        raise ConfigError(f"task {task!r} has one number to explain; leave answer out")


def require_one_of(wanted: str, found: Sequence[str], what: str) -> str:
    """What is wanted, if it is among the answers.

    Raises:
        InputError: it is not; the message lists some that are.
    """
    if wanted not in found:
        some = ", ".join(map(repr, found[:8])) or "none"
        raise InputError(f"answer {wanted!r} is no {what} here; there is {some}")
    return wanted
