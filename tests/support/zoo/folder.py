"""Makes a folder of a layout: its files with their real keys, tiny random weights, tiny vocabulary.

Only sizes change: hidden width, layers, heads, the vocabulary and the ids in it. Rows of positions,
limits in tokens, labels and everything else stay as they are.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import nn

from tests.support.zoo.layouts import Layout
from tests.support.zoo.tokenizers import token_ids, tokenizer_fields

transformers.utils.logging.disable_progress_bar()

HIDDEN: Final = 32
OTHER: Final = 24
"""Width of what is not as wide as the hidden states."""

SIZES: Final = {
    "hidden_size": HIDDEN,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}
OLD_SIZES: Final = {
    "dim": HIDDEN,
    "n_layers": 2,
    "n_heads": 2,
    "hidden_dim": 64,
    "n_embd": HIDDEN,
    "n_layer": 2,
    "n_head": 2,
    "n_inner": 64,
}
"""The same under the names of DistilBERT and of older configs."""

WIDTHS: Final = (
    "embedding_size",
    "pooler_hidden_size",
    "word_embedding_dimension",
    "embedding_dimension",
    "in_features",
    "out_features",
)
SMALLEST: Final = 10
"""Ids below are the same in the small vocabulary."""


@dataclass(frozen=True, kw_only=True)
class Built:
    """A folder, and what it should give.

    Attributes:
        folder: where it is.
        layout: what it was made from.
        model: transformers' model that has the weights of the folder.
        modules: the files of the modules after the Transformer: folder → config and tensors.
    """

    folder: Path
    layout: Layout
    model: Any
    modules: Mapping[str, tuple[Mapping[str, Any], Mapping[str, torch.Tensor]]]


def build(layout: Layout, folder: Path) -> Built:
    """Write the folder of a layout; it must not exist, or be empty."""
    folder.mkdir(parents=True, exist_ok=True)
    fields = tokenizer_fields(layout)
    ids = _ids(layout, fields)
    files = {name: _small(name, content, layout, ids) for name, content in layout.files.items()}
    files["config.json"] = _config(layout, files["config.json"], ids)
    if "tokenizer.json" in files:
        files["tokenizer.json"] = fields
    for name, content in files.items():
        _write_json(folder / name, content)
    for name in layout.beside:
        (folder / name).write_bytes(_beside(name, fields))
    model = _model(layout, files["config.json"])
    _save(model, layout, folder)
    return Built(
        folder=folder,
        layout=layout,
        model=model,
        modules={name: _module(folder / name, files) for name in _module_folders(files)},
    )


def _ids(layout: Layout, fields: Mapping[str, Any]) -> dict[int, int]:
    """Real id of a token to its id in the small vocabulary."""
    own = layout.files.get("tokenizer.json", {}).get("added_tokens", ())
    decoder = layout.files.get("tokenizer_config.json", {}).get("added_tokens_decoder", {})
    real = {token["content"]: token["id"] for token in own if "id" in token}
    real |= {token["content"]: int(index) for index, token in decoder.items()}
    real |= layout.files.get("added_tokens.json", {})
    small = token_ids(fields["model"])
    for token in fields["added_tokens"]:
        small[token["content"]] = token["id"]
    for content in sorted(real, key=real.__getitem__):
        small.setdefault(content, len(small))
    return {index: small[content] for content, index in real.items()}


def _small(name: str, content: Any, layout: Layout, ids: Mapping[int, int]) -> Any:
    """The content of a settings file with small widths and ids."""
    if name == "added_tokens.json":
        return {token: ids[index] for token, index in content.items()}
    if not isinstance(content, dict):
        return content
    config = layout.files["config.json"]
    hidden = next((config[key] for key in ("hidden_size", "dim", "n_embd") if key in config), 0)
    hidden = hidden or layout.files.get("1_Pooling/config.json", {}).get("word_embedding_dimension")
    small = dict(content)
    for key in WIDTHS:
        if isinstance(small.get(key), int):
            small[key] = HIDDEN if small[key] == hidden else OTHER
    if "added_tokens_decoder" in small:
        decoder = small["added_tokens_decoder"]
        small["added_tokens_decoder"] = {str(ids[int(key)]): decoder[key] for key in decoder}
    return small


def _config(layout: Layout, config: Mapping[str, Any], ids: Mapping[int, int]) -> dict[str, Any]:
    """`config.json` with small sizes and the rows of the small vocabulary."""
    fields = tokenizer_fields(layout)
    tokens = max(*token_ids(fields["model"]).values(), *(t["id"] for t in fields["added_tokens"]))
    sizes = {key: value for key, value in OLD_SIZES.items() if key in config} or SIZES
    if "layer_types" in config:
        sizes = {**sizes, "layer_types": config["layer_types"][: SIZES["num_hidden_layers"]]}
    small = {**config, **sizes, "vocab_size": tokens + 1 + _unused_rows(layout)}
    for key, value in config.items():
        if key.endswith("_token_id") and isinstance(value, int) and value >= SMALLEST:
            small[key] = ids[value]
    return small


def _unused_rows(layout: Layout) -> int:
    """A few rows without a token, where the real table has some."""
    own = layout.files.get("tokenizer.json", {})
    added = (token["id"] + 1 for token in own.get("added_tokens", ()) if "id" in token)
    tokens = max(own.get("vocabulary", 0), *added, 0)
    rows = layout.files["config.json"].get("vocab_size", 0)
    return min(3, rows - tokens) if 0 < tokens < rows else 0


def _model(layout: Layout, config: Mapping[str, Any]) -> Any:
    """transformers' model, every parameter random; equal ones would hide a mix-up."""
    model_class = getattr(transformers, layout.weights["class"])
    model_type = model_class.config_class.model_type
    own = config if config.get("model_type") == model_type else {}  # or it stands in for another
    kept = {key: value for key, value in own.items() if key not in ("model_type", "auto_map")}
    if "layer_types" in kept:
        kept["layer_types"] = kept["layer_types"][: SIZES["num_hidden_layers"]]
    built = transformers.AutoConfig.for_model(
        model_type, **{**kept, **SIZES}, attn_implementation="eager"
    )
    torch.manual_seed(0)
    model: nn.Module = model_class(built).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
            if "dtype" in layout.weights:
                parameter.copy_(parameter.to(getattr(torch, layout.weights["dtype"])))
    return model


