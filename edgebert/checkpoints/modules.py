"""sentence-transformers' modules and the steps of a bundle, both ways.

Source: sentence-transformers 6.2.0, sentence_transformer/modules/pooling.py and
base/modules/dense.py, normalize.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import safetensors.torch
import torch
from torch import Tensor

from edgebert.checkpoints.diagnosis import few
from edgebert.checkpoints.files import json_bytes, read_json, read_json_if_present
from edgebert.checkpoints.known_keys import DENSE, NORMALIZE, POOLING, unknown_keys
from edgebert.checkpoints.sentence_transformers import MODULES, Module, Pipeline
from edgebert.checkpoints.weights import read_weights
from edgebert.model.sentence import DenseWeights
from edgebert_runtime.bundle.manifest import EmbeddingInfo, Step
from edgebert_runtime.errors import CheckpointError, UnsupportedModelError
from edgebert_runtime.storage.json_reader import printable

MODES: Final = {
    "cls": "cls",
    "max": "max",
    "mean": "mean",
    "mean_sqrt_len_tokens": "mean_sqrt_len",
    "weightedmean": "weighted_mean",
    "lasttoken": "last_token",
}

SWITCHES: Final = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
"""The older spelling; its order is the order of concatenation."""

ACTIVATIONS: Final = {
    "identity": "torch.nn.modules.linear.Identity",
    "tanh": "torch.nn.modules.activation.Tanh",
    "relu": "torch.nn.modules.activation.ReLU",
    "gelu": "torch.nn.modules.activation.GELU",
}
"""Activation of a dense step → torch's class; other modules of torch export the same classes."""

DEFAULT_ACTIVATION: Final = "torch.nn.modules.activation.Tanh"

WEIGHT: Final = "linear.weight"
BIAS: Final = "linear.bias"
VECTOR: Final = "sentence_embedding"

CLASSES: Final = {"pool": "Pooling", "dense": "Dense", "normalize": "Normalize"}
"""Kind of a step → sentence-transformers' class."""

TYPE_PREFIX: Final = "sentence_transformers.models."
"""The old module path; text-embeddings-inference rejects the new one."""


@dataclass(frozen=True, kw_only=True)
class _Stage:
    """A module that was read: its step, the width of its output, and its weights if it has any.

    `notes` is what the user should be told about it.
    """

    step: Step
    width: int
    dense: DenseWeights | None = None
    notes: tuple[str, ...] = ()


def read_embedding(
    pipeline: Pipeline, hidden: int
) -> tuple[EmbeddingInfo, dict[str, DenseWeights], tuple[str, ...]]:
    """Read how token vectors of `hidden` numbers become one vector, and the dense steps' weights.

    Without `modules.json` it is the mean, as sentence-transformers does.

    Returns:
        The steps, `Step.file` of each dense step with its weights, and what the user should be
        told.

    Raises:
        CheckpointError: a module is damaged, or takes another width than the one before it gives.
        UnsupportedModelError: a module is set to do what edgebert does not compute.
    """
    if pipeline.modules is None:
        stages = [_Stage(step=Step(kind="pool", modes=("mean",)), width=hidden)]
    else:
        stages = _read_stages(pipeline, pipeline.modules, hidden)
    stages += _truncation(pipeline.truncate, stages[-1].width)
    embedding = EmbeddingInfo(
        dimensions=stages[-1].width,
        steps=tuple(stage.step for stage in stages),
        prompts=pipeline.prompts,
        default_prompt=pipeline.default_prompt,
        similarity=pipeline.similarity,
    )
    dense = {str(stage.step.file): stage.dense for stage in stages if stage.dense is not None}
    return embedding, dense, tuple(note for stage in stages for note in stage.notes)


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
    steps = [step for step in embedding.steps if step.kind != "truncate"]
    cut = {} if steps == list(embedding.steps) else {"truncate_dim": embedding.dimensions}
    for index, step in enumerate(steps, start=1):
        kind = CLASSES[step.kind]
        folder = step.file.rpartition("/")[0] if step.file else f"{index}_{kind}"
        modules.append(_module_entry(index, folder, kind))
        if step.kind == "pool":
            files[f"{folder}/config.json"] = json_bytes(_pooling_config(step, width))
            width *= len(step.modes)
        elif step.file is not None:
            weights = dense[step.file]
            files[f"{folder}/config.json"] = json_bytes(_dense_config(step, weights))
            files[step.file] = safetensors.torch.save(_dense_tensors(weights))
            width = weights.weight.shape[0]
        else:
            files[f"{folder}/.keep"] = b""
    files["modules.json"] = json_bytes(modules)
    files["sentence_bert_config.json"] = json_bytes(
        {"max_seq_length": max_length, "do_lower_case": False}
    )
    files["config_sentence_transformers.json"] = json_bytes(
        {
            "prompts": dict(embedding.prompts),
            "default_prompt_name": embedding.default_prompt,
            "similarity_fn_name": embedding.similarity,
            **cut,
        }
    )
    return files


