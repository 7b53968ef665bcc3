"""Encoders that others exported: told by their structure, refused with the reason."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

import edgebert
from edgebert.cli.app import app
from edgebert.model.encoder import Encoder
from edgebert_quantize.recipes import RECIPES
from edgebert_quantize.rewrite.rewrite import write_half
from edgebert_quantize.similarity import QualityThreshold, SimilarityMetric
from edgebert_runtime import Bundle
from edgebert_runtime.errors import (
    ConfigError,
    EdgebertError,
    ExportError,
    QualityError,
    TokenizerError,
    UnsafePathError,
)
from tests.support.tiny_encoder import TINY


class Odd(nn.Module):
    """Inputs in another order, int32, and outputs that nobody else calls so."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, kept: Tensor, segments: Tensor, words: Tensor) -> tuple[Tensor, Tensor]:
        """Shapes: (batch, sequence) each."""
        hidden = self.encoder(words.long(), kept.long(), segments.long())
        return hidden, hidden[:, 0]


class Rows(Odd):
    """Tokens of all texts as rows of one matrix, as models of long ago have them."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__(encoder)
        self.head = nn.Linear(TINY.hidden, TINY.hidden)

    def forward(self, kept: Tensor, segments: Tensor, words: Tensor) -> tuple[Tensor, Tensor]:
        """Shapes: (batch, sequence) each."""
        hidden, _ = super().forward(kept, segments, words)
        rows = self.head(hidden.flatten(0, 1)).unflatten(0, words.shape)
        return rows, rows[:, 0]


@pytest.fixture(scope="module")
def odd(
    tiny_encoder: Encoder, tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A graph of torch's exporter, in standard operators, in a folder below its tokenizer."""
    return exported(Odd(tiny_encoder), tiny_bundle, tmp_path_factory.mktemp("theirs"))


def exported(model: Odd, tiny_bundle: Bundle, folder: Path) -> Path:
    (folder / "onnx").mkdir()
    tokenizer = (tiny_bundle.folder / "tokenizer.json").read_bytes()
    (folder / "tokenizer.json").write_bytes(tokenizer)
    dynamic = torch.export.Dim.DYNAMIC
    program: Any = torch.onnx.export(
        model.eval(),
        tuple(torch.ones((2, 7), dtype=torch.int32) for _ in range(3)),
        dynamo=True,
        opset_version=18,
        dynamic_shapes=[{0: dynamic, 1: dynamic}] * 3,
        input_names=["kept", "segments", "words.1"],
        output_names=["tokens", "first"],
        verbose=False,
    )
    program.save(folder / "onnx" / "odd.onnx")
    return folder / "onnx" / "odd.onnx"


def run(path: Path) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    words = np.random.default_rng(0).integers(5, TINY.vocabulary, (3, 9), dtype=np.int32)
    ones, zeros = np.ones_like(words), np.zeros_like(words)
    found: list[np.ndarray] = session.run(
        ["tokens", "first"], {"kept": ones, "segments": zeros, "words.1": words}
    )
    return found


@pytest.mark.parametrize("recipe", ["int8", "int8-static", "int8-dynamic"])
def test_names_and_answers_stay(odd: Path, recipe: str, tmp_path: Path) -> None:
    out = tmp_path / "out.onnx"
    quality = edgebert.quantize_file(odd, out, recipe, force=True)
    assert quality.passed
    assert quality.mean > 0.99
    graph = onnx.load(out).graph
    assert [value.name for value in graph.input] == ["kept", "segments", "words.1"]
    assert [value.name for value in graph.output] == ["tokens", "first"]
    operators = {node.op_type for node in graph.node}
    assert ("MatMulIntegerToFloat" in operators) is (recipe != "int8-static")
    for found, exact in zip(run(out), run(odd), strict=True):
        cosine = (found * exact).sum() / np.linalg.norm(found) / np.linalg.norm(exact)
        assert 0.98 < cosine < 1
    assert [path.name for path in tmp_path.iterdir()] == ["out.onnx"]


