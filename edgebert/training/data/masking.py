"""Masking for a masked language model (Devlin et al. 2019, section 3.1, task 1)."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from edgebert.training.data.encoding import TextEncoder
from edgebert.training.losses import IGNORED
from edgebert_runtime.errors import TokenizerError

SELECTED_SHARE: Final = 0.15
"""Share of the tokens that are predicted."""
MASKED_SHARE: Final = 0.8
"""Share of these that become the mask token."""
RANDOM_SHARE: Final = 0.1
"""Share of these that become a random token; the rest is unchanged."""

USUAL_MASK_TOKENS: Final = ("[MASK]", "<mask>")
"""Mask tokens of tokenizers that name none."""


@dataclass(frozen=True, kw_only=True)
class Masker:
    """Masks tokens of a batch.

    Attributes:
        mask_id: the mask token.
        special: (specials,), int64; ids that are never masked, padding among them.
        ordinary: (tokens,), int64; all other ids.
    """

    mask_id: int
    special: Tensor
    ordinary: Tensor

    def __call__(self, input_ids: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Mask tokens of a batch; at least one, if there is one that may be masked.

        Shapes:
            input_ids: (batch, sequence), int64
            returns: what the model sees, and the target token or `IGNORED`; both (batch,
                sequence), int64
        """
        shape = tuple(input_ids.shape)
        chosen = self._chosen(~torch.isin(input_ids, self.special), rng)
        fate = torch.from_numpy(rng.random(shape))
        others = self.ordinary[torch.from_numpy(rng.integers(len(self.ordinary), size=shape))]
        seen = torch.where(chosen & (fate < MASKED_SHARE), self.mask_id, input_ids)
        random = chosen & (fate >= MASKED_SHARE) & (fate < MASKED_SHARE + RANDOM_SHARE)
        return torch.where(random, others, seen), torch.where(chosen, input_ids, IGNORED)

    def _chosen(self, maskable: Tensor, rng: np.random.Generator) -> Tensor:
        chosen = torch.from_numpy(rng.random(tuple(maskable.shape)) < SELECTED_SHARE) & maskable
        if not chosen.any() and maskable.any():
            chosen.view(-1)[int(rng.choice(np.flatnonzero(maskable.numpy())))] = True
        return chosen


def masker_of(encoder: TextEncoder) -> Masker:
    """The masker of a tokenizer.

    Raises:
        TokenizerError: it has no mask token.
    """
    tokenizer = Tokenizer.from_str(encoder.files.json)
    ids: dict[str, int] = tokenizer.get_vocab(with_added_tokens=True)
    named = encoder.files.special_tokens
    token = next(
        (token for token in (named.get("mask_token"), *USUAL_MASK_TOKENS) if token in ids), None
    )
    if token is None:
        raise TokenizerError(
            "the tokenizer has no mask token; name one that its vocabulary holds as mask_token in "
            "tokenizer_config.json"
        )
    marked = tokenizer.get_added_tokens_decoder().items()
    special = {
        ids[token],
        *(ids[each] for each in named.values()),
        *(number for number, each in marked if each.special),
        *tokenizer.encode("", "").ids,  # what is put around a pair
    }
    return Masker(
        mask_id=ids[token],
        special=torch.tensor(sorted(special)),
        ordinary=torch.tensor(sorted({*ids.values()} - special)),
    )
