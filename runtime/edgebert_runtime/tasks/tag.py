"""Entities in texts: labels of tokens, put together to words and spans.

Equal to transformers' token-classification pipeline (5.23, pipelines/token_classification.py) for
every aggregation strategy; there `word` is spelt by the tokenizer, here `text` is a slice of the
caller's string.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, get_args, overload

from edgebert_runtime.errors import BundleError, ConfigError, InputError
from edgebert_runtime.inference.arrays import Floats, logits
from edgebert_runtime.inference.async_calls import asynchronous
from edgebert_runtime.inference.reports import AsDict
from edgebert_runtime.postprocessing.activations import softmax
from edgebert_runtime.postprocessing.explanation.target import Target
from edgebert_runtime.postprocessing.spans import (
    Aggregation,
    TokenTags,
    check_aggregation,
    continues_word,
    stream_spans,
)
from edgebert_runtime.postprocessing.window_aggregation import most_context
from edgebert_runtime.progress import ProgressOption
from edgebert_runtime.tasks.agreement import AgreementSpec, entities
from edgebert_runtime.tasks.base import RowOutputs, TaskModel
from edgebert_runtime.tasks.explainable import require_one_of
from edgebert_runtime.tasks.options import TaskOptions, option
from edgebert_runtime.tasks.spec import (
    CommandSpec,
    PartRows,
    Record,
    TaskProbe,
    TaskSpec,
    constant_columns,
)
from edgebert_runtime.tokenization.encoding import EncodedItem, EncodedText
from edgebert_runtime.tokenization.items import Item, check_text
from edgebert_runtime.tokenization.offsets import AlignedText
from edgebert_runtime.tokenization.sliding_window import Long

if TYPE_CHECKING:
    from edgebert_runtime.postprocessing.explanation.words import Shortened

BEFORE_MANIFESTS_NAMED_ONE: Final[Aggregation] = "simple"
"""The aggregation of bundles whose manifest names none."""

Labelled = tuple[AlignedText, Floats]
"""Tokens of a text, and their logits, (tokens, labels)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entity(AsDict):
    """A labelled piece of a text.

    Attributes:
        text: what the caller's string has from `start` to `end`.
        label: the label; without `B-` or `I-` unless aggregation is `none`.
        score: probability from 0 to 1, the mean over what was put together.
        start: number of its first character in the caller's string, from 0.
        end: number of the character after its last.
    """

    text: str
    label: str
    score: float
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class TagOptions(TaskOptions):
    """Arguments of `Tagger.tag`, which explains them."""

    aggregation: Aggregation | None = option(
        None,
        "how tokens become entities (default: as the bundle says)",
        choices=get_args(Aggregation),
    )
    ignore: Sequence[str] = option(("O",))


