"""What a masked token may have been.

Equal to transformers' fill-mask pipeline (5.23, pipelines/fill_mask.py), but for targets that are
more than one token: that takes the first of them, this refuses.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgebert_runtime.errors import BundleError, InputError
from edgebert_runtime.inference.async_calls import asynchronous
from edgebert_runtime.inference.call import require_positive
from edgebert_runtime.postprocessing.activations import softmax
from edgebert_runtime.tasks.base import Floats, TaskModel
from edgebert_runtime.tokenization.encoding import EncodedText
from edgebert_runtime.tokenization.sliding_window import Long
from edgebert_runtime.tokenization.tokenizer import check_text


@dataclass(frozen=True, kw_only=True)
class Filling:
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


class MaskFiller(TaskModel):
    """Fills in masked tokens; made by `load`."""

    def _prepare(self) -> None:
        self._require_head("softmax")
        special = self._bundle.manifest.tokenizer.special_tokens
        mask_id = self._tokenizer.special_id("mask_token")
        if mask_id is None:
            raise BundleError(
                f"{self._bundle.folder} has task 'fill' and no mask_token that its tokenizer "
                "knows; export it again"
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
            targets: only these tokens, spelt as the vocabulary does or as text that is one token
                (`" cat"` for the token of byte-level BPE that follows a space); scores stay those
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
        check_text("text", text)
        require_positive("top_k", top_k)
        allowed = None if targets is None else self._target_ids(targets)
        call = self._call(long, windows=False)
        ((encoded,), _) = self._rows([text], call)
        masks = self._masks(encoded)
        ((logits,),) = self._run_one([encoded], call)
        return [
            self._fillings(encoded, mask, softmax(logits[mask]), allowed, top_k, len(masks))
            for mask in masks
        ]

    afill = asynchronous(fill)

    def _masks(self, encoded: EncodedText) -> list[int]:
        masks = [index for index, id_ in enumerate(encoded.input_ids) if id_ == self._mask_id]
        if not masks:
            raise InputError(
                f"text has no {self._mask_token} among its first {len(encoded.input_ids)} tokens; "
                f"put {self._mask_token} where a token is to be filled in"
            )
        return masks

    def _fillings(
        self,
        encoded: EncodedText,
        mask: int,
        scores: Floats,
        allowed: Sequence[int] | None,
        top_k: int,
        masks: int,
    ) -> list[Filling]:
        return [
            Filling(
                token=self._tokenizer.decode([token_id], skip_specials=False),
                token_id=token_id,
                score=float(scores[token_id]),
                sequence=self._sequence(encoded, mask, token_id, alone=masks == 1),
            )
            for token_id in best_ids(scores, allowed, top_k)
        ]

    def _sequence(self, encoded: EncodedText, mask: int, token_id: int, *, alone: bool) -> str:
        ids = [*encoded.input_ids[:mask], token_id, *encoded.input_ids[mask + 1 :]]
        kept = [id_ for id_ in ids if id_ != self._pad_id]
        # Further masks are special tokens, too: skipping those would hide what is still open.
        return self._tokenizer.decode(kept, skip_specials=alone)

    def _target_ids(self, targets: Sequence[str]) -> list[int]:
        if isinstance(targets, str) or not targets:
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


def best_ids(scores: Floats, allowed: Sequence[int] | None, top_k: int) -> list[int]:
    """Token ids by falling score, at most `top_k`, each once; None allows the whole vocabulary.

    Shapes:
        scores: (vocabulary,)
    """
    ids = np.arange(len(scores)) if allowed is None else np.unique(allowed)
    order = np.argsort(-scores[ids], kind="stable")[:top_k]
    return [int(id_) for id_ in ids[order]]