def _read_stages(pipeline: Pipeline, modules: tuple[Module, ...], hidden: int) -> list[_Stage]:
    """What the modules do; a Pooling starts anew from the token vectors, whatever came before."""
    kinds = [module.kind for module in modules]
    if kinds[:1] != ["Pooling"]:
        raise UnsupportedModelError(
            f"{pipeline.root / MODULES} lists {', '.join(kinds) or 'nothing'} after the "
            "Transformer, expected a Pooling and then Dense or Normalize"
        )
    stages: list[_Stage] = []
    for module in modules:
        if module.kind == "Pooling":
            without = [earlier.path for earlier in modules[: len(stages)]]
            stages.append(_pooling(module, hidden, pipeline.prompts, without))
        else:
            read = _dense if module.kind == "Dense" else _normalize
            stages.append(read(module, stages[-1].width))
    return stages[len(kinds) - 1 - kinds[::-1].index("Pooling") :]


def _truncation(dimensions: int | None, width: int) -> list[_Stage]:
    """What sentence-transformers does with the finished vector: it is cut and stays as it is."""
    if dimensions is None or dimensions >= width:
        return []
    note = (
        f"vectors are cut to their first {dimensions} of {width} numbers and not normalised again, "
        "as truncate_dim in config_sentence_transformers.json says"
    )
    step = Step(kind="truncate", dimensions=dimensions)
    return [_Stage(step=step, width=dimensions, notes=(note,))]


def _pooling(module: Module, hidden: int, prompts: Mapping[str, str], without: list[str]) -> _Stage:
    """A Pooling; `without` are the modules before it, whose vector it replaces."""
    path = module.folder / "config.json"
    config = read_json(path, dict)
    _check_vector(path, config)
    replaced = (f"{path} pools again: {', '.join(without)} before it has no effect",)
    notes = [*unknown_keys(path, config, POOLING), *(replaced if without else ())]
    notes += [
        f"{path} has {key}={config[key]!r}, the model's vectors have {hidden} numbers; "
        "sentence-transformers pools them all the same, and so does this export"
        for key in ("embedding_dimension", "word_embedding_dimension")
        if config.get(key) not in (None, hidden)
    ]
    if config.get("include_prompt") is False and any(prompts.values()):
        raise UnsupportedModelError(
            f"{path} has include_prompt=false, edgebert pools over prompts too; set it to true if "
            "that suits the model, or remove the prompts from config_sentence_transformers.json"
        )
    modes = _modes(path, config)
    step = Step(kind="pool", modes=modes)
    return _Stage(step=step, width=hidden * len(modes), notes=tuple(notes))


def _modes(path: Path, config: Mapping[str, Any]) -> tuple[str, ...]:
    """The modes in order of concatenation; the mean where the config switches none on."""
    named = config.get("pooling_mode")
    if named is None:
        on = [key for key, value in config.items() if key.startswith("pooling_mode_") and value]
        named = [mode for switch, mode in SWITCHES.items() if switch in on] or ["mean"]
        unknown = sorted(map(printable, set(on) - SWITCHES.keys()))
    else:
        named = named if isinstance(named, list) else [named]
        unknown = [repr(mode) for mode in named if mode not in tuple(MODES)]
    if unknown or not named:
        raise UnsupportedModelError(
            f"{path} has pooling mode {', '.join(unknown) or 'none'}; known: {', '.join(MODES)}"
        )
    return tuple(MODES[mode] for mode in named)


