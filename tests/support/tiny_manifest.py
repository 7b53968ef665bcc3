"""The smallest bundle there is, for tests that never run it."""

from collections.abc import Mapping
from pathlib import Path

from edgebert_runtime.bundle.manifest import FileInfo, Manifest, TensorInfo, TokenizerInfo, Variant
from edgebert_runtime.bundle.staging import hash_folder


def tiny_manifest(files: Mapping[str, FileInfo]) -> Manifest:
    variant = Variant(
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
        quality=None,
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
        task="embed",
        created_by={},
        source={"kind": "module", "name": "nothing", "model_type": None},
        architecture=dict.fromkeys(("hidden", "layers", "heads", "vocabulary", "token_types")),
        inputs=(tensor,),
        outputs=(tensor,),
        tokenizer=tokenizer,
        embedding=None,
        default_variant="fp32",
        variants={"portable": variant},
        files=files,
    )


def write_bundle(folder: Path, content: bytes) -> None:
    (folder / "onnx").mkdir()
    (folder / "onnx" / "model.onnx").write_bytes(content)
    (folder / "tokenizer.json").write_bytes(content)
    manifest = tiny_manifest(hash_folder(folder))
    (folder / "edgebert.json").write_text(manifest.to_json(), encoding="utf-8")