def test_linear_layers_of_rows_are_quantized_too(
    tiny_encoder: Encoder, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    source = exported(Rows(tiny_encoder), tiny_bundle, tmp_path)
    assert "Gemm" in {node.op_type for node in onnx.load(source).graph.node}
    edgebert.quantize_file(source, tmp_path / "out.onnx", "int8", force=True)
    operators = [node.op_type for node in onnx.load(tmp_path / "out.onnx").graph.node]
    assert "Gemm" not in operators
    assert operators.count("MatMulIntegerToFloat") == 6 * TINY.layers + 1
    for found, exact in zip(run(tmp_path / "out.onnx"), run(source), strict=True):
        assert (found * exact).sum() / np.linalg.norm(found) / np.linalg.norm(exact) > 0.98


def test_static_files_have_standard_operators_only(odd: Path, tmp_path: Path) -> None:
    edgebert.quantize_file(odd, tmp_path / "out.onnx", "int8-static")
    assert {node.domain for node in onnx.load(tmp_path / "out.onnx").graph.node} == {""}


def test_a_quantized_file_says_so(odd: Path, tmp_path: Path) -> None:
    for recipe in ("int8", "int8-static"):
        once = tmp_path / f"{recipe}.onnx"
        edgebert.quantize_file(odd, once, recipe, force=True)
        with pytest.raises(ExportError, match=r"is quantized already, it has .*QuantizeLinear"):
            edgebert.quantize_file(once, tmp_path / "twice.onnx", tokenizer=odd.parents[1])
    assert not (tmp_path / "twice.onnx").exists()


def test_weights_beside_a_graph_are_found(odd: Path, tmp_path: Path) -> None:
    """As in every export of more than 2 GB, and many of less."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    model = onnx.load(odd)
    onnx.save(model, folder / "m.onnx", save_as_external_data=True, size_threshold=1024)
    tokenizer = odd.parents[1]
    edgebert.quantize_file(odd, tmp_path / "inside.onnx", force=True)
    edgebert.quantize_file(
        folder / "m.onnx", tmp_path / "beside.onnx", tokenizer=tokenizer, force=True
    )
    for found, expected in zip(
        run(tmp_path / "beside.onnx"), run(tmp_path / "inside.onnx"), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_external_data_elsewhere_are_refused(odd: Path, tmp_path: Path) -> None:
    model = onnx.load(odd)
    folder = tmp_path / "theirs"
    folder.mkdir()
    onnx.save(model, folder / "m.onnx", save_as_external_data=True, size_threshold=0)
    (data,) = (path for path in folder.iterdir() if path.name != "m.onnx")
    data.rename(tmp_path / "secret")
    changed = onnx.load(folder / "m.onnx", load_external_data=False)
    for tensor in changed.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = "../secret"
    (folder / "m.onnx").write_bytes(changed.SerializeToString())
    with pytest.raises(UnsafePathError, match="secret"):
        edgebert.quantize_file(folder / "m.onnx", tmp_path / "out.onnx", tokenizer=odd.parents[1])


def test_errors_name_the_file_that_was_given(odd: Path, tmp_path: Path) -> None:
    """And not the one it was simplified into."""
    with pytest.raises(ExportError, match=f"^{odd} has no embedding table large enough"):
        edgebert.quantize_file(odd, tmp_path / "out.onnx", "embeddings-int8")


def test_a_graph_that_was_fused_is_refused_for_that(odd: Path, tmp_path: Path) -> None:
    """Its tables and linear layers are inputs of operators that quantization does not read."""
    numbers = ", ".join(["0.5"] * 2000)
    text = f"""<ir_version: 8, opset_import: ["": 18, "com.microsoft": 1]>
    g (int32[N,S] ids, int32[N,S] mask) => (float[N,S,2] y)
    <float[1000,2] word = {{{numbers}}}, float[1000,2] place = {{{numbers}}},
     float[2] scale = {{1, 1}}, float[2] shift = {{0, 0}}>
    {{ y, sums = com.microsoft.EmbedLayerNormalization(ids, , word, place, , scale, shift, mask) }}
    """
    onnx.save(onnx.parser.parse_model(text), tmp_path / "fused.onnx")
    with pytest.raises(ExportError, match=r"fused\.onnx has EmbedLayerNormalization, .* before"):
        edgebert.quantize_file(
            tmp_path / "fused.onnx", tmp_path / "out.onnx", tokenizer=odd.parents[1]
        )


def test_an_old_opset_is_named_with_the_callers_file(tmp_path: Path) -> None:
    """Pow takes bfloat16 from opset 15 on (https://onnx.ai/onnx/operators/onnx__Pow.html)."""
    text = """<ir_version: 8, opset_import: ["": 14]>
    g (float[N,2] x, float[N,2] z) => (float[N,2] y) { y = Pow (x, z) }"""
    onnx.save(onnx.parser.parse_model(text), tmp_path / "plain.onnx")
    half = RECIPES["bf16"].half
    assert half is not None
    with pytest.raises(ExportError, match=r"^theirs\.onnx .* opset, 14: .* at a newer opset$"):
        write_half(tmp_path / "plain.onnx", tmp_path / "out", half, source=Path("theirs.onnx"))


def test_fixed_shapes_are_refused(odd: Path, tmp_path: Path) -> None:
    model = onnx.load(odd)
    for value in model.graph.input:
        value.type.tensor_type.shape.dim[1].dim_value = 16
    onnx.save(model, tmp_path / "fixed.onnx")
    with pytest.raises(ExportError, match=r"of shape \[.*16\], expected batch.*dynamic axes"):
        edgebert.quantize_file(
            tmp_path / "fixed.onnx", tmp_path / "out.onnx", tokenizer=odd.parents[1]
        )


def test_what_is_no_encoder_is_refused(odd: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.onnx"
    text = """<ir_version: 8, opset_import: ["": 18]>
    g (float[N,4] x, float[N,4] z) => (float[N,4] y) { s = Add (x, z)  y = Relu (s) }"""
    onnx.save(onnx.parser.parse_model(text), other)
    with pytest.raises(ExportError, match=r"not a text encoder.*found: x \(attention_mask\), z"):
        edgebert.quantize_file(other, tmp_path / "out.onnx", tokenizer=odd.parents[1])


def test_position_ids_are_refused(odd: Path, tmp_path: Path) -> None:
    """No tokenizer makes them, and they look like a mask."""
    model = onnx.load(odd)
    more = onnx.helper.make_tensor_value_info("position_ids", onnx.TensorProto.INT64, ["b", "s"])
    model.graph.input.append(more)
    onnx.save(model, tmp_path / "more.onnx")
    with pytest.raises(ExportError, match=r"several inputs of the same role: .*kept.*position_ids"):
        edgebert.quantize_file(
            tmp_path / "more.onnx", tmp_path / "out.onnx", tokenizer=odd.parents[1]
        )


def test_a_tokenizer_of_another_model_is_refused(odd: Path, tmp_path: Path, minilm: Path) -> None:
    with pytest.raises(ExportError, match="not a text encoder for this tokenizer of 30522 tokens"):
        edgebert.quantize_file(odd, tmp_path / "out.onnx", tokenizer=minilm)


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (
            lambda source: source.write_bytes(b"no graph"),
            ExportError,
            "is not an ONNX graph that can",
        ),
        (lambda source: source.unlink(), ConfigError, "is not a file; expected an ONNX graph"),
    ],
    ids=["damaged", "missing"],
)
def test_a_file_that_is_none(
    spoil: Callable[[Path], None],
    error: type[EdgebertError],
    message: str,
    odd: Path,
    tmp_path: Path,
) -> None:
    source = tmp_path / "source.onnx"
    source.touch()
    spoil(source)
    with pytest.raises(error, match=message):
        edgebert.quantize_file(source, tmp_path / "out.onnx", tokenizer=odd.parents[1])


def test_a_missing_tokenizer_says_where_it_was_looked_for(odd: Path, tmp_path: Path) -> None:
    alone = tmp_path / "a" / "b" / "model.onnx"
    alone.parent.mkdir(parents=True)
    alone.write_bytes(odd.read_bytes())
    with pytest.raises(TokenizerError, match=r"no .*b/tokenizer.json nor .*a/tokenizer.json"):
        edgebert.quantize_file(alone, tmp_path / "out.onnx")


def test_nothing_is_replaced_unasked(odd: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.onnx"
    out.write_text("precious", encoding="utf-8")
    with pytest.raises(ConfigError, match="exists; choose another name, or pass overwrite"):
        edgebert.quantize_file(odd, out)
    assert out.read_text(encoding="utf-8") == "precious"
    edgebert.quantize_file(odd, out, overwrite=True, force=True)
    assert onnx.load(out).graph.node
    with pytest.raises(ConfigError, match="exists"):
        edgebert.quantize_file(odd, odd, overwrite=True)


def test_below_the_threshold_nothing_is_written(
    odd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    thresholds = {kind: QualityThreshold(mean=1.1, worst=1) for kind in SimilarityMetric}
    monkeypatch.setitem(RECIPES, "int8", replace(RECIPES["int8"], thresholds=thresholds))
    with pytest.raises(QualityError, match=r"required are 1\.1"):
        edgebert.quantize_file(odd, tmp_path / "out.onnx")
    assert list(tmp_path.iterdir()) == []


def test_the_command_takes_files_too(odd: Path, tiny_bundle: Bundle, tmp_path: Path) -> None:
    out = tmp_path / "out.onnx"
    done = CliRunner().invoke(app, ["quantize", str(odd), str(out), "--force"])
    assert done.exit_code == 0, done.exception
    assert "out.onnx: " in done.stdout
    assert "cosine to fp32 0.99" in done.stdout
    for arguments in ([str(odd)], [str(tiny_bundle.folder), str(out)]):
        wrong = CliRunner().invoke(app, ["quantize", *arguments])
        assert (wrong.exit_code, wrong.stderr[:10]) == (2, "edgebert: ")
