"""What a masked token may have been.

Equal to transformers' fill-mask pipeline (5.23, pipelines/fill_mask.py), but for targets that are
more than one token: that takes the first of them, this refuses.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from edgebert_runtime.bundle.manifest import Manifest
from edgebert_runtime.engine.session import Session
from edgebert_runtime.errors import BundleError, InputError
from edgebert_runtime.inference.arrays import Feeds, Floats, logits
from edgebert_runtime.inference.async_calls import asynchronous
from edgebert_runtime.inference.call import require_positive
from edgebert_runtime.inference.reports import AsDict
from edgebert_runtime.postprocessing.activations import softmax
from edgebert_runtime.postprocessing.explanation.target import Target
from edgebert_runtime.tasks.agreement import AgreementSpec, each_alone, same_tokens
from edgebert_runtime.tasks.base import RowOutputs, TaskModel
from edgebert_runtime.tasks.options import ShortTextOptions, option
from edgebert_runtime.tasks.spec import CommandSpec, TaskProbe, TaskSpec, constant_columns
from edgebert_runtime.tokenization.encoding import EncodedItem
from edgebert_runtime.tokenization.items import Item, check_text
from edgebert_runtime.tokenization.sliding_window import Long

if TYPE_CHECKING:
    from edgebert_runtime.postprocessing.explanation.words import Shortened, Word

CANDIDATES: Final = 64
"""Fillings that the self-test asks for. What is not among so many has a probability below 1/64."""


@dataclass(frozen=True, kw_only=True)
class Filling(AsDict):
    """One token for one mask.

    Attributes:
        token: how the token reads.
        token_id: its id.
        score: its probability among the whole vocabulary, from 0 to 1.
        sequence: the text with the token in the mask's place, as the tokenizer spells it; with
            its special tokens where the text has further masks.
    """

    token: str
    token_id: int
    score: float
    sequence: str


@dataclass(frozen=True, kw_only=True)
class FillOptions(ShortTextOptions):
    """Arguments of `MaskFiller.fill`, which explains them."""

    top_k: int = option(5, "give at most K tokens for each mask", type=int, metavar="K")
    targets: Sequence[str] | None = option(None)


class MaskFiller(TaskModel[FillOptions]):
    """Fills in masked tokens; made by `load`."""

    OPTIONS: ClassVar = FillOptions
    PAIRS: ClassVar[bool] = False
    GRAPH: ClassVar = logits("sequence", "vocabulary")
    CHUNK_ITEMS: ClassVar[int] = 32  # a mask has a score for every token of the vocabulary

    def _prepare(self) -> None:
        self._require_head("softmax")
        special = self._bundle.manifest.tokenizer.special_tokens
        mask_id = self._tokenizer.special_id("mask_token")
        if mask_id is None:
            raise BundleError(
                f"{self._bundle.folder} has task 'fill', but its tokenizer has no mask_token; "
                "export it again"
            )
        self._mask_id = mask_id
        self._mask_token = special["mask_token"]
        self._unknown_id = self._tokenizer.special_id("unk_token")
        self._pad_id = self._bundle.manifest.tokenizer.pad_id

    def fill(
        self,
        text: str,
        *,
        top_k: int = 5,
        targets: Sequence[str] | None = None,
        long: Long = "truncate",
    ) -> list[list[Filling]]:
        """Say what each mask of a text may have been.

        Args:
            text: a string with the bundle's mask token in it, once or more often.
            top_k: how many tokens for each mask.
            targets: only these tokens; spelt as the vocabulary does or as text that is one token
                (`" cat"` for the token of byte-level BPE that follows a space). Scores stay those
                among the whole vocabulary.
            long: a text beyond the bundle's limit is cut by `truncate`, with a
                `TruncationWarning`, and refused by `error`.

        Returns:
            For each mask, in the order of the text, its tokens by falling score.

        Raises:
            InputError: `text` is not a string, not text, or has no mask token within the limit; a
                target is not one token; `top_k` is below 1; it is too long and `long` is `error`.
            ConfigError: another `long`.
        """
        options = FillOptions(top_k=top_k, targets=targets, long=long)
        (masks,) = self._predict("fill", [check_text("text", text)], options)
        found: list[list[Filling]] = masks
        return found

    afill = asynchronous(fill)

    def check_options(self, options: FillOptions) -> None:
        """Refuse a `top_k` below 1, and targets that are not one token each.

        Raises:
            InputError: it is, or one of them is not.
        """
        require_positive("top_k", options.top_k)
        self._target_ids(options.targets)

    def encode(
        self, items: Sequence[Any], options: FillOptions | None = None, *, first: int = 0
    ) -> list[EncodedItem]:
        """Texts to rows, each with a mask at least.

        Raises:
            InputError: a text is not a string, not text, or has no mask token within the limit.
        """
        encoded = super().encode(items, options, first=first)
        for at, item in enumerate(encoded):
            (row,) = item.rows
            if self._mask_id not in row.input_ids:
                name = "text" if len(items) == 1 and not first else f"item {first + at}"
                raise InputError(
                    f"{name} has no {self._mask_token} among its first {len(row.input_ids)} "
                    f"tokens; put {self._mask_token} where a token is to be filled in"
                )
        return encoded

    def _run_batch(self, feeds: Feeds, session: Session, options: FillOptions) -> Sequence[Any]:
        """Of each row the logits of its masks only: (masks, vocabulary)."""
        (scores,) = self._run_graph(self._outputs, feeds, session)
        masked = feeds["input_ids"] == self._mask_id
        return [[row[masks] for row, masks in zip(scores, masked, strict=True)]]

    def _decode_item(
        self, item: EncodedItem, rows: Iterable[RowOutputs], options: FillOptions
    ) -> list[list[Filling]]:
        ((row, (scores,)),) = rows
        masks = [at for at, id_ in enumerate(row.input_ids) if id_ == self._mask_id]
        allowed = self._target_ids(options.targets)
        return [
            self._fillings(row.input_ids, mask, best_of(softmax(each), allowed, options.top_k))
            for mask, each in zip(masks, scores, strict=True)
        ]

    def _seen(self, item: Item) -> str:
        return check_text("text", item)

    def _target(self, item: Item, wanted: str | None) -> Target:
        """The probability of a token at the first mask, the best one's unless another is wanted."""
        text = self._seen(item)
        ((first, *_),) = (masks[0] for masks in self.predict([text], FillOptions(top_k=1)))
        token = self._tokenizer.spelling(first.token_id) if wanted is None else wanted
        options = FillOptions(top_k=1, targets=[token])

        def values(shorter: Sequence["Shortened"]) -> list[float]:
            answers = self.predict([each.item for each in shorter], options, progress=False)
            return [masks[0][0].score for masks in answers]

        return Target(
            name=f"probability of {first.token if wanted is None else wanted}",
            item=text,
            values=values,
            is_fixed=partial(_is_mask, text, self._mask_token),
        )

    def _fillings(
        self, ids: Sequence[int], mask: int, best: Sequence[tuple[int, float]]
    ) -> list[Filling]:
        alone = list(ids).count(self._mask_id) == 1
        return [
            Filling(
                token=self._tokenizer.decode([token_id], skip_specials=False),
                token_id=token_id,
                score=score,
                sequence=self._sequence(ids, mask, token_id, alone=alone),
            )
            for token_id, score in best
        ]

    def _sequence(self, ids: Sequence[int], mask: int, token_id: int, *, alone: bool) -> str:
        filled = [*ids[:mask], token_id, *ids[mask + 1 :]]
        kept = [id_ for id_ in filled if id_ != self._pad_id]
        # Further masks are special tokens, too: skipping those would hide what is still open.
        return self._tokenizer.decode(kept, skip_specials=alone)

    def _target_ids(self, targets: Sequence[str] | None) -> list[int] | None:
        if targets is None:
            return None
        if not targets:
            raise InputError(f"targets must be a list of one token or more, got {targets!r}")
        return [self._target_id(index, target) for index, target in enumerate(targets)]

    def _target_id(self, index: int, target: str) -> int:
        check_text(f"target {index}", target)
        known = self._tokenizer.id_of(target)
        if known is not None:
            return known
        ids = self._tokenizer.ids_of(target)
        if len(ids) != 1 or ids[0] == self._unknown_id:
            pieces = [self._tokenizer.decode([id_], skip_specials=False) for id_ in ids]
            raise InputError(
                f"target {index}, {target!r}, is {len(ids)} tokens to this model ({pieces}), "
                "expected exactly one"
            )
        return ids[0]


