"""BERT: the config keys and tensor names of Hugging Face, and ours, both ways.

Source: transformers v5.23.0, src/transformers/models/bert/configuration_bert.py and
modeling_bert.py; `LayerNorm.gamma` and `.beta` from src/transformers/conversion_mapping.py.
Keys that change the mathematics but are gone from v5 (`position_embedding_type`, `pruned_heads`)
from v4.57.1 of the same files.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

import torch
from torch import Tensor

from edgebert.model.config import Activation, EncoderConfig
from edgebert.model.encoder import Encoder
from edgebert_runtime.errors import CheckpointError, ConfigError, UnsupportedModelError

TOKENIZER_CLASS: Final = "BertTokenizer"
"""What `AutoTokenizer` takes for this family when a checkpoint names no class."""

SIZES: Final = {
    "vocab_size": "vocabulary",
    "hidden_size": "hidden",
    "num_hidden_layers": "layers",
    "num_attention_heads": "heads",
    "intermediate_size": "intermediate",
    "max_position_embeddings": "positions",
    "type_vocab_size": "token_types",
}

NUMBERS: Final = {
    "layer_norm_eps": ("layer_norm_epsilon", 1e-12),
    "hidden_dropout_prob": ("hidden_dropout", 0.1),
    "attention_probs_dropout_prob": ("attention_dropout", 0.1),
    "initializer_range": ("initializer_range", 0.02),
}
"""Keys that checkpoints from before transformers lack, with the defaults of `BertConfig`."""

ACTIVATIONS: Final = {
    "gelu": Activation.GELU,
    "gelu_new": Activation.GELU_TANH,
    "gelu_pytorch_tanh": Activation.GELU_TANH,
    "relu": Activation.RELU,
}

PLAIN: Final[Mapping[str, tuple[Any, str]]] = {
    "position_embedding_type": ("absolute", "positions here are absolute"),
    "is_decoder": (False, "attention here looks both ways"),
    "add_cross_attention": (False, "there is no decoder to attend from"),
    "pruned_heads": ({}, "each layer here has all its heads; save the model unpruned"),
    "quantization_config": (None, "weights here are floats; save the model dequantized"),
}
"""Keys that change the mathematics: the one value edgebert computes, and why no other."""

TENSORS: Final = {
    "embeddings.word_embeddings.weight": "embeddings.token.weight",
    "embeddings.position_embeddings.weight": "embeddings.position.weight",
    "embeddings.token_type_embeddings.weight": "embeddings.token_type.weight",
    "embeddings.LayerNorm.weight": "embeddings.norm.weight",
    "embeddings.LayerNorm.bias": "embeddings.norm.bias",
}

LAYER_BLOCKS: Final = {
    "attention.self.query": "attention.query",
    "attention.self.key": "attention.key",
    "attention.self.value": "attention.value",
    "attention.output.dense": "attention.output",
    "attention.output.LayerNorm": "attention_norm",
    "intermediate.dense": "feed_forward.expand",
    "output.dense": "feed_forward.contract",
    "output.LayerNorm": "feed_forward_norm",
}
"""Each block has a `.weight` and a `.bias`."""

POOLER: Final = {
    "pooler.dense.weight": "pooler.dense.weight",
    "pooler.dense.bias": "pooler.dense.bias",
}

LEGACY_SUFFIXES: Final = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}

BUFFERS: Final = frozenset({"embeddings.position_ids", "embeddings.token_type_ids"})
"""Constants that older versions of transformers stored."""

HEADS: Final = {
    "cls.predictions.": "masked language model",
    "cls.seq_relationship.": "next sentence",
    "classifier.": "classification",
    "qa_outputs.": "question answering",
}

PREFIX: Final = "bert."
"""What models with a head put before the encoder's names."""

FLOATS: Final = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


