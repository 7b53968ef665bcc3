"""A checkpoint's config and tensors, and ours, both ways, by a family's tables."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor

from edgebert.checkpoints.diagnosis import cause, few
from edgebert.checkpoints.families.family import Family
from edgebert.checkpoints.families.fields import ACTIVATIONS, PLAIN, KeyMapping
from edgebert.checkpoints.known_keys import FAMILY_KEYS, MODEL
from edgebert.checkpoints.widths import read_widths, with_widths
from edgebert.model.config import EncoderConfig
from edgebert.model.encoder import Encoder
from edgebert_runtime.errors import CheckpointError, ConfigError, UnsupportedModelError

FLOATS: Final = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


def config_from_hf(
    family: Family, hf_config: Mapping[str, Any], *, pooler: bool, source: str = "config.json"
) -> EncoderConfig:
    """Translate the contents of a `config.json`.

    Args:
        family: whose tables to go by.
        hf_config: the keys as Hugging Face names them.
        pooler: whether the checkpoint carries BERT's pooler, which the config does not say.
        source: the file to name in errors.

    Raises:
        CheckpointError: keys are missing, all of them named, or hold a value of the wrong type.
        UnsupportedModelError: a key asks for mathematics edgebert does not compute.
    """
    widths = read_widths(hf_config, source=source)
    hf_config = family.upgrade(hf_config)
    _refuse(source, _other_mathematics(family, hf_config))
    missing = sorted({*family.sizes, family.activation_key} - hf_config.keys())
    if missing:
        raise CheckpointError(
            f"{source} lacks {', '.join(missing)}; is it the config.json of a "
            f"{family.model_type} encoder?"
        )
    _check_types(family, hf_config, source)
    _refuse(source, _other_values(family, hf_config))
    try:
        return EncoderConfig(**_fields(family, hf_config), pooler=pooler, widths=widths)
    except ConfigError as error:
        raise CheckpointError(f"{source}: {error}") from error


def config_keys(family: Family) -> frozenset[str]:
    """The keys of a `config.json` of this family that are read, refused or without effect."""
    tables = (family.sizes, family.numbers, {family.activation_key}, PLAIN, family.plain)
    return MODEL.union(FAMILY_KEYS.get(family.model_type, ()), *tables)


def config_to_hf(family: Family, config: EncoderConfig) -> dict[str, Any]:
    """The contents of the `config.json` that describes `config`; the pooler has no key."""
    hf_config: dict[str, Any] = {
        "model_type": family.model_type,
        "architectures": [family.architecture],
    }
    hf_config |= {theirs: getattr(config, ours) for theirs, ours in family.sizes.items()}
    hf_config |= {theirs: getattr(config, ours) for theirs, (ours, _) in family.numbers.items()}
    spelled = next(name for name, ours in ACTIVATIONS.items() if ours is config.activation)
    padding_id = config.padding_id if config.padding_id >= 0 else None
    hf_config |= {family.activation_key: spelled, "pad_token_id": padding_id}
    return with_widths(hf_config | family.keys(config), config.widths)


def state_from_hf(
    family: Family,
    tensors: Mapping[str, Tensor],
    config: EncoderConfig,
    *,
    source: str = "the checkpoint",
) -> dict[str, Tensor]:
    """Translate a checkpoint's tensors to the state of an `Encoder`, copied to float32.

    Names may have the family's prefix or not; heads and stored constants are left out.

    Raises:
        CheckpointError: tensors are missing, unexpected, stored twice, of another shape than
            `config` asks for, or not floating point; the cause and some of them are named.
    """
    names = encoder_names(family, config)
    expected = _shapes(config)
    wanted = {theirs: shape for pair in names for theirs, shape in _stored(pair, expected)}
    found = {
        bare_name(family, name): tensor
        for name, tensor in tensors.items()
        if not _left_out(family, name)
    }
    missing, unexpected = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    problems = [
        *(f"{name} is stored twice" for name in _repeated(family, tensors)),
        *_misfits(names, found, expected),
        *(f"{name} is not expected" for name in unexpected),
        *(f"{name} is missing" for name in missing),
    ]
    if problems:
        empty = any(tensor.numel() == 0 for tensor in found.values())
        why = cause(family, missing, unexpected, config, empty=empty)
        raise CheckpointError(
            f"{source} does not fit its config.json ({config.layers} layers of {config.hidden}): "
            f"{why}. Tensors: {few(problems)}"
        )
    return {ours: rows for pair in names for ours, rows in _read(pair, found, expected)}


def state_to_hf(
    family: Family, state: Mapping[str, Tensor], config: EncoderConfig
) -> dict[str, Tensor]:
    """The state of an `Encoder` under the names of transformers' bare encoder."""
    expected = _shapes(config)
    stored: dict[str, Tensor] = {}
    for pair in encoder_names(family, config):
        rows = torch.cat([state[name] for name in pair.ours])
        sizes = [shape[0] for _, shape in _stored(pair, expected)]
        stored |= dict(zip(pair.theirs, torch.split(rows, sizes), strict=True))
    return {name: tensor.contiguous() for name, tensor in stored.items()}


def encoder_names(family: Family, config: EncoderConfig) -> list[KeyMapping]:
    """The tensors of an encoder, pooler included where it has one."""
    return [*family.names(config), *(family.pooler if config.pooler else ())]


def bare_name(family: Family, name: str) -> str:
    """A tensor's name in the current spelling of the family's bare encoder."""
    bare = name.removeprefix(family.prefix)
    for pattern, replacement in family.renamed:
        bare = re.sub(pattern, replacement, bare)
    return bare


