"""Every family: with the library it answers as without it, but for the ranges of activations."""

from pathlib import Path
from typing import Any, Final

import onnxruntime
import pytest

import edgebert
import edgebert_native
from edgebert_export.graph.trace import trace
from edgebert_quantize.native.operator import write_native
from edgebert_runtime import Bundle, check
from edgebert_runtime.bundle.manifest_values import NATIVE, STOCK
from edgebert_runtime.engine.native import SWITCH
from edgebert_runtime.engine.session import Session
from tests.support.families import SAMPLES, build, save
from tests.support.native.covered import COVERED, UNCOVERED, changes_of
from tests.support.native.sessions import FORCED, available, distances
from tests.support.native.stock import MASKS, assert_same_bits, token_feeds, write_stock
from tests.support.native.t5 import t5_like

pytestmark = pytest.mark.exhaustive

NOISE: Final = 1e-5
"""Of a token where no number went to another byte."""

FURTHEST: Final = 0.1
"""Of one where some did, as a share of its vector's length; the worst of these models was 0.062."""


def exported(family: str, folder: Path, **changes: Any) -> Bundle:
    source = save(build(SAMPLES[family], **changes), folder / "source")
    return edgebert.export(source, folder / "bundle")


@pytest.fixture(scope="module", params=COVERED)
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    family = request.param
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SWITCH, "1")
        made = exported(family, tmp_path_factory.mktemp(family), **changes_of(family))
        return edgebert.quantize(made, force=True)


def test_both_ways_are_over_the_floors_and_pass_their_samples(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways = bundle.manifest.variants["int8-native"].ways
    assert {*ways} == {STOCK, NATIVE}
    for way in ways.values():
        assert way.quality is not None
        assert way.quality["mean"] >= way.quality["floor"]["mean"]
        assert way.quality["worst"] >= way.quality["floor"]["worst"]
        assert way.samples
    assert check(bundle, "int8-native").passed
    monkeypatch.setenv(SWITCH, "0")
    assert check(bundle, "int8-native").passed


def test_without_the_library_it_gives_the_bits_of_the_stock_graph(bundle: Bundle) -> None:
    paths = ("onnx/model_native.onnx", "onnx/model_quantized.onnx")
    assert_same_bits(*map(bundle.path_of, paths))


def test_no_weight_is_there_twice(bundle: Bundle) -> None:
    native, stock = (
        bundle.path_of(f"onnx/model_{name}.onnx").stat().st_size for name in ("native", "quantized")
    )
    assert native < stock / 2


def assert_near_the_stock_graph(stock: Path) -> None:
    """With the ranges of calibration both are the same but for rounding."""
    path = stock.with_name("static.onnx")
    write_native(stock, path, "static")
    options = onnxruntime.SessionOptions()
    options.register_custom_ops_library(edgebert_native.library())
    with_library = onnxruntime.InferenceSession(
        str(path), options, providers=["CPUExecutionProvider"]
    )
    without = Session(stock, provider="cpu")
    exact = "bf16" not in edgebert_native.kernel()
    for kind in MASKS:
        feeds = token_feeds(without.inputs, kind)
        kept = feeds["attention_mask"] != 0
        (expected,) = without.run(["last_hidden_state"], feeds)
        (found,) = with_library.run(["last_hidden_state"], feeds)
        assert not found[~kept].any()
        apart = distances(found, expected)[kept]
        assert apart.max() <= FURTHEST, kind
        assert not exact or apart.min() < NOISE, kind


@pytest.fixture
def exact_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """With attention in float32 wherever the CPU has such a set."""
    exact = [name for name in available() if "bf16" not in name]
    if exact:
        monkeypatch.setenv(FORCED, exact[0])


@pytest.mark.usefixtures("exact_kernel")
def test_the_kernel_is_near_the_stock_graph(bundle: Bundle, tmp_path: Path) -> None:
    stock = tmp_path / "model_quantized.onnx"
    stock.write_bytes(bundle.path_of("onnx/model_quantized.onnx").read_bytes())
    assert_near_the_stock_graph(stock)


@pytest.mark.usefixtures("exact_kernel")
def test_an_encoder_like_t5(tmp_path: Path) -> None:
    module, spec = t5_like()
    stock = write_stock(trace(module, spec), spec, tmp_path)
    native = stock.with_name("model_native.onnx")
    write_native(stock, native)
    assert_same_bits(native, stock)
    assert_near_the_stock_graph(stock)


@pytest.mark.parametrize("family", UNCOVERED)
def test_why_there_is_no_variant_is_said(family: str, tmp_path: Path) -> None:
    said: list[str] = []
    bundle = edgebert.quantize(exported(family, tmp_path), force=True, progress=said.append)
    assert "int8-native" not in bundle.manifest.variants
    (reason,) = (line for line in said if line.startswith("no variant int8-native: "))
    assert UNCOVERED[family] in reason
