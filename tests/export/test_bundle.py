import json
import shutil
from collections import Counter
from pathlib import Path

import jsonschema
import numpy as np
import onnx
import onnxruntime
import pytest
import safetensors.numpy
import torch
from torch import Tensor, nn

import edgebert
from edgebert.model.encoder import Encoder
from edgebert_export import ExportSpec
from edgebert_export.graph.build import require_fusions
from edgebert_runtime import Bundle, load
from edgebert_runtime.bundle.manifest import Step
from edgebert_runtime.errors import (
    BundleExistsError,
    ConfigError,
    ExportError,
    FusionError,
    ParityError,
)
from tests.support.families import SAMPLES, build, save
from tests.support.tiny_encoder import TEXTS, TINY

SCHEMA = Path(__file__).parents[2] / "docs" / "bundle.schema.json"


def tiny_spec(**changes: object) -> ExportSpec:
    fields: dict[str, object] = {
        "vocabulary": TINY.vocabulary,
        "hidden": TINY.hidden,
        "max_positions": TINY.positions,
        "layers": TINY.layers,
        "token_types": 2,
    }
    return ExportSpec(**{**fields, **changes})  # type: ignore[arg-type]


def test_the_manifest_follows_the_schema(tiny_bundle: Bundle) -> None:
    manifest = json.loads((tiny_bundle.folder / "edgebert.json").read_text(encoding="utf-8"))
    jsonschema.validate(manifest, json.loads(SCHEMA.read_text(encoding="utf-8")))


def test_the_schema_can_fail(tiny_bundle: Bundle) -> None:
    manifest = json.loads((tiny_bundle.folder / "edgebert.json").read_text(encoding="utf-8"))
    del manifest["variants"]["cpu"]["opset"]
    with pytest.raises(jsonschema.ValidationError, match="opset"):
        jsonschema.validate(manifest, json.loads(SCHEMA.read_text(encoding="utf-8")))


def test_every_file_is_listed_and_nothing_else(tiny_bundle: Bundle) -> None:
    folder = tiny_bundle.folder
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found - {"edgebert.json", "README.md"} == set(tiny_bundle.manifest.files)


def test_targets_hold_the_fusions_they_promise(tiny_bundle: Bundle) -> None:
    for name, attention in (("cpu", TINY.layers), ("portable", 0)):
        variant = tiny_bundle.manifest.variants[name]
        model = onnx.load(tiny_bundle.path_of(variant.file))
        operators = Counter(node.op_type for node in model.graph.node)
        assert operators["Attention"] == variant.fusions["attention"] == attention
        assert operators["LayerNormalization"] == variant.fusions["layer_norm"] == 5
        assert operators["Gelu"] == variant.fusions["gelu"] == TINY.layers


def test_the_portable_graph_has_standard_operators_and_an_old_opset(tiny_bundle: Bundle) -> None:
    model = onnx.load(tiny_bundle.path_of("onnx/model.onnx"))
    onnx.checker.check_model(model, full_check=True)
    assert [(item.domain, item.version) for item in model.opset_import] == [("", 20)]
    assert model.ir_version == 9


