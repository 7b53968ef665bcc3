"""Why tensors do not fit a model: a prefix of some wrapper, or the parts of another model."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from torch import Tensor

from edgebert.checkpoints.families.family import Family
from edgebert.checkpoints.families.registry import FAMILIES
from edgebert.model.config import EncoderConfig
from edgebert_runtime.storage.json_reader import printable

LISTED: Final = 6
"""So many names of tensors fit in a message that is read to its end."""

MODULE: Final = "export it as a torch module: edgebert.export(module, out, spec=..., tokenizer=...)"

SIGNS: Final = (
    (
        r"(^|\.)lora_|\.base_layer\.|modules_to_save\.",
        "an adapter that was not merged; load it with peft, call merge_and_unload(), and save it",
    ),
    (
        r"\.parametrizations\.",
        "weights that are computed from others (torch parametrizations); save the model merged, or "
        + MODULE,
    ),
    (r"\.experts\.|\.router\.", "a mixture of experts, which edgebert does not compute; " + MODULE),
    (
        r"\.(qweight|qzeros|SCB|absmax|weight_scale|weight_format)$",
        "quantized weights; save the model dequantized",
    ),
    (r"^linear\.weight$", "a projection of each token's vector (ColBERT); " + MODULE),
    (r"(^|\.)crf\.", "a conditional random field on the labels, which no task has; " + MODULE),
    (
        r"gated_layers|mlp\.(up_)?gated|\.glumlp\.|rotary_emb|\.Wqkv",
        "an encoder of another kind, whatever its model_type says (its blocks have other tensors); "
        + MODULE,
    ),
)
"""Pattern of an unexpected tensor's name to what it is a sign of, and what to do."""

NO_POSITIONS: Final = (
    "there is no table of positions, so the model is of another kind, whatever its model_type says "
    "(ALiBi or rotary positions); " + MODULE
)


@dataclass(frozen=True, kw_only=True)
class Wrapped:
    """Tensors without the prefix that a wrapper gave every name, and a note of that."""

    tensors: Mapping[str, Tensor]
    notes: tuple[str, ...] = ()


def unwrapped(family: Family, tensors: Mapping[str, Tensor], config: EncoderConfig) -> Wrapped:
    """Take off what wrappers (DataParallel, `torch.compile`, a class around) put before all names.

    Only a prefix of every tensor is taken off, and only where there is one such model.
    """
    prefixes = _prefixes(family, tensors, config)
    if len(prefixes) != 1 or not all(name.startswith(prefixes[0]) for name in tensors):
        return Wrapped(tensors=tensors)
    (prefix,) = prefixes
    if _model_type(prefix) is not None:
        return Wrapped(tensors=tensors)
    bare = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    note = f"the names of all tensors begin with {prefix!r}, as a wrapper saves them; read without"
    return Wrapped(tensors=bare, notes=(note,))


def cause(
    family: Family,
    missing: Sequence[str],
    unexpected: Sequence[str],
    config: EncoderConfig,
    *,
    empty: bool = False,
) -> str:
    """What is probably the matter with tensors, and what to do: the middle of a message.

    Args:
        family: whose tensors they should be.
        missing: names that are not there.
        unexpected: names that are there and should not be.
        config: the model's shape.
        empty: whether some tensors have no number.
    """
    if empty:
        return (
            "some of its tensors are empty, as DeepSpeed leaves them where it keeps the weights "
            "in shards; join these with zero_to_fp32.py"
        )
    prefixes = _prefixes(family, unexpected, config)
    other = next(filter(None, map(_model_type, prefixes)), None)
    if other is not None:
        return (
            f"its tensors are named as those of {other} models, its model_type is "
            f"{family.model_type!r}; correct config.json, or save both together again"
        )
    if prefixes:
        others = [name for name in unexpected if not name.startswith(tuple(prefixes))]
        beside = f"beside {', '.join(others[:3])}" if others else "more than once"
        return (
            f"the model's tensors are there with {' and '.join(map(repr, prefixes))} before their "
            f"names, {beside}; save that part of the model alone (its save_pretrained), or {MODULE}"
        )
    for pattern, meaning in SIGNS:
        found = next((name for name in unexpected if re.search(pattern, name)), None)
        if found is not None:
            return f"{found} belongs to {meaning}"
    if _token_table(family, config) in missing:
        return "these are another model's weights; save the model and its config together again"
    if any("position_embeddings" in name for name in missing):
        return NO_POSITIONS
    if unexpected and not missing:
        return f"save the model without these parts, or {MODULE}"
    return "save the model and its config together again"


def few(names: Sequence[str]) -> str:
    """Names of tensors with what is wrong; of many only the first, and how many more."""
    more = len(names) - LISTED
    listed = "; ".join(map(printable, names[:LISTED]))
    return listed if more <= 0 else f"{listed}; and {more} more"


def _model_type(prefix: str) -> str | None:
    """The family that a prefix names; `model.` is any wrapper's, too."""
    last = f"{prefix.removesuffix('.').rpartition('.')[2]}."
    known = (name for name, each in FAMILIES.items() if each.prefix == last != "model.")
    return next(known, None)


def _prefixes(family: Family, names: Iterable[str], config: EncoderConfig) -> list[str]:
    """What stands before the name of the token table, but for the family's own prefix."""
    table = _token_table(family, config)
    found = [
        name.removesuffix(table).removesuffix(family.prefix)
        for name in names
        if name.endswith(f".{table}")
    ]
    return [prefix for prefix in dict.fromkeys(found) if prefix]


def _token_table(family: Family, config: EncoderConfig) -> str:
    """The name of the first of a family's tensors."""
    (table,) = next(iter(family.names(config))).theirs
    return table