def _dense(module: Module, width: int) -> _Stage:
    path = module.folder / "config.json"
    config = read_json(path, dict)
    _check_vector(path, config)
    if config.get("use_residual"):
        raise UnsupportedModelError(
            f"{path} has use_residual=true, which edgebert does not compute"
        )
    _check_width(path, config, ("in_features",), width)
    weights = _dense_weights(module.folder, config, width)
    outputs = weights.weight.shape[0]
    _check_width(path, config, ("out_features",), outputs)
    step = Step(
        kind="dense", file=f"{module.path}/model.safetensors", activation=_activation(path, config)
    )
    notes = unknown_keys(path, config, DENSE)
    return _Stage(step=step, width=outputs, dense=weights, notes=notes)


def _dense_weights(folder: Path, config: Mapping[str, Any], width: int) -> DenseWeights:
    tensors = read_weights(folder)
    expected = {WEIGHT, BIAS} if config.get("bias", True) else {WEIGHT}
    if tensors.keys() != expected:
        raise CheckpointError(
            f"{folder} holds {few(sorted(tensors))}, expected {', '.join(sorted(expected))}"
        )
    weight, bias = tensors[WEIGHT], tensors.get(BIAS)
    fits = weight.ndim == 2 and weight.shape[1] == width
    if not fits or (bias is not None and bias.shape != weight.shape[:1]):
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        raise CheckpointError(f"{folder} holds {shapes}, expected {width} inputs; save it again")
    return DenseWeights(weight=_float32(weight), bias=None if bias is None else _float32(bias))


def _activation(path: Path, config: Mapping[str, Any]) -> str:
    name = str(config.get("activation_function", DEFAULT_ACTIVATION))
    kind = name.rpartition(".")[2]
    known = {path.rpartition(".")[2]: ours for ours, path in ACTIVATIONS.items()}
    if not name.startswith("torch.nn.") or kind not in known:
        raise UnsupportedModelError(
            f"{path} has activation_function {name!r}; known: torch.nn's {', '.join(known)}"
        )
    return known[kind]


def _normalize(module: Module, width: int) -> _Stage:
    path = module.folder / "config.json"
    config = read_json_if_present(path)
    _check_vector(path, config)
    notes = unknown_keys(path, config, NORMALIZE)
    return _Stage(step=Step(kind="normalize"), width=width, notes=notes)


def _check_vector(path: Path, config: Mapping[str, Any]) -> None:
    """Refuse a module that reads or writes something else than the sentence vector."""
    for key in ("module_input_name", "module_output_name", "output_key"):
        if config.get(key) not in (None, VECTOR):
            raise UnsupportedModelError(
                f"{path} has {key}={config[key]!r}, expected {VECTOR!r}: a bundle gives one vector "
                f"for a text; take that module out of {MODULES} to export the vector without it"
            )


def _check_width(path: Path, config: Mapping[str, Any], keys: tuple[str, ...], width: int) -> None:
    for key in keys:
        if config.get(key) not in (None, width):
            raise CheckpointError(
                f"{path} has {key}={config[key]!r}, expected {width}, the width it meets; "
                "save the model again"
            )


def _float32(tensor: Tensor) -> Tensor:
    return tensor.to(torch.float32, copy=True)


def _module_entry(index: int, path: str, kind: str) -> dict[str, Any]:
    return {"idx": index, "name": str(index), "path": path, "type": f"{TYPE_PREFIX}{kind}"}


def _pooling_config(step: Step, width: int) -> dict[str, Any]:
    theirs = {ours: name for name, ours in MODES.items()}
    names = [theirs[mode] for mode in step.modes]
    return {
        "word_embedding_dimension": width,
        "pooling_mode": names[0] if len(names) == 1 else names,
        **{switch: name in names for switch, name in SWITCHES.items()},
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


def _dense_tensors(weights: DenseWeights) -> dict[str, Tensor]:
    tensors = {WEIGHT: weights.weight.contiguous()}
    return tensors if weights.bias is None else {**tensors, BIAS: weights.bias}