def _is_mask(text: str, mask: str, word: "Word") -> bool:
    """Whether a word is of a mask, whose signs are words of their own."""
    before = text.rfind(mask, 0, word.start + len(mask))
    return before != -1 and before <= word.start < before + len(mask)


def best_ids(scores: Floats, allowed: Sequence[int] | None, top_k: int) -> list[int]:
    """Token ids by falling score, at most `top_k`, each once; None allows the whole vocabulary.

    Shapes:
        scores: (vocabulary,)
    """
    ids = np.arange(len(scores)) if allowed is None else np.unique(allowed)
    order = np.argsort(-scores[ids], kind="stable")[:top_k]
    return [int(id_) for id_ in ids[order]]


def best_of(scores: Floats, allowed: Sequence[int] | None, top_k: int) -> list[tuple[int, float]]:
    """The token ids of `best_ids`, each with its score."""
    return [(id_, float(scores[id_])) for id_ in best_ids(scores, allowed, top_k)]


def _masked(manifest: Manifest, text: str) -> str:
    """The text, with a mask before it if it has none."""
    mask = manifest.tokenizer.special_tokens["mask_token"]
    return text if mask in text else f"{mask} {text}"


def _scores_of(masks: list[list[Filling]]) -> list[dict[str, float]]:
    return [{str(each.token_id): each.score for each in mask} for mask in masks]


SPEC: Final = TaskSpec(
    name="fill",
    model=MaskFiller,
    labels=None,
    pipeline_tag="fill-mask",
    example='tokens = model.fill("a text with a {mask} in it")',
    columns=constant_columns({"masks": list[list[Filling]]}),
    record=lambda masks: {"masks": [[each.to_dict() for each in mask] for mask in masks]},
    command=CommandSpec(
        summary="Find tokens for the masks in texts; prints a JSON line for each text",
        example='"Paris is the [MASK] of France."',
    ),
    probe=TaskProbe(
        options=FillOptions(top_k=CANDIDATES),
        comparable=_scores_of,
        measure="probabilities",
        stored=5,
    ),
    item=_masked,
    agreement=AgreementSpec(metric="tokens", unit="texts", measure=each_alone(same_tokens)),
)
