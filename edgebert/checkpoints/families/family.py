"""A family of encoders: tables from its config keys and tensor names to ours.

`state_dict` reads and writes checkpoints with them; no other module has names of transformers.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from edgebert.checkpoints.families.fields import (
    BOTH,
    WEIGHT,
    KeyMapping,
    no_fields,
    no_refusals,
    same_config,
)
from edgebert.checkpoints.families.head_table import HeadTable
from edgebert.model.config import EncoderConfig, Rotary


@dataclass(frozen=True, kw_only=True)
class Family:
    """One family, as tables from its names to ours.

    Attributes:
        model_type: as `config.json` calls it.
        architecture: transformers' class of the bare encoder.
        tokenizer_class: what `AutoTokenizer` takes when a checkpoint names none.
        sizes: key to field of `EncoderConfig`; a whole number that must be there.
        numbers: key to field and default; a number from 0 to 1.
        names: the tensors of an encoder without its pooler.
        activation_key: key of the feed-forward's non-linearity.
        padding_id: where `pad_token_id` is left out.
        fixed: fields that all models of the family share.
        fields: further fields, computed from the config.
        keys: further keys of a config, computed from ours; they win over the tables.
        plain: keys that change the mathematics, with the one value edgebert computes and why.
        refusals: what else a config may ask for that edgebert does not compute.
        upgrade: rewrites a config of an older spelling.
        prefix: what models with a head put before the encoder's names.
        pooler: tensors of BERT's pooler, where the family has one.
        renamed: pattern and replacement of older spellings of tensor names.
        constants: stored values that are no weights.
        heads: prefix of a task head's names to its name in words.
        tasks: the heads that edgebert reads.
        remote_code: whether the family's releases bring Python code, which edgebert replaces.
    """

    model_type: str
    architecture: str
    tokenizer_class: str
    sizes: Mapping[str, str]
    numbers: Mapping[str, tuple[str, float]]
    names: Callable[[EncoderConfig], Iterable[KeyMapping]]
    activation_key: str = "hidden_act"
    padding_id: int = 0
    fixed: Mapping[str, Any] = field(default_factory=dict)
    fields: Callable[[Mapping[str, Any]], dict[str, Any]] = no_fields
    keys: Callable[[EncoderConfig], dict[str, Any]] = lambda _: {}
    plain: Mapping[str, tuple[Any, str]] = field(default_factory=dict)
    refusals: Callable[[Mapping[str, Any]], list[str]] = no_refusals
    upgrade: Callable[[Mapping[str, Any]], Mapping[str, Any]] = same_config
    prefix: str = ""
    pooler: tuple[KeyMapping, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    constants: frozenset[str] = frozenset()
    heads: Mapping[str, str] = field(default_factory=dict)
    tasks: tuple[HeadTable, ...] = ()
    remote_code: bool = False


def same(theirs: str, ours: str, kinds: tuple[str, ...] = BOTH) -> list[KeyMapping]:
    """One block with its name in a checkpoint and ours: a `.weight` and perhaps a `.bias`."""
    return [KeyMapping(theirs=(f"{theirs}.{kind}",), ours=(f"{ours}.{kind}",)) for kind in kinds]


def stacked(
    theirs: tuple[str, ...], ours: tuple[str, ...], kinds: tuple[str, ...] = BOTH
) -> list[KeyMapping]:
    """Blocks that are stored as one tensor on one side and as several on the other."""
    return [
        KeyMapping(
            theirs=tuple(f"{name}.{kind}" for name in theirs),
            ours=tuple(f"{name}.{kind}" for name in ours),
        )
        for kind in kinds
    ]


def kinds(bias: bool) -> tuple[str, ...]:
    """The tensors of a block with or without bias."""
    return BOTH if bias else WEIGHT


def layered(config: EncoderConfig, prefix: str, blocks: Mapping[str, str]) -> list[KeyMapping]:
    """The same blocks in every layer, each with a weight and a bias.

    Args:
        config: says how many distinct layers there are.
        prefix: their name of a layer, with `{}` for its number.
        blocks: their name inside a layer to ours.
    """
    return [
        names
        for layer in range(config.distinct_layers)
        for theirs, ours in blocks.items()
        for names in same(f"{prefix.format(layer)}.{theirs}", f"layers.{layer}.{ours}")
    ]


def rotary_theta(config: EncoderConfig) -> float:
    """The base of a rotary encoder's angles."""
    if not isinstance(config.relative, Rotary):
        raise TypeError(f"this family has rotary positions, got {config.relative!r}")
    return config.relative.theta


def bert_embeddings(config: EncoderConfig) -> list[KeyMapping]:
    """The embeddings as BERT and most of its descendants name them."""
    names = same("embeddings.word_embeddings", "embeddings.token", WEIGHT)
    if config.position_kind.is_table:
        names += same("embeddings.position_embeddings", "embeddings.position", WEIGHT)
    if config.token_types:
        names += same("embeddings.token_type_embeddings", "embeddings.token_type", WEIGHT)
    return [*names, *same("embeddings.LayerNorm", "embeddings.norm")]
