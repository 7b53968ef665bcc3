"""The files other people's loaders expect beside the graphs.

Names are Hugging Face's and sentence-transformers'; `docs/bundle-format.md` shows the folder.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

import safetensors.torch
from torch import Tensor

from edgebert.checkpoints.tokenizer.read import TokenizerFiles
from edgebert.model.sentence import DenseWeights
from edgebert_runtime.bundle.manifest import EmbeddingInfo, Step

POOLING_FLAGS: Final[Mapping[str, str]] = {
    "cls": "pooling_mode_cls_token",
    "mean": "pooling_mode_mean_tokens",
    "max": "pooling_mode_max_tokens",
    "mean_sqrt_len": "pooling_mode_mean_sqrt_len_tokens",
    "weighted_mean": "pooling_mode_weightedmean_tokens",
    "last_token": "pooling_mode_lasttoken",
}
"""Our name of a pooling mode → the boolean sentence-transformers reads."""

POOLING_NAMES: Final[Mapping[str, str]] = {
    "weighted_mean": "weightedmean",
    "mean_sqrt_len": "mean_sqrt_len_tokens",
    "last_token": "lasttoken",
}
"""Our name → its newer spelling, where the two differ."""

ACTIVATIONS: Final[Mapping[str, str]] = {
    "identity": "torch.nn.modules.linear.Identity",
    "tanh": "torch.nn.modules.activation.Tanh",
    "relu": "torch.nn.modules.activation.ReLU",
    "gelu": "torch.nn.modules.activation.GELU",
}

TYPE_PREFIX: Final = "sentence_transformers.models."
"""The old module path; text-embeddings-inference rejects the new one."""


def sentence_transformers_files(
    embedding: EmbeddingInfo, dense: Mapping[str, DenseWeights], hidden: int, max_length: int
) -> dict[str, bytes]:
    """Every file of the sentence-transformers layout: bundle path → content.

    Args:
        embedding: the steps to write as modules.
        dense: weights of dense steps, by the step's `file`.
        hidden: width of a token vector.
        max_length: where texts are cut, in tokens.
    """
    modules = [_module_entry(0, "", "Transformer")]
    files: dict[str, bytes] = {}
    width = hidden
    for index, step in enumerate(embedding.steps, start=1):
        kind = {"pool": "Pooling", "dense": "Dense", "normalize": "Normalize"}[step.kind]
        folder = step.file.rpartition("/")[0] if step.file else f"{index}_{kind}"
        modules.append(_module_entry(index, folder, kind))
        if step.kind == "pool":
            files[f"{folder}/config.json"] = _json(_pooling_config(step, width))
            width *= len(step.modes)
        elif step.file is not None:
            weights = dense[step.file]
            files[f"{folder}/config.json"] = _json(_dense_config(step, weights))
            files[step.file] = safetensors.torch.save(_tensors(weights))
            width = weights.weight.shape[0]
        else:
            files[f"{folder}/.keep"] = b""
    files["modules.json"] = _json(modules)
    files["sentence_bert_config.json"] = _json(
        {"max_seq_length": max_length, "do_lower_case": False}
    )
    files["config_sentence_transformers.json"] = _json(
        {
            "prompts": dict(embedding.prompts),
            "default_prompt_name": embedding.default_prompt,
            "similarity_fn_name": "cosine",
        }
    )
    return files


def tokenizer_files(tokenizer: TokenizerFiles) -> dict[str, bytes]:
    """Every file of a tokenizer: bundle path → content."""
    files = {
        "tokenizer.json": tokenizer.json.encode("utf-8"),
        "tokenizer_config.json": _json(tokenizer.tokenizer_config),
        "special_tokens_map.json": _json(tokenizer.special_tokens),
    }
    vocabulary = tokenizer.vocab_txt
    return files if vocabulary is None else {**files, "vocab.txt": vocabulary}


def _module_entry(index: int, path: str, kind: str) -> dict[str, Any]:
    return {"idx": index, "name": str(index), "path": path, "type": f"{TYPE_PREFIX}{kind}"}


def _pooling_config(step: Step, width: int) -> dict[str, Any]:
    names = [POOLING_NAMES.get(mode, mode) for mode in step.modes]
    return {
        "word_embedding_dimension": width,
        "pooling_mode": names[0] if len(names) == 1 else names,
        **{flag: mode in step.modes for mode, flag in POOLING_FLAGS.items()},
        "include_prompt": True,
    }


def _dense_config(step: Step, weights: DenseWeights) -> dict[str, Any]:
    outputs, inputs = weights.weight.shape
    return {
        "in_features": inputs,
        "out_features": outputs,
        "bias": weights.bias is not None,
        "activation_function": ACTIVATIONS[step.activation or "identity"],
    }


def _tensors(weights: DenseWeights) -> dict[str, Tensor]:
    tensors = {"linear.weight": weights.weight.contiguous()}
    return tensors if weights.bias is None else {**tensors, "linear.bias": weights.bias}


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode("utf-8")
