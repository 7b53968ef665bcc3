"""Small checkpoints to read, written the way other libraries write them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import save_file
from torch import Tensor

from edgebert.checkpoints.families.bert import BERT
from edgebert.checkpoints.state_dict import config_to_hf, state_to_hf
from edgebert.model.config import Activation, EncoderConfig
from edgebert.model.encoder import Encoder

TINY: Final = EncoderConfig(
    vocabulary=40,
    hidden=12,
    layers=2,
    heads=3,
    intermediate=20,
    positions=16,
    token_types=2,
    activation=Activation.GELU,
    layer_norm_epsilon=1e-12,
    padding_id=0,
    hidden_dropout=0.1,
    attention_dropout=0.1,
    initializer_range=0.02,
    pooler=True,
)

SPECIALS: Final = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS: Final = ("hello", "world", "Hello", "cafe", "café", "##s", "##e", ",", "!", "中", "国", "😀")
VOCABULARY: Final = (*SPECIALS, *WORDS)

MODULES: Final = (
    ("", "sentence_transformers.models.Transformer"),
    ("1_Pooling", "sentence_transformers.models.Pooling"),
)


def write_json(path: Path, value: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def write_vocabulary(folder: Path, tokens: tuple[str, ...] = VOCABULARY) -> None:
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8")


def hf_state(config: EncoderConfig = TINY) -> dict[str, Tensor]:
    """Random weights under the names of `BertModel`."""
    torch.manual_seed(0)
    return state_to_hf(BERT, Encoder(config).state_dict(), config)


def write_checkpoint(
    folder: Path, config: EncoderConfig = TINY, **hf_config: Any
) -> dict[str, Tensor]:
    """Write a bare BERT with `vocab.txt` and return its tensors; keywords go into the config."""
    write_json(folder / "config.json", config_to_hf(BERT, config) | hf_config)
    tensors = hf_state(config)
    save_file(tensors, folder / "model.safetensors")
    write_vocabulary(folder)
    return tensors


def write_modules(folder: Path, modules: tuple[tuple[str, str], ...] = MODULES) -> None:
    entries = [
        {"idx": index, "name": str(index), "path": path, "type": kind}
        for index, (path, kind) in enumerate(modules)
    ]
    write_json(folder / "modules.json", entries)


def write_sentence_model(
    folder: Path,
    *further: tuple[str, str],
    pooling: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    prompts: Mapping[str, Any] | None = None,
) -> None:
    """Write the tiny checkpoint as sentence-transformers does; `further` modules after Pooling."""
    write_checkpoint(folder)
    write_modules(folder, (*MODULES, *further))
    default = {"word_embedding_dimension": TINY.hidden, "pooling_mode_mean_tokens": True}
    write_json(folder / "1_Pooling/config.json", default if pooling is None else pooling)
    if settings is not None:
        write_json(folder / "sentence_bert_config.json", settings)
    if prompts is not None:
        write_json(folder / "config_sentence_transformers.json", prompts)


def write_dense(folder: Path, inputs: int, outputs: int, **config: Any) -> dict[str, Tensor]:
    """Write a Dense module's folder and return its tensors."""
    fields = {
        "in_features": inputs,
        "out_features": outputs,
        "bias": True,
        "activation_function": "torch.nn.modules.activation.Tanh",
    }
    write_json(folder / "config.json", fields | config)
    torch.manual_seed(1)
    tensors = {"linear.weight": torch.randn(outputs, inputs), "linear.bias": torch.randn(outputs)}
    save_file(tensors, folder / "model.safetensors")
    return tensors
