"""Whether two bundles, or two variants, answer alike on the user's own texts."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import repeat, tee
from os import PathLike
from typing import Any, Final, NamedTuple

from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import Manifest
from edgebert_runtime.engine.providers import ProviderName, ProviderOptions
from edgebert_runtime.errors import ConfigError, InputError
from edgebert_runtime.inference.batching import chunks
from edgebert_runtime.inference.call import CHUNK_TEXTS
from edgebert_runtime.loading.model_opener import load_model
from edgebert_runtime.loading.options import LoadOptions
from edgebert_runtime.tasks.base import TaskModel
from edgebert_runtime.tasks.open_bundle import open_tokenizer
from edgebert_runtime.tasks.places import placed
from edgebert_runtime.tasks.registry import require_task
from edgebert_runtime.tasks.spec import TaskSpec
from edgebert_runtime.tokenization.items import Item
from edgebert_runtime.tokenization.tokenizer import TextTokenizer
from edgebert_runtime.verification.diff_report import DiffReport, MetadataChange, Side
from edgebert_runtime.verification.diff_tally import Beside, Choices, Cosines, Orders, Tally
from edgebert_runtime.verification.probes import COMPARISONS, stream

DISTANCE: Final = "distance"

TOLERANCES: Final = {
    "fp32": (1e-4, 1e-4),
    "fp16": (0.015, 0.01),
    "embeddings-int8": (0.045, 0.02),
    "bf16": (0.1, 0.1),
    "int8": (0.2, 0.2),
    "int4": (0.35, 0.35),
}
"""Precision → how far vectors, and scores, may be apart. Of the two variants the coarser decides.