@pytest.mark.parametrize("file", ["model.onnx", "model_cpu.onnx", "model_quantized.onnx"])
def test_the_engine_keeps_add_and_layer_norm_apart(
    file: str, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    """Its fused kernel is slower on CPU: docs/decisions/0003."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 3
    graph = tiny_bundle.path_of(f"onnx/{file}")
    onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    nodes = onnx.load(tmp_path / "optimized.onnx").graph.node
    operators = Counter(node.op_type for node in nodes)
    assert operators["SkipLayerNormalization"] == 0
    assert operators["LayerNormalization"] == 5


def test_no_graph_says_where_it_was_made(tiny_bundle: Bundle) -> None:
    here = str(Path(edgebert.__file__).parent).encode()
    graphs = list(tiny_bundle.folder.rglob("*.onnx"))
    assert len(graphs) >= len(tiny_bundle.manifest.variants)
    for path in graphs:
        assert here not in path.read_bytes()
        assert b"torch/nn" not in path.read_bytes()


def test_a_newer_floor_raises_the_opset(tiny_folder: Path, tmp_path: Path) -> None:
    bundle = edgebert.export(
        tiny_folder, tmp_path / "out", target="portable", min_onnxruntime="1.23.0"
    )
    variant = bundle.manifest.variants["portable"]
    assert (variant.opset, variant.min_onnxruntime) == (23, "1.23.0")
    assert list(bundle.manifest.variants) == ["portable"]


def test_the_cuda_target_has_fused_attention(tiny_folder: Path, tmp_path: Path) -> None:
    bundle = edgebert.export(tiny_folder, tmp_path / "out", target="cuda")
    variants = bundle.manifest.variants
    assert set(variants) == {"portable", "cuda", "cuda-packed", "fp16", "fp16-packed"}
    assert variants["cuda"].fusions["attention"] == TINY.layers
    assert (variants["cuda"].needs, variants["cuda-packed"].needs) == (None, "cuda")
    assert [variant.verified for variant in variants.values()] == [True, True, False, False, False]
    assert not list(bundle.folder.glob("**/runnable_*"))
    manifest = json.loads((bundle.folder / "edgebert.json").read_text(encoding="utf-8"))
    jsonschema.validate(manifest, json.loads(SCHEMA.read_text(encoding="utf-8")))


def test_bf16_is_written_on_request_and_where_fp16_overflows(
    tiny_folder: Path, tmp_path: Path
) -> None:
    asked = edgebert.export(tiny_folder, tmp_path / "asked", target="cuda", precision="bf16")
    assert set(asked.manifest.variants) == {"portable", "cuda", "cuda-packed", "bf16"}
    source = shutil.copytree(tiny_folder, tmp_path / "source")
    weights = safetensors.numpy.load_file(source / "model.safetensors")
    for ending, gain in (("self.value.weight", 1e6), ("output.dense.weight", 1e-6)):
        name = next(name for name in weights if name.endswith(f"layer.0.attention.{ending}"))
        weights[name] = weights[name] * np.float32(gain)
    safetensors.numpy.save_file(weights, source / "model.safetensors")
    said: list[str] = []
    large = edgebert.export(source, tmp_path / "large", target="cuda", progress=said.append)
    assert set(large.manifest.variants) == {"portable", "cuda", "cuda-packed", "bf16"}
    assert any("fp16 is refused, taking bf16" in line for line in said)


def test_a_precision_there_is_not_is_refused_before_any_work(
    tiny_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="precision must be one of fp32, int8, fp16, bf16"):
        edgebert.export(tiny_folder, tmp_path / "out", precision="fp8")
    assert not (tmp_path / "out").exists()


def test_a_model_with_masks_of_its_own_has_no_graph_without_padding(tmp_path: Path) -> None:
    source = save(build(SAMPLES["mpnet"]), tmp_path / "source")
    said: list[str] = []
    bundle = edgebert.export(source, tmp_path / "out", target="cuda", progress=said.append)
    assert set(bundle.manifest.variants) == {"portable", "cuda", "fp16"}
    assert any(line.startswith("skipping target cuda-packed: the mask") for line in said)


class Manual(nn.Module):
    """Attention written out, which the trace does not show as one operator."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(TINY.vocabulary, TINY.hidden)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        x = self.table(input_ids)
        scores = x @ x.transpose(1, 2)
        kept = scores.masked_fill(attention_mask[:, None, :] == 0, -1e9)
        mixed: Tensor = kept.softmax(dim=-1) @ x
        return mixed


def test_a_missing_fusion_is_an_error_with_the_reason(tiny_folder: Path, tmp_path: Path) -> None:
    spec = tiny_spec(layers=1, token_types=0)
    told = (
        r"target cpu: expected 1 fused attention nodes, found 0\. .* accept an unfused graph: "
        r"ExportSpec\(promises=\{'attention': 0\}\)$"
    )
    with pytest.raises(FusionError, match=told):
        edgebert.export(Manual().eval(), tmp_path / "out", spec=spec, tokenizer=tiny_folder)
    assert list(tmp_path.iterdir()) == []


def test_more_fusions_than_promised_are_named() -> None:
    found, required = {"attention": 2, "gelu": 0}, {"attention": 1}
    with pytest.raises(FusionError, match=r"found 2\. Promise .*promises=\{'attention': 2\}\)$"):
        require_fusions(found, required, "cpu", [])
    with pytest.raises(FusionError, match=r"found 2\. Rules did not match: no$"):
        require_fusions(found, {"attention": 0}, "portable", ["no"])


def test_any_module_exports_with_a_spec(tiny_folder: Path, tmp_path: Path) -> None:
    spec = tiny_spec(layers=1, token_types=0, promises={"attention": 0})
    module = Manual().eval()
    bundle = edgebert.export(
        module, tmp_path / "out", spec=spec, tokenizer=tiny_folder, target="portable"
    )
    assert edgebert.verify(bundle, against=module, spec=spec).passed
    assert load(bundle).embed(TEXTS).shape == (len(TEXTS), TINY.hidden)


def test_our_encoder_exports_as_a_module(
    tiny_encoder: Encoder, tiny_folder: Path, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    bundle = edgebert.export(
        tiny_encoder, tmp_path / "out", spec=tiny_spec(), tokenizer=tiny_folder
    )
    ours, theirs = load(bundle).embed(TEXTS), load(tiny_bundle).embed(TEXTS)
    assert abs(ours - theirs).max() < 1e-5


class Drifting(nn.Module):
    """Computes something else after it was traced."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        hidden: Tensor = self.encoder(input_ids, attention_mask, token_type_ids)
        return hidden if torch.compiler.is_compiling() else hidden + 1e-3


def test_a_parity_miss_writes_nothing(
    tiny_encoder: Encoder, tiny_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(ParityError, match=r"case \dx\d+ .*off by 1\.0"):
        edgebert.export(
            Drifting(tiny_encoder), tmp_path / "out", spec=tiny_spec(), tokenizer=tiny_folder
        )
    assert list(tmp_path.iterdir()) == []


class Untraceable(nn.Module):
    """Decides by the values of its input."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        del token_type_ids
        if bool(input_ids.sum() > 5):
            return attention_mask[..., None].float()
        return input_ids[..., None].float()


def test_a_module_torch_cannot_trace_is_named(tiny_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="torch cannot trace Untraceable") as refused:
        edgebert.export(
            Untraceable(), tmp_path / "out", spec=tiny_spec(hidden=1), tokenizer=tiny_folder
        )
    reason = str(refused.value)
    assert "data-dependent" in reason
    assert reason.endswith("in forward: if bool(input_ids.sum() > 5):")
    assert "\x1b" not in reason
    assert len(reason.splitlines()) < 15


@pytest.mark.parametrize(
    "steps",
    [
        ("mean",),
        ("cls",),
        ("max",),
        ("mean_sqrt_len",),
        ("weighted_mean",),
        ("last_token",),
        ("cls", "mean"),
    ],
)
def test_the_runtime_pools_as_the_graph_does(
    steps: tuple[str, ...], tiny_folder: Path, tmp_path: Path
) -> None:
    spec = tiny_spec(
        layers=1,
        token_types=0,
        promises={"attention": 0},
        steps=(Step(kind="pool", modes=steps), Step(kind="normalize")),
        dimensions=TINY.hidden * len(steps),
    )
    bundle = edgebert.export(
        Manual().eval(), tmp_path / "out", spec=spec, tokenizer=tiny_folder, target="portable"
    )
    model = load(bundle)
    from edgebert_runtime.postprocessing.pooling import normalize

    in_graph, in_numpy = model.embed(TEXTS), normalize(model.embed(TEXTS, normalize=False))
    assert abs(in_graph - in_numpy).max() < 2e-6


def test_an_existing_folder_is_untouched(tiny_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("keep", encoding="utf-8")
    for overwrite in (False, True):
        with pytest.raises(BundleExistsError):
            edgebert.export(tiny_folder, tmp_path / "out", overwrite=overwrite)
    assert (tmp_path / "out" / "mine.txt").read_text(encoding="utf-8") == "keep"


def test_overwrite_replaces_only_on_success(
    bundle: Bundle, tiny_folder: Path, tiny_encoder: Encoder
) -> None:
    before = (bundle.folder / "edgebert.json").read_bytes()
    with pytest.raises(ParityError):
        edgebert.export(
            Drifting(tiny_encoder),
            bundle.folder,
            spec=tiny_spec(),
            tokenizer=tiny_folder,
            overwrite=True,
        )
    assert (bundle.folder / "edgebert.json").read_bytes() == before
    replaced = edgebert.export(tiny_folder, bundle.folder, overwrite=True, target="portable")
    assert list(replaced.manifest.variants) == ["portable"]


@pytest.mark.parametrize(
    "arguments", [{"target": "gpu"}, {"task": "summarise"}, {"min_onnxruntime": "new"}], ids=str
)
def test_unknown_choices_list_the_known(
    arguments: dict[str, str], tiny_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"must be one of|is not a version"):
        edgebert.export(tiny_folder, tmp_path / "out", **arguments)  # type: ignore[arg-type]


def test_a_module_without_a_spec_is_refused(tiny_encoder: Encoder, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="pass spec=ExportSpec"):
        edgebert.export(tiny_encoder, tmp_path / "out")
