"""`explain`, which every model has: what words contribute, and where tokens attend to."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from edgebert_runtime.bundle.variants import no_attention
from edgebert_runtime.engine.providers import PROVIDERS
from edgebert_runtime.errors import ConfigError, InputError
from edgebert_runtime.postprocessing.explanation.target import Target
from edgebert_runtime.tasks.open_bundle import OpenBundle
from edgebert_runtime.tokenization.items import Item, check_item

if TYPE_CHECKING:
    from edgebert_runtime.postprocessing.explanation.explainer import Method
    from edgebert_runtime.postprocessing.explanation.report import Explanation
    from edgebert_runtime.tokenization.offsets import AlignedText

SEPARATORS: Final = ("sep_token", "eos_token")
"""Roles of the tokens that stand between texts and behind them."""


class Explainable(OpenBundle):
    """A model whose answers can be attributed to words, and whose attention can be shown."""

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
        """Say how much each word contributes to the answer, or where tokens attend to.

        Every attribution comes from running the text without some of its words. Attention is of
        the graph that runs: load the bundle with `variant="attention"` for it. Other graphs are
        faster for words; `Explanation.with_attention` joins what two of them gave.

        Args:
            item: a text, or a tuple of two where the task takes pairs: query and document, question
                and context; words of both are attributed. For `embed` a text, whose words are
                attributed, and what it is compared with; attention is that of the first text, which
                may be alone.
            method: one or several. `shapley`: a word's mean contribution over all orders in which
                words can be added to the empty text (Shapley 1953); values sum to the answer less
                that of the empty text. `leave_one_out`: the answer less the answer without the
                word (Li et al. 2016). `occlusion`: the same for windows of neighbouring words; a
                word has the mean of its windows (Zeiler and Fergus 2014). `attention`: the maps of
                all heads, a summary of each, and rollout (Abnar and Zuidema 2020).
            answer: which one is explained, instead of the best: a label, a token for the mask,
                the text of an answer or of an entity.
            window: neighbouring words that `occlusion` takes out together.
            error: standard error at which sampling of Shapley values stops, as a share of the
                answer, 0 to 1.
            most_runs: texts that may be run for Shapley values; where that ends them first,
                `reached` is False.
            seed: of the sets of words that are sampled.

        Returns:
            Values of each word in units of the answer, as `Explanation.attributions` by method;
            maps as `Explanation.attention`.

        Raises:
            InputError: the item is not what the task takes, has no word, too many words, or more
                tokens than the model's limit; or the answer is not among those of the item.
            ConfigError: an unknown method, a number out of range, a task without a number, or
                attention of a graph that does not give it.
            EngineError, ModelClosedError: as the task's method.
        """
        from edgebert_runtime.postprocessing.explanation.explainer import (
            ATTENTION,
            ExplainOptions,
            explain,
            unattributed,
        )
        from edgebert_runtime.postprocessing.explanation.words import with_tokens

        methods = (method,) if isinstance(method, str) else tuple(method)
        options = ExplainOptions(
            methods=methods, window=window, error=error, most_runs=most_runs, seed=seed
        )
        if answer is not None and not options.attributing:
            raise ConfigError(
                "answer names what words contribute to, and attention shows no contributions; "
                "leave it out, or ask for another method, too"
            )
        checked = check_item("text", item)
        for each in self._inputs(checked):
            self._refuse_longer(each)
        about = self._task_name, self._variant
        shown = self._attention(self._seen(checked)) if ATTENTION in options.methods else {}
        if options.attributing:
            found = explain(self._target(checked, answer), options, *about)
        else:
            found = unattributed(checked, *about)
        read = self._read(self._seen(checked))
        return replace(
            found,
            words=with_tokens(found.words, read, len(self._before())),
            tokens=tuple(read.pieces),
            runs=found.runs + bool(shown),
            **shown,
        )

    def _attention(self, seen: Item) -> dict[str, Any]:
        """The fields of an explanation that show attention.

        Raises:
            ConfigError: the graph gives none.
            InputError: the text is too long for the model, or for its maps.
        """
        from edgebert_runtime.inference import attention_maps as maps
        from edgebert_runtime.postprocessing.explanation import attention

        names = maps.map_outputs(self.session.outputs)
        if not names:
            raise no_attention(self._bundle, self._variant)
        self._refuse_longer(seen, self._before())
        read = self._read(seen)
        tokens = len(read.input_ids)
        heads = self._bundle.manifest.architecture["heads"]
        maps.require_room(tokens, len(names), heads or 1)
        feeds = self._tokenizer.pad([read], PROVIDERS[self.session.provider].length_multiple)
        found = maps.run_maps(self.session, names, feeds, tokens)
        roles = {self._tokenizer.special_id(role) for role in SEPARATORS} - {None}
        separators = [at for at, each in enumerate(read.input_ids) if each in roles]
        return {
            "attention": found,
            "heads": attention.summarize_heads(found, separators),
            "rollout": attention.rollout(found),
            "attention_variant": self._variant,
        }

    def _read(self, seen: Item) -> "AlignedText":
        """The tokens of what the model sees at once, and where they lie."""
        whole = self._before() + seen if isinstance(seen, str) else seen
        (found,) = self._tokenizer.align([whole])
        return found

    def _seen(self, item: Item) -> Item:
        """What the model sees at once, of an item.

        Raises:
            InputError: the task takes other items.
        """
        return item

    def _before(self) -> str:
        """What is put before a text that is explained."""
        return ""

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

    def _refuse_longer(self, item: Item, before: str = "") -> None:
        """Refuse what does not fit into the model's limit: what is cut off would be worth 0.

        Raises:
            InputError: it does not; the message names parts that fit.
        """
        limit, last = self._tokenizer.limit, 0 if isinstance(item, str) else 1
        (tokens,) = self._tokenizer.count([item], prefix=before)
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