def has_pooler(family: Family, names: Iterable[str]) -> bool:
    """Whether tensors of these names include any part of BERT's pooler."""
    pooler = {name for pair in family.pooler for name in pair.theirs}
    return any(bare_name(family, name) in pooler for name in names)


def other_tensors(family: Family, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors that do not belong to the encoder, by the names of the family's classes."""
    return {
        bare_name(family, name): tensor
        for name, tensor in tensors.items()
        if _left_out(family, name)
    }


def heads_in(family: Family, names: Iterable[str]) -> tuple[str, ...]:
    """The task heads that tensors of these names belong to, in words."""
    stored = tuple(names)
    found = (
        what
        for prefix, what in family.heads.items()
        if any(name.startswith(prefix) for name in stored)
    )
    return tuple(dict.fromkeys(found))


def _shapes(config: EncoderConfig) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        state = Encoder(config).state_dict()
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def _stored(
    pair: KeyMapping, expected: Mapping[str, tuple[int, ...]]
) -> list[tuple[str, tuple[int, ...]]]:
    """The checkpoint's tensors with the expected shapes: our rows, divided equally among them."""
    first = expected[pair.ours[0]]
    rows = sum(expected[name][0] for name in pair.ours) // len(pair.theirs)
    return [(name, (rows, *first[1:])) for name in pair.theirs]


def _read(
    pair: KeyMapping, found: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]]
) -> list[tuple[str, Tensor]]:
    rows = torch.cat([found[name].to(torch.float32) for name in pair.theirs])
    parts = torch.split(rows, [expected[name][0] for name in pair.ours])
    return [(name, part.clone()) for name, part in zip(pair.ours, parts, strict=True)]


def _left_out(family: Family, name: str) -> bool:
    return name.startswith(tuple(family.heads)) or bare_name(family, name) in family.constants


def _repeated(family: Family, tensors: Mapping[str, Tensor]) -> list[str]:
    """Names that occur with and without the prefix, or in an old and a new spelling."""
    counts = Counter(bare_name(family, name) for name in tensors if not _left_out(family, name))
    return sorted(name for name, count in counts.items() if count > 1)


def _misfits(
    names: Iterable[KeyMapping],
    found: Mapping[str, Tensor],
    expected: Mapping[str, tuple[int, ...]],
) -> list[str]:
    present = [
        (name, found[name], shape)
        for pair in names
        for name, shape in _stored(pair, expected)
        if name in found
    ]
    shapes = [
        f"{name} is {tuple(tensor.shape)}, expected {shape}"
        for name, tensor, shape in present
        if tensor.shape != shape
    ]
    kinds = [
        f"{name} is {tensor.dtype}, expected one of {', '.join(map(str, FLOATS))}"
        for name, tensor, _ in present
        if tensor.dtype not in FLOATS
    ]
    return [*shapes, *kinds]


def _refuse(source: str, reasons: Sequence[str]) -> None:
    if reasons:
        raise UnsupportedModelError(f"{source} has {'; '.join(reasons)}")


def _other_mathematics(family: Family, hf_config: Mapping[str, Any]) -> list[str]:
    """Each key that only a model has which edgebert does not compute, with value and reason."""
    refused = [
        f"{key}={hf_config[key]!r}, expected {plain!r}: {reason}"
        for key, (plain, reason) in {**PLAIN, **family.plain}.items()
        if hf_config.get(key) not in (None, plain)
    ]
    own = any(name.startswith("AutoModel") for name in hf_config.get("auto_map") or ())
    if own and not family.remote_code:
        refused.append("auto_map with a model of its own Python code, which edgebert never runs")
    return refused


def _other_values(family: Family, hf_config: Mapping[str, Any]) -> list[str]:
    """Each key that every model has, with a value that edgebert does not compute."""
    activation = hf_config[family.activation_key]
    if activation in tuple(ACTIVATIONS):
        return family.refusals(hf_config)
    known = ", ".join(ACTIVATIONS)
    refused = f"{family.activation_key}={activation!r}, expected one of {known}"
    return [refused, *family.refusals(hf_config)]


def _check_types(family: Family, hf_config: Mapping[str, Any], source: str) -> None:
    wrong = [
        f"{key}={hf_config[key]!r} (expected a whole number)"
        for key in family.sizes
        if not isinstance(hf_config[key], int) or isinstance(hf_config[key], bool)
    ]
    wrong += [
        f"{key}={hf_config[key]!r} (expected a number from 0 to 1)"
        for key in family.numbers
        if not isinstance(hf_config.get(key, 0), int | float) or not 0 <= hf_config.get(key, 0) <= 1
    ]
    if not isinstance(hf_config.get("pad_token_id"), int | None):
        wrong.append(f"pad_token_id={hf_config['pad_token_id']!r} (expected a whole number)")
    if wrong:
        raise CheckpointError(f"{source} has {', '.join(wrong)}; correct it")


def _fields(family: Family, hf_config: Mapping[str, Any]) -> dict[str, Any]:
    """Every field of an `EncoderConfig` but the pooler and a pruned one's widths."""
    sizes = {ours: hf_config[theirs] for theirs, ours in family.sizes.items()}
    numbers = {
        ours: float(hf_config.get(theirs, default))
        for theirs, (ours, default) in family.numbers.items()
    }
    padding_id = hf_config.get("pad_token_id", family.padding_id)
    known = {
        **sizes,
        **numbers,
        "activation": ACTIVATIONS[hf_config[family.activation_key]],
        "padding_id": -1 if padding_id is None else int(padding_id),  # −1 is no row of a table
    }
    return known | dict(family.fixed) | family.fields(hf_config)
