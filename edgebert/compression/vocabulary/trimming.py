"""A checkpoint with a smaller vocabulary, and the proof that a corpus keeps its tokens."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from edgebert.checkpoints import Checkpoint, TokenizerFiles
from edgebert.checkpoints.tokenizer.rust import parse
from edgebert.compression.vocabulary.choice import Wanted, choose_tokens
from edgebert.compression.vocabulary.counts import token_counts, tokenized
from edgebert.compression.vocabulary.pieces import read_pieces
from edgebert.compression.vocabulary.tokenizer_fields import trimmed_fields
from edgebert.model.config import Positions
from edgebert.model.encoder import Encoder
from edgebert.model.heads import Head
from edgebert_runtime.errors import ConfigError, TokenizerError

Module = TypeVar("Module", bound=nn.Module)

TABLE: Final = "embeddings.token.weight"
"""The encoder's tensor with a row for each token."""

OF_VOCABULARY: Final = ("out.weight", "out.bias")
"""Tensors of a head for masked tokens with a row for each token."""

TOKEN_IDS: Final = ("bos_token_id", "cls_token_id", "eos_token_id", "mask_token_id", "sep_token_id")
"""Keys of `config.json` that are ids; the encoder's own padding id is renumbered with it."""


@dataclass(frozen=True, kw_only=True)
class Trimmed:
    """A checkpoint after its vocabulary was trimmed.

    Attributes:
        checkpoint: with fewer rows, and ids without gaps.
        tokens_before, tokens_after: of the corpus, special tokens around texts left out; None
            without a corpus.
        unknown_before, unknown_after: how many of them are unknown; likewise.
    """

    checkpoint: Checkpoint
    tokens_before: int | None = None
    tokens_after: int | None = None
    unknown_before: int | None = None
    unknown_after: int | None = None

    @property
    def ratio(self) -> float | None:
        """Tokens of the corpus after over before."""
        if not self.tokens_before or self.tokens_after is None:
            return None
        return self.tokens_after / self.tokens_before


def trim_checkpoint(
    checkpoint: Checkpoint,
    texts: Sequence[str] | None,
    allowed: Callable[[str], bool] | None,
    keep: int | None,
) -> Trimmed:
    """The checkpoint without the tokens that are not asked for.

    Args:
        checkpoint: as it was read.
        texts: the corpus; None for the order of ids.
        allowed: as `Wanted.allowed`.
        keep: tokens to keep at most; None keeps all that texts or languages have.

    Raises:
        ConfigError: there is no room for the tokens that any text may need, or nothing to trim.
        TokenizerError: the vocabulary is of a kind that cannot be trimmed, or, without a limit, a
            text of the corpus got other tokens.
    """
    fields = json.loads(checkpoint.tokenizer.json)
    pieces = read_pieces(checkpoint.folder, fields["model"])
    before = parse(checkpoint.folder, fields)
    counts = None if texts is None else token_counts(before, texts)
    always = _always(checkpoint, fields, before, pieces.unknown)
    chosen = choose_tokens(pieces, Wanted(always, counts, allowed, keep))
    new = _renumbered(checkpoint, before, chosen)
    if len(new) == checkpoint.config.vocabulary:
        raise ConfigError(
            f"all {len(new)} tokens of {checkpoint.name} are needed, nothing was trimmed; give "
            "fewer texts or languages, or a smaller keep (--keep)"
        )
    after = trimmed_fields(fields, pieces, new)
    trimmed = _with_rows(checkpoint, after, new)
    if texts is None or counts is None:
        return Trimmed(checkpoint=trimmed)
    later = parse(checkpoint.folder, after)
    counts_after = counts
    if keep is None and allowed is None:
        _prove(before, later, new, texts)
    else:
        counts_after = token_counts(later, texts)
    return Trimmed(
        checkpoint=trimmed,
        tokens_before=counts.total(),
        tokens_after=counts_after.total(),
        unknown_before=counts[pieces.unknown or ""],
        unknown_after=counts_after[pieces.unknown or ""],
    )


def _always(
    checkpoint: Checkpoint, fields: Mapping[str, Any], tokenizer: Tokenizer, unknown: str | None
) -> frozenset[str]:
    """Tokens that stay whatever is asked: added ones, those with a role, those of `config.json`."""
    named = {token["content"] for token in fields["added_tokens"]}
    roles = {*checkpoint.tokenizer.special_tokens.values(), checkpoint.tokenizer.pad_token}
    config, hf_config = checkpoint.config, checkpoint.hf_config
    ids = {config.padding_id, *(hf_config.get(key) for key in TOKEN_IDS)}
    if config.position_kind is Positions.COUNTED:
        ids.update(range(config.padding_id))  # positions are counted from this id on
    stored = {tokenizer.id_to_token(each) for each in ids if isinstance(each, int) and each >= 0}
    return frozenset({*named, *roles, *stored, unknown} - {None})


