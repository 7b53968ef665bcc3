"""The smallest bundle there is, for tests that never run it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import (
    FileInfo,
    Manifest,
    TaskInfo,
    TensorInfo,
    TokenizerInfo,
    Variant,
)
from edgebert_runtime.bundle.staging import hash_folder
from edgebert_runtime.bundle.variants import with_samples
from edgebert_runtime.loading.choice import Situation
from edgebert_runtime.loading.selection import pick


def tiny_manifest(files: Mapping[str, FileInfo]) -> Manifest:
    variant = Variant(
        tasks=("embed",),
        file="onnx/model.onnx",
        files=("onnx/model.onnx",),
        precision="fp32",
        target="portable",
        recipe=None,
        opset=21,
        ir_version=10,
        min_onnxruntime="1.20.0",
        fusions={},
        parity=None,
        batch_invariant=True,
    )
    tokenizer = TokenizerInfo(
        file="tokenizer.json",
        max_length=8,
        max_positions=8,
        padding_side="right",
        pad_id=0,
        pad_token="[PAD]",
        pad_type_id=0,
        special_tokens={},
    )
    tensor = TensorInfo(name="input_ids", dtype="int64", shape=("batch", "sequence"))
    return Manifest(
        created_by={},
        source={"kind": "module", "name": "nothing", "model_type": None},
        architecture=dict.fromkeys(("hidden", "layers", "heads", "vocabulary", "token_types")),
        inputs=(tensor,),
        tokenizer=tokenizer,
        tasks={"embed": TaskInfo(outputs=(tensor,))},
        default_task="embed",
        default_variant="fp32",
        variants={"portable": variant},
        files=files,
    )


def of_task(manifest: Manifest, name: str | None = None, **changes: Any) -> Manifest:
    """A manifest of one task that has another name, or of which something else is said."""
    name = name or manifest.default_task
    variants = {}
    for key, each in manifest.variants.items():
        paths = list(each.way.samples.values())
        samples = {name: paths[0]} if paths else {}
        variants[key] = with_samples(replace(each, tasks=(name,)), samples)
    tasks = {name: replace(manifest.task, **changes)}
    return replace(manifest, tasks=tasks, default_task=name, variants=variants)


def picked(bundle: Bundle, asked: str, provider: str, *, captured: bool = False) -> str:
    """The variant that is chosen on an engine and a CPU that run everything."""
    task = bundle.manifest.default_task
    situation = Situation(task=task, asked=asked, provider=provider, captured=captured)
    return pick(bundle, situation).name


def write_bundle(folder: Path, content: bytes) -> None:
    (folder / "onnx").mkdir()
    (folder / "onnx" / "model.onnx").write_bytes(content)
    (folder / "tokenizer.json").write_bytes(content)
    manifest = tiny_manifest(hash_folder(folder))
    (folder / "edgebert.json").write_text(manifest.to_json(), encoding="utf-8")