class Tagger(TaskModel[TagOptions]):
    """Finds entities in texts; made by `load`."""

    OPTIONS: ClassVar = TagOptions
    PAIRS: ClassVar[bool] = False
    GRAPH: ClassVar = logits("sequence", "labels")

    def _prepare(self) -> None:
        self._head = self._require_head("softmax")
        self._require_labels()
        self._aggregation = self._default_aggregation()
        self._unknown_id = self._tokenizer.special_id("unk_token")

    @overload
    def tag(
        self,
        texts: Iterator[str],
        *,
        aggregation: Aggregation | None = None,
        ignore: Sequence[str] = ("O",),
        long: Long = "truncate",
        stride: int | None = None,
        progress: ProgressOption = None,
    ) -> Iterator[list[Entity]]: ...

    @overload
    def tag(
        self,
        texts: Sequence[str],
        *,
        aggregation: Aggregation | None = None,
        ignore: Sequence[str] = ("O",),
        long: Long = "truncate",
        stride: int | None = None,
        progress: ProgressOption = None,
    ) -> list[list[Entity]]: ...

    def tag(
        self,
        texts: Any,
        *,
        aggregation: Aggregation | None = None,
        ignore: Sequence[str] = ("O",),
        long: Long = "truncate",
        stride: int | None = None,
        progress: ProgressOption = None,
    ) -> Any:
        """Tag texts, in the order given.

        Args:
            texts: a list of strings, a column of them (numpy, pandas, Polars, Arrow), or an
                iterator, which is read as far as answers are taken.
            aggregation: `none` gives every token with its own label; `simple` joins neighbours of
                one label, of which a `B-` starts one. The others give a word one label first:
                `first` that of its first token, `average` the best of its tokens' mean, `max` that
                of its surest token. Where the vocabulary does not mark what continues a word, as
                byte-level BPE, words are what is between spaces. None takes the bundle's own
                (`default_aggregation`).
            ignore: labels to leave out, spelt as in the answer.
            long: what to do with texts beyond the bundle's limit: `truncate` cuts them, with one
                `TruncationWarning` a call; `error` refuses them; `window` runs them in windows,
                where a token that several have is labelled by the one it lies deepest in.
            stride: tokens that neighbouring windows share; None is half a window, at most 128.
            progress: as `predict` has it.

        Returns:
            For each text its entities, in the order of the text. Tokens of a byte-level vocabulary
            may share a character, so their entities may, too. For an iterator an iterator.

        Raises:
            InputError: `texts` is one string, an item is not a string or not text, or it is too
                long and `long` is `error`.
            ConfigError: unknown aggregation or `long`, or a stride that a window has no room for.
        """
        options = TagOptions(aggregation=aggregation, ignore=ignore, long=long, stride=stride)
        return self._predict("tag", texts, options, progress)

    atag = asynchronous(tag)

    @property
    def default_aggregation(self) -> Aggregation:
        """How tokens are put together where `tag` is told nothing else; the manifest has it."""
        return self._aggregation

    def check_options(self, options: TagOptions) -> None:
        """Refuse an unknown aggregation.

        Raises:
            ConfigError: it is.
        """
        if options.aggregation is not None:
            check_aggregation(options.aggregation)

    def encode(
        self, items: Sequence[Any], options: TagOptions | None = None, *, first: int = 0
    ) -> list[EncodedItem]:
        """Texts to rows that know the place of every token.

        Raises:
            InputError: an item is not a string or not text, or too long and `long` is `error`.
            ConfigError: a stride that a window has no room for.
        """
        chosen = options or TagOptions()
        windowed = chosen.long == "window"
        texts = [check_text(f"item {first + at}", item) for at, item in enumerate(items)]
        huge = [windowed and self._tokenizer.is_huge(text) for text in texts]
        usual = [text for text, streamed in zip(texts, huge, strict=True) if not streamed]
        aligned = iter(self._tokenizer.align(usual, first, head=not windowed))
        limit = self._tokenizer.limit
        return [
            EncodedItem(text, self._tokenizer.align_windows(text, limit, chosen.stride))
            if streamed
            else self._aligned_item(first + at, text, next(aligned), chosen)
            for at, (text, streamed) in enumerate(zip(texts, huge, strict=True))
        ]

    def _aligned_item(
        self, index: int, text: str, aligned: AlignedText, options: TagOptions
    ) -> EncodedItem:
        limit = self._tokenizer.limit
        if options.long == "window":
            parts = aligned.parts(limit, options.stride)
            return EncodedItem(text, list(aligned.windows(parts)))
        cut_from = self._cut_from(index, aligned.tokens, options)
        return EncodedItem(text, [aligned.cut(limit)], cut_from)

    def _decode_item(
        self, item: EncodedItem, rows: Iterable[RowOutputs], options: TagOptions
    ) -> list[Entity]:
        marked, text = self._tokenizer.marks_subwords, item.item
        aggregation = options.aggregation or self._aggregation
        tags = (
            TokenTags(
                offsets=aligned.offsets,
                scores=softmax(scores),
                continues=continues_word(text, aligned, self._unknown_id, marked=marked),
            )
            for aligned, scores in _own_tokens(rows, self._shared(item, options))
        )
        return [
            Entity(
                text=text[span.start : span.end],
                label=span.label,
                score=float(span.score),
                start=span.start,
                end=span.end,
            )
            for span in stream_spans(tags, self._head.labels, aggregation, options.ignore)
        ]

    def _seen(self, item: Item) -> str:
        return check_text("text", item)

    def _target(self, item: Item, wanted: str | None) -> Target:
        """The score of an entity, the surest unless another is wanted; 0 where it is gone."""
        text = self._seen(item)
        (found,) = self.predict([text], progress=False)
        texts = [entity.text for entity in found]
        if wanted is not None:
            require_one_of(wanted, texts, "entity")
        named = [entity for entity in found if wanted in (None, entity.text)]
        if not named:
            raise InputError("text has no entity for this model, so there is none to explain")
        return _entity_target(self, text, max(named, key=lambda entity: entity.score))

    def _default_aggregation(self) -> Aggregation:
        """What the manifest says, or what bundles that say nothing were made for."""
        named = self._head.aggregation or BEFORE_MANIFESTS_NAMED_ONE
        try:
            return check_aggregation(named)
        except ConfigError as error:
            raise BundleError(
                f"{self._bundle.folder}, head: {error}; install a newer edgebert-runtime, or "
                "export the model again"
            ) from error

    def _shared(self, item: EncodedItem, options: TagOptions) -> int:
        """How many tokens neighbouring rows of an item share."""
        if isinstance(item.rows, Sequence) and len(item.rows) == 1:
            return 0
        return self._tokenizer.overlap(self._tokenizer.limit, options.stride)