What the quality threshold of the precision allows the worst text to lose against fp32; for fp32
what the order of additions changes. docs/runtime.md has the table.
"""


class Opened(NamedTuple):
    """One of the two, ready to answer."""

    bundle: Bundle
    model: TaskModel[Any]
    tokenizer: TextTokenizer

    @property
    def side(self) -> Side:
        """What the report says of it."""
        info = self.model.info()
        name, variant = info.variant, self.model.variant
        return Side(
            bundle=str(self.bundle.folder),
            variant=name,
            precision=variant.precision,
            quality=variant.ways[info.way].quality,
        )


def diff(
    old: Bundle | str | PathLike[str],
    new: Bundle | str | PathLike[str],
    texts: Iterable[Item],
    *,
    places: Iterable[str] | None = None,
    variant: str | tuple[str, str] = "auto",
    tolerance: float | None = None,
    provider: ProviderName = "auto",
    provider_options: ProviderOptions | None = None,
    threads: int | None = None,
) -> DiffReport:
    """Run texts through two bundles of one task, and compare metadata, tokens and answers.

    Args:
        old: the folder of a bundle.
        new: that of another one, or the same.
        texts: strings; pairs of them for tasks that take two texts, the question or query first.
            They are read as they are run, and none is kept.
        places: where each text comes from, such as its file and line, for the report and errors.
        variant: of both, as `load` takes it, or one of each.
        tolerance: how far an answer may be apart: for vectors the Euclidean distance as a share
            of the old vector's length, for scores the largest change, as a share of the score if
            that is above 1. None takes that of the coarser precision of the two.
        provider: where both run, as `load` takes it.
        provider_options: the provider's own options.
        threads: intra-operator threads; None takes every core the process may use.

    Returns:
        What was found; its `require` raises beyond the tolerance.

    Raises:
        ConfigError: the tasks differ, the tolerance is negative or no number, or as `load`.
        InputError: there is no text, or a text that the task does not take.
        EdgebertError: as `load`.
    """
    first, second = (variant, variant) if isinstance(variant, str) else variant
    bundles = Bundle.open(old), Bundle.open(new)
    spec = _task_of(*bundles)
    if tolerance is not None and not tolerance >= 0:
        raise ConfigError(f"the tolerance must be at least 0, got {tolerance:g}")
    options = LoadOptions.of(provider, provider_options, threads=threads)
    with ExitStack() as stack:

        def opened(bundle: Bundle, name: str) -> Opened:
            model = stack.enter_context(load_model(bundle, name, options))
            return Opened(bundle, model, open_tokenizer(bundle))

        pair = opened(bundles[0], first), opened(bundles[1], second)
        tally = Tally(
            COMPARISONS[spec.probe.measure].deviation,
            _tolerance(spec, pair) if tolerance is None else tolerance,
            _beside(spec),
        )
        _run(spec, pair, texts, iter(repeat("") if places is None else places), tally)
        return _report(spec, pair, tally)


def item_maker(bundle: Bundle | str | PathLike[str]) -> Callable[[Sequence[str]], Item]:
    """What makes an item of the bundle's task of a row of texts: of one text, or of two.

    The result raises ConfigError where the task takes pairs and a row has one text.

    Raises:
        BundleError: the manifest cannot be read.
        ConfigError: the task is unknown.
    """
    manifest = Bundle.open(bundle).manifest
    spec = require_task(manifest.default_task)

    def item(row: Sequence[str]) -> Item:
        if len(row) > 1:
            return row[0], row[1]
        made = spec.item(manifest, row[0])
        if isinstance(made, str):
            return made
        raise ConfigError(
            f"task {spec.name!r} takes pairs of texts; name the second column with --column-pair"
        )

    return item


def _task_of(old: Bundle, new: Bundle) -> TaskSpec:
    before, after = old.manifest.default_task, new.manifest.default_task
    if before != after:
        raise ConfigError(
            f"{old.folder} has task {before!r} and {new.folder} has task {after!r}; compare two "
            "bundles of one task"
        )
    return require_task(before)


def _beside(spec: TaskSpec) -> Beside:
    if spec.probe.measure == DISTANCE:
        return Cosines()
    return Choices() if spec.answer_all is None else Orders()


def _tolerance(spec: TaskSpec, pair: tuple[Opened, Opened]) -> float:
    at = 0 if spec.probe.measure == DISTANCE else 1
    return max(TOLERANCES.get(each.side.precision, TOLERANCES["int8"])[at] for each in pair)


def _run(
    spec: TaskSpec,
    pair: tuple[Opened, Opened],
    texts: Iterable[Item],
    places: Iterator[str],
    tally: Tally,
) -> None:
    """Both take the texts in chunks, as they come; what one of them has read waits for the other.

    Raises:
        InputError: there is no text, or one that the task does not take.
    """
    shown, *copies = tee(texts, 5)
    tokens = map(_tokens, pair, copies[:2])
    answers = (stream(spec, each.model, copy) for each, copy in zip(pair, copies[2:], strict=True))
    try:
        for item, *ids, before, after in zip(shown, *tokens, *answers, strict=True):
            place = next(places, "")
            if ids[0] != ids[1]:
                tally.add_tokens(item, *map(_words, pair, ids), place=place)
            tally.add_answer(item, before, after, place=place)
    except InputError as error:
        raise placed(error, places, tally.texts) from error
    if not tally.texts:
        raise InputError("there is no text to compare; give at least one")


def _tokens(opened: Opened, texts: Iterator[Item]) -> Iterator[list[int]]:
    """The ids of each text, as the tokenizer cuts it to the limit."""
    first = 0
    for items in chunks(texts, CHUNK_TEXTS):
        yield from (list(each.input_ids) for each in opened.tokenizer.encode(items, first))
        first += len(items)


def _words(opened: Opened, ids: Sequence[int]) -> list[str]:
    return [opened.tokenizer.decode([id_], skip_specials=False) for id_ in ids]


def _report(spec: TaskSpec, pair: tuple[Opened, Opened], tally: Tally) -> DiffReport:
    old, new = pair
    return DiffReport(
        task=spec.name,
        old=old.side,
        new=new.side,
        metadata=tuple(_changes(old.bundle.manifest, new.bundle.manifest)),
        measure=COMPARISONS[spec.probe.measure].measure,
        **tally.found(),
    )


def _changes(old: Manifest, new: Manifest) -> Iterator[MetadataChange]:
    """What both manifests say differently of the model, but for files and variants."""
    before, after = _metadata(old), _metadata(new)
    for name in before:
        if before[name] != after[name]:
            yield MetadataChange(name=name, old=before[name], new=after[name])


def _metadata(manifest: Manifest) -> dict[str, Any]:
    head, embedding, tokenizer = manifest.task.head, manifest.task.embedding, manifest.tokenizer
    return {
        "labels": None if head is None else list(head.labels),
        "activation": None if head is None else head.activation,
        "dimensions": None if embedding is None else embedding.dimensions,
        "pooling": None if embedding is None else [each.kind for each in embedding.steps],
        "default_prompt": None if embedding is None else embedding.default_prompt,
        "max_length": tokenizer.max_length,
        "special_tokens": dict(tokenizer.special_tokens),
        "tokenizer_sha256": manifest.files[tokenizer.file].sha256,
    }