def _renumbered(
    checkpoint: Checkpoint, tokenizer: Tokenizer, chosen: frozenset[str]
) -> dict[int, int]:
    """Old id → new id of the tokens that stay, in the order of their ids."""
    ids = sorted(number for token in chosen if (number := tokenizer.token_to_id(token)) is not None)
    if not ids or ids[-1] >= checkpoint.config.vocabulary:
        raise TokenizerError(
            f"{checkpoint.folder} has tokens up to id {ids[-1] if ids else None}, the model has "
            f"{checkpoint.config.vocabulary} token vectors; use its own tokenizer"
        )
    return {number: at for at, number in enumerate(ids)}


def _with_rows(
    checkpoint: Checkpoint, fields: Mapping[str, Any], new: Mapping[int, int]
) -> Checkpoint:
    """The checkpoint with the rows of the tokens that stay, and its tokenizer with their ids."""
    rows = torch.tensor(list(new))
    config = replace(
        checkpoint.config,
        vocabulary=len(new),
        padding_id=new.get(checkpoint.config.padding_id, checkpoint.config.padding_id),
    )
    state = checkpoint.encoder.state_dict()
    ids = {key: checkpoint.hf_config.get(key) for key in TOKEN_IDS}
    return replace(
        checkpoint,
        config=config,
        encoder=_filled(lambda: Encoder(config), {**state, TABLE: state[TABLE][rows]}),
        head=None if checkpoint.head is None else _head(checkpoint.head, config, rows),
        tokenizer=_tokenizer(checkpoint.tokenizer, fields, new),
        hf_config={
            **checkpoint.hf_config,
            **{key: new[each] for key, each in ids.items() if each is not None and each in new},
        },
    )


def _head(head: Head, config: Any, rows: Tensor) -> Head:
    """A head, whose outputs are the tokens that stay where it is one for masked tokens."""
    if head.config.kind != "fill":
        return head
    chosen = replace(head.config, outputs=len(rows))
    state = {
        name: tensor[rows] if name in OF_VOCABULARY and not tensor.is_meta else tensor
        for name, tensor in head.state_dict().items()
    }
    known = {name: tensor for name, tensor in state.items() if not tensor.is_meta}
    return _filled(lambda: Head(config, chosen), known)


def _filled(build: Callable[[], Module], state: Mapping[str, Tensor]) -> Module:
    """A module with these values; a tied weight, which has none of its own, stays without."""
    with torch.device("meta"):
        module = build()
    module.load_state_dict(dict(state), assign=True, strict=False)
    return module.eval()


def _tokenizer(
    files: TokenizerFiles, fields: Mapping[str, Any], new: Mapping[int, int]
) -> TokenizerFiles:
    decoder = files.tokenizer_config.get("added_tokens_decoder")
    settings = dict(files.tokenizer_config)
    if isinstance(decoder, Mapping):
        kept = {int(number): token for number, token in decoder.items() if int(number) in new}
        settings["added_tokens_decoder"] = {str(new[each]): token for each, token in kept.items()}
    return replace(
        files,
        json=json.dumps(fields, ensure_ascii=False),
        vocab_txt=None if files.vocab_txt is None else _lines(fields["model"]["vocab"]),
        tokenizer_config=settings,
        pad_id=new[files.pad_id],
        vocabulary=len(new),
    )


def _lines(vocabulary: Mapping[str, int]) -> bytes:
    """A `vocab.txt`: a token a line, whose number is its id."""
    ordered = sorted(vocabulary, key=vocabulary.__getitem__)
    return "".join(f"{token}\n" for token in ordered).encode("utf-8")


def _prove(
    before: Tokenizer, after: Tokenizer, new: Mapping[int, int], texts: Sequence[str]
) -> None:
    """Compare the tokens of every text with those it had.

    Raises:
        TokenizerError: a text has others.
    """
    pairs = zip(tokenized(before, texts), tokenized(after, texts), strict=True)
    for at, (old, later) in enumerate(pairs):
        if [new.get(number) for number in old] != later:
            raise TokenizerError(
                f"text {at} of the corpus has other tokens with the smaller vocabulary "
                f"({texts[at][:80]!r}), so nothing was written; leave the text out, or pass keep "
                "(--keep), with which tokens may differ"
            )