def _save(model: Any, layout: Layout, folder: Path) -> None:
    """The weights in the file, type and names that the layout has."""
    config = (folder / "config.json").read_bytes()
    model.save_pretrained(folder)
    (folder / "config.json").write_bytes(config)
    (folder / "generation_config.json").unlink(missing_ok=True)
    stored = folder / "model.safetensors"
    prefix, changed = layout.weights.get("prefix", ""), layout.weights
    tensors = {f"{prefix}{name}": tensor for name, tensor in load_file(stored).items()}
    stored.unlink()
    dtype = getattr(torch, changed.get("dtype", "float32"))
    kept = {
        name: tensor.to(dtype)
        for name, tensor in tensors.items()
        if name not in changed.get("dropped", ())
    }
    extra = {name: _extra(name) for name in changed.get("extra", ())}
    _write_weights(folder / changed["file"], kept | extra)


def _write_weights(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    if path.suffix == ".bin":
        torch.save(tensors, path)
    elif path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"\0")


def _extra(name: str) -> torch.Tensor:
    if name.endswith("position_ids"):
        return torch.arange(512)[None]
    return torch.randn(HIDDEN, HIDDEN) if name.endswith("weight") else torch.randn(HIDDEN)


def _module_folders(files: Mapping[str, Any]) -> list[str]:
    return [entry["path"] for entry in files.get("modules.json", ())[1:]]


def _module(
    folder: Path, files: Mapping[str, Any]
) -> tuple[Mapping[str, Any], Mapping[str, torch.Tensor]]:
    """A module's config and its tensors, which are written; an empty folder for none."""
    folder.mkdir(exist_ok=True)
    config = files.get(f"{folder.name}/config.json", {})
    if "out_features" not in config:
        return config, {}
    torch.manual_seed(1)
    tensors = {"linear.weight": torch.randn(config["out_features"], config["in_features"])}
    if config["bias"]:
        tensors["linear.bias"] = torch.randn(config["out_features"])
    save_file(tensors, folder / "model.safetensors")
    return config, tensors


def _beside(name: str, fields: Mapping[str, Any]) -> bytes:
    model = fields["model"]
    if name == "vocab.txt":
        return "".join(f"{token}\n" for token in model["vocab"]).encode()
    if name == "vocab.json":
        return json.dumps(model["vocab"], ensure_ascii=False).encode()
    if name == "merges.txt":
        pairs = (" ".join(pair) for pair in model["merges"])
        return "\n".join(("#version: 0.2", *pairs, "")).encode()
    return b"\0"


def _write_json(path: Path, content: object) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