def config_from_hf(
    hf_config: Mapping[str, Any], *, pooler: bool, source: str = "config.json"
) -> EncoderConfig:
    """Translate the contents of a `config.json`.

    Args:
        hf_config: the keys as Hugging Face names them.
        pooler: whether the checkpoint carries BERT's pooler, which the config does not say.
        source: the file to name in errors.

    Raises:
        CheckpointError: keys are missing, all of them named, or hold a value of the wrong type.
        UnsupportedModelError: a key asks for mathematics edgebert does not compute.
    """
    missing = sorted({*SIZES, "hidden_act"} - hf_config.keys())
    if missing:
        raise CheckpointError(
            f"{source} lacks {', '.join(missing)}; is it the config.json of a BERT encoder?"
        )
    refused = _refused(hf_config)
    if refused:
        raise UnsupportedModelError(f"{source} has {'; '.join(refused)}")
    _check_types(hf_config, source)
    try:
        return EncoderConfig(
            **_plain_fields(hf_config),
            activation=ACTIVATIONS[hf_config["hidden_act"]],
            padding_id=_padding_id(hf_config),
            pooler=pooler,
        )
    except ConfigError as error:
        raise CheckpointError(f"{source}: {error}") from error


def config_to_hf(config: EncoderConfig) -> dict[str, Any]:
    """The contents of the `config.json` that describes `config`; the pooler has no key."""
    hf_config: dict[str, Any] = {"model_type": "bert", "architectures": ["BertModel"]}
    hf_config |= {theirs: getattr(config, ours) for theirs, ours in SIZES.items()}
    hf_config |= {theirs: getattr(config, ours) for theirs, (ours, _) in NUMBERS.items()}
    spelled = next(name for name, ours in ACTIVATIONS.items() if ours is config.activation)
    padding_id = config.padding_id if config.padding_id >= 0 else None
    return hf_config | {
        "hidden_act": spelled,
        "pad_token_id": padding_id,
        "position_embedding_type": "absolute",
    }


def state_from_hf(
    tensors: Mapping[str, Tensor], config: EncoderConfig, *, source: str = "the checkpoint"
) -> dict[str, Tensor]:
    """Translate a checkpoint's tensors to the state of an `Encoder`, copied to float32.

    Names may start with `bert.` or not; heads and stored constants are left out.

    Raises:
        CheckpointError: tensors are missing, unexpected, stored twice, of another shape than
            `config` asks for, or not floating point; each of them is named.
    """
    names = tensor_names(config)
    found = {bare_name(name): tensor for name, tensor in tensors.items() if not _left_out(name)}
    problems = [
        *(f"{name} is missing" for name in sorted(names.keys() - found.keys())),
        *(f"{name} is not expected" for name in sorted(found.keys() - names.keys())),
        *(f"{name} is stored twice" for name in _repeated(tensors)),
        *_misfits(
            {ours: found[theirs] for theirs, ours in names.items() if theirs in found}, config
        ),
    ]
    if problems:
        raise CheckpointError(
            f"{source} does not fit its config.json ({config.layers} layers of {config.hidden}): "
            f"{'; '.join(problems)}. Save the model and its config together again"
        )
    return {ours: found[theirs].to(torch.float32, copy=True) for theirs, ours in names.items()}


def state_to_hf(state: Mapping[str, Tensor], config: EncoderConfig) -> dict[str, Tensor]:
    """The state of an `Encoder` under the names of `BertModel`."""
    return {theirs: state[ours] for theirs, ours in tensor_names(config).items()}


def tensor_names(config: EncoderConfig) -> dict[str, str]:
    """The names of `BertModel`'s tensors, each with the name in `Encoder`'s state."""
    names = dict(TENSORS)
    for layer in range(config.layers):
        for theirs, ours in LAYER_BLOCKS.items():
            for kind in ("weight", "bias"):
                names[f"encoder.layer.{layer}.{theirs}.{kind}"] = f"layers.{layer}.{ours}.{kind}"
    return names | POOLER if config.pooler else names


def bare_name(name: str) -> str:
    """A tensor's name as `BertModel` of today spells it."""
    bare = name.removeprefix(PREFIX)
    for old, new in LEGACY_SUFFIXES.items():
        if bare.endswith(old):
            return bare.removesuffix(old) + new
    return bare