def _entity_target(model: Tagger, text: str, entity: Entity) -> Target:
    """The score of an entity of the same label where words of this one are."""
    from edgebert_runtime.postprocessing.explanation.words import words_of

    lengths = {
        number: len(word.text)
        for number, word in enumerate(words_of(text))
        if word.start < entity.end and entity.start < word.end
    }

    def score(shorter: "Shortened", entities: Sequence[Entity]) -> float:
        places = [
            (shorter.starts[each], lengths[each]) for each in lengths if each in shorter.starts
        ]
        same = (
            each.score
            for each in entities
            if each.label == entity.label
            and any(each.start < at + length and at < each.end for at, length in places)
        )
        return max(same, default=0.0)

    def values(shorter: Sequence["Shortened"]) -> list[float]:
        found = model.predict([each.item for each in shorter], progress=False)
        return list(map(score, shorter, found))

    return Target(name=f"score of {entity.label} {entity.text!r}", item=text, values=values)


def _own_tokens(run: Iterable[RowOutputs], shared: int) -> Iterator[Labelled]:
    """Of windows that were run, each token of the text once, with the logits that know it best."""
    windows = (_of_text(window, scores) for window, (scores,) in run)
    for (aligned, scores), kept in most_context(windows, lambda each: len(each[1]), shared):
        yield aligned.take(kept), scores[kept.start : kept.stop]


def _of_text(window: EncodedText, scores: Floats) -> Labelled:
    """A window's own tokens and their logits, without what was added and what is padding."""
    assert isinstance(window, AlignedText)
    own = [at for at, source in enumerate(window.sources) if source is not None]
    return window.inside(), scores[own]


def _scores_of(tokens: list[Entity]) -> list[dict[str, float]]:
    return [{token.label: token.score} for token in tokens]


def _entity_rows(record: Record) -> list[Record]:
    return [
        {name: entity["text" if name == "word" else name] for name in ENTITY_COLUMNS}
        for entity in record["entities"]
    ]


ENTITY_COLUMNS: Final = {"start": int, "end": int, "label": str, "score": float, "word": str}
"""Of a table with a row for each entity: its characters, its label, and what the text has there."""

SPEC: Final = TaskSpec(
    name="tag",
    model=Tagger,
    labels="any",
    pipeline_tag="token-classification",
    example='entities = model.tag(["a text", "another"])',
    columns=constant_columns({"entities": list[Entity]}),
    record=lambda entities: {"entities": [entity.to_dict() for entity in entities]},
    command=CommandSpec(
        summary="Find entities in texts; prints a JSON line for each text",
        example='"Ada Lovelace lived in London."',
        parts=PartRows(name="entity", columns=ENTITY_COLUMNS, rows=_entity_rows),
    ),
    probe=TaskProbe(
        options=TagOptions(aggregation="none", ignore=()),
        comparable=_scores_of,
        measure="probabilities",
    ),
    agreement=AgreementSpec(metric="entities", unit="entities", measure=entities),
)
