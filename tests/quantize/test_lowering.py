"""Graphs for old engines give the bits of those for new ones, at the lowest opset they have."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from numpy.typing import NDArray
from onnx import parser

from edgebert_quantize.graph.lowering import lower_opset, spread_attention
from edgebert_runtime import Bundle, check_all
from edgebert_runtime.engine.session import Session
from edgebert_runtime.errors import ExportError

OUTPUTS = ("last_hidden_state", "sentence_embedding")
ROWS, TOKENS = 3, 9

Masks = Mapping[str, NDArray[np.int64]]


def masks() -> Masks:
    """Kept tokens: 1; every row keeps at least one, but for the first row of `none`."""
    full = np.ones((ROWS, TOKENS), np.int64)
    right, left, holes, none = full.copy(), full.copy(), full.copy(), full.copy()
    right[1, 4:] = left[1, :4] = 0
    holes[1, ::2] = holes[2, 3:5] = 0
    none[0] = 0
    return {"full": full, "right": right, "left": left, "holes": holes, "none": none}


@pytest.mark.parametrize("kind", masks())
def test_both_graphs_of_int8_give_the_same_bits(tiny_bundle: Bundle, kind: str) -> None:
    ids = np.random.default_rng(0).integers(5, 20, (ROWS, TOKENS))
    mask = masks()[kind]
    feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    files = [tiny_bundle.manifest.variants[name].file for name in ("int8-portable", "int8-cpu")]
    sessions = [Session(tiny_bundle.path_of(file), provider="cpu") for file in files]
    old, new = (session.run(OUTPUTS, feeds) for session in sessions)
    kept = mask.any(axis=1)  # in a row of nothing else, only the vector has a meaning
    np.testing.assert_array_equal(old[0][kept], new[0][kept])
    np.testing.assert_array_equal(old[1], new[1])


def test_the_two_graphs_of_int8_store_their_weights_once(tiny_bundle: Bundle) -> None:
    manifest = tiny_bundle.manifest
    old, new = (manifest.variants[name] for name in ("int8-portable", "int8-cpu"))
    assert (old.opset, old.ir_version, old.min_onnxruntime) == (19, 9, "1.17.0")
    assert (new.opset, new.ir_version, new.min_onnxruntime) == (23, 11, "1.24.1")
    assert new.files == (new.file, old.file)
    assert [each.file for each in new.external] == [old.file]
    assert (old.fusions["attention"], new.fusions["attention"]) == (0, 2)
    model = onnx.load(tiny_bundle.path_of(new.file), load_external_data=False)
    inline = [t for t in model.graph.initializer if len(t.raw_data) >= 1024]
    assert not inline
    reports = {report.variant: report for report in check_all(tiny_bundle)}
    assert all(reports[name].passed for name in ("int8-portable", "int8-cpu"))


def attention(mask: str, attributes: str = "", heads: str = "q_num_heads=2, kv_num_heads=2") -> str:
    """A graph of one Attention over (batch, sequence, 8)."""
    inputs = f", {mask} mask" if mask else ""
    listed = ", ".join(part for part in (heads, attributes) if part)
    return f"""<ir_version: 11, opset_import: ["" : 23]>
g (float[b,s,8] q, float[b,s,8] k, float[b,s,8] v{inputs}) => (float[b,s,8] y)
{{ y = Attention <{listed}> (q, k, v{", mask" if mask else ""}) }}"""


def model_of(text: str) -> ir.Model:
    model: ir.Model = ir.from_proto(parser.parse_model(text))
    return model


def run(model: ir.Model, folder: Path, feeds: Mapping[str, Any]) -> object:
    path = folder / f"{model.opset_imports['']}.onnx"
    ir.save(model, path)
    return Session(path, provider="cpu").run(["y"], feeds)[0]


@pytest.mark.parametrize(
    ("mask", "attributes"),
    [("", ""), ("", "scale=0.3"), ("bool[b,1,s,s]", "scale=0.3"), ("float[b,1,s,s]", "")],
)
def test_spread_attention_gives_the_operators_bits(
    tmp_path: Path, mask: str, attributes: str
) -> None:
    random = np.random.default_rng(0)
    feeds: dict[str, Any] = {
        name: random.standard_normal((2, 5, 8)).astype(np.float32) for name in "qkv"
    }
    if mask:
        kept = random.random((2, 1, 5, 5)) < 0.7
        kept[..., 0] = True
        feeds["mask"] = kept if "bool" in mask else np.where(kept, 0, -1e9).astype(np.float32)
    model = model_of(attention(mask, attributes))
    expected = run(model, tmp_path, feeds)
    assert spread_attention(model) == 1
    assert lower_opset(model) == "1.17.0"
    assert (model.opset_imports[""], model.ir_version) == (19, 9)
    np.testing.assert_array_equal(run(model, tmp_path, feeds), expected)


@pytest.mark.parametrize("unusual", ["is_causal=1", "softcap=2.0", "qk_matmul_output_mode=1"])
def test_attention_that_cannot_be_spread_is_refused(unusual: str) -> None:
    with pytest.raises(ExportError, match=unusual.partition("=")[0]):
        spread_attention(model_of(attention("", unusual)))
    zero = f"{unusual.partition('=')[0]}=0{'.0' if 'softcap' in unusual else ''}"
    assert spread_attention(model_of(attention("", zero))) == 1


def test_grouped_heads_are_refused() -> None:
    with pytest.raises(ExportError, match="grouped heads"):
        spread_attention(model_of(attention("", heads="q_num_heads=2, kv_num_heads=1")))


@pytest.mark.parametrize(
    ("gelu", "contrib", "opset", "domain"),
    [
        ("Gelu (x)", False, 20, ""),
        ("Gelu (x)", True, 19, "com.microsoft"),
        ('Gelu <approximate="none"> (x)', True, 19, "com.microsoft"),
        ('Gelu <approximate="tanh"> (x)', True, 20, ""),
    ],
)
def test_gelu_is_the_engines_own_only_where_that_lowers_the_opset(
    gelu: str, contrib: bool, opset: int, domain: str
) -> None:
    other = "com.microsoft.FastGelu" if contrib else "Identity"
    model = model_of(
        f"""<ir_version: 11, opset_import: ["" : 23, "com.microsoft" : 1]>
g (float[b] x) => (float[b] z) {{ y = {gelu} z = {other} (y) }}"""
    )
    lower_opset(model)
    assert (model.opset_imports[""], model.graph[0].domain) == (opset, domain)