def has_pooler(names: Iterable[str]) -> bool:
    """Whether tensors of these names include any part of BERT's pooler."""
    return any(bare_name(name) in POOLER for name in names)


def heads_in(names: Iterable[str]) -> tuple[str, ...]:
    """The task heads that tensors of these names belong to, in words."""
    stored = tuple(names)
    return tuple(
        what for prefix, what in HEADS.items() if any(name.startswith(prefix) for name in stored)
    )


def _left_out(name: str) -> bool:
    return name.startswith(tuple(HEADS)) or bare_name(name) in BUFFERS


def _repeated(tensors: Mapping[str, Tensor]) -> list[str]:
    """Names that occur with and without the prefix, or in an old and a new spelling."""
    counts = Counter(bare_name(name) for name in tensors if not _left_out(name))
    return sorted(name for name, count in counts.items() if count > 1)


def _misfits(state: Mapping[str, Tensor], config: EncoderConfig) -> list[str]:
    with torch.device("meta"):
        expected = Encoder(config).state_dict()
    theirs = {ours: name for name, ours in tensor_names(config).items()}
    shapes = [
        f"{theirs[name]} is {tuple(tensor.shape)}, expected {tuple(expected[name].shape)}"
        for name, tensor in state.items()
        if tensor.shape != expected[name].shape
    ]
    kinds = [
        f"{theirs[name]} is {tensor.dtype}, expected one of {', '.join(map(str, FLOATS))}"
        for name, tensor in state.items()
        if tensor.dtype not in FLOATS
    ]
    return [*shapes, *kinds]


def _refused(hf_config: Mapping[str, Any]) -> list[str]:
    """Each key that asks for other mathematics than ours, with its value and the reason."""
    refused = [
        f"{key}={hf_config[key]!r}, expected {plain!r}: {reason}"
        for key, (plain, reason) in PLAIN.items()
        if hf_config.get(key) not in (None, plain)
    ]
    if hf_config["hidden_act"] not in tuple(ACTIVATIONS):
        known = ", ".join(ACTIVATIONS)
        refused.append(f"hidden_act={hf_config['hidden_act']!r}, expected one of {known}")
    if hf_config.get("embedding_size") not in (None, hf_config["hidden_size"]):
        refused.append(
            f"embedding_size={hf_config['embedding_size']!r}, expected hidden_size: "
            "embeddings here are not projected"
        )
    if any(name.startswith("AutoModel") for name in hf_config.get("auto_map") or ()):
        refused.append("auto_map with a model of its own Python code, which edgebert never runs")
    return refused


def _check_types(hf_config: Mapping[str, Any], source: str) -> None:
    wrong = [
        f"{key}={hf_config[key]!r} (expected a whole number)"
        for key in SIZES
        if not isinstance(hf_config[key], int) or isinstance(hf_config[key], bool)
    ]
    wrong += [
        f"{key}={hf_config[key]!r} (expected a number from 0 to 1)"
        for key in NUMBERS
        if not isinstance(hf_config.get(key, 0), int | float) or not 0 <= hf_config.get(key, 0) <= 1
    ]
    if not isinstance(hf_config.get("pad_token_id"), int | None):
        wrong.append(f"pad_token_id={hf_config['pad_token_id']!r} (expected a whole number)")
    if wrong:
        raise CheckpointError(f"{source} has {', '.join(wrong)}; correct it")


def _plain_fields(hf_config: Mapping[str, Any]) -> dict[str, Any]:
    """The sizes and numbers under our names."""
    sizes = {ours: hf_config[theirs] for theirs, ours in SIZES.items()}
    numbers = {
        ours: float(hf_config.get(theirs, default)) for theirs, (ours, default) in NUMBERS.items()
    }
    return sizes | numbers


def _padding_id(hf_config: Mapping[str, Any]) -> int:
    """The padding id; −1, which no table holds, where the config says there is none."""
    padding_id = hf_config.get("pad_token_id", 0)
    return -1 if padding_id is None else int(padding_id)
