"""CPUs that add integer products in 16 bits: noticed, refused, and gone around."""

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import edgebert
from edgebert_quantize.evaluation.target_cpu import INSTRUCTION_SETS, LARGEST_WEIGHT, choose_cpu
from edgebert_runtime import Bundle, load
from edgebert_runtime.engine.cpu import (
    LARGEST,
    PROBE,
    TILE_PROBE,
    cpu_fields,
    cpu_name,
    first_processor,
    sums_saturate,
    tiles_go_wrong,
)
from edgebert_runtime.engine.machine import machine_info
from edgebert_runtime.errors import BundleError, ConfigError, FallbackWarning
from edgebert_runtime.loading.graph_cache import cpu_identity
from tests.support.tiny_encoder import EVEN, TEXTS, build_tiny, save_tiny

ROOT = Path(__file__).parents[2]
EMULATOR = shutil.which("qemu-x86_64") or shutil.which(
    "qemu-x86_64-static", path=ROOT / ".cache" / "emulator" / "usr" / "bin"
)

ON_HASWELL = """
import sys, warnings
import numpy as np
from edgebert_runtime import Bundle, load
from edgebert_runtime.verification.self_test import check_all
from edgebert_runtime.engine.cpu import sums_saturate
from edgebert_runtime.errors import BundleError

wide, narrow, texts = sys.argv[1], sys.argv[2], sys.argv[3:]
assert sums_saturate()
try:
    load(wide, "int8")
except BundleError as error:
    assert "16 bits" in str(error)
else:
    raise AssertionError("opened")
for folder, runs in ((wide, False), (narrow, True)):
    reports = {report.variant: report for report in check_all(folder)}
    for report in reports.values():
        report.require()
    assert reports["cpu"].passed and reports["int8-cpu"].passed == runs
    assert runs or "16 bits" in reports["int8-cpu"].left_out
np.save(sys.stdout.buffer, load(narrow, "int8").embed(texts))
"""


def sums_in_16_bits(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """What VPMADDUBSW makes of uint8 times int8: two products, added and held in int16.

    Shapes: (…, inputs), (inputs, outputs) with an even number of inputs.
    """
    products = values.astype(np.int64)[..., :, np.newaxis] * weights.astype(np.int64)
    pairs = products[..., 0::2, :] + products[..., 1::2, :]
    held: np.ndarray = np.clip(pairs, -(2**15), 2**15 - 1).sum(axis=-2)
    return held


def narrow_weights(largest: int) -> st.SearchStrategy[np.ndarray]:
    return arrays.arrays(np.int8, (6, 3), elements=st.integers(-largest, largest))


@pytest.fixture
def saturating(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if this CPU had no VNNI: ONNX Runtime answers the probe as it does there."""

    class Narrow(onnxruntime.InferenceSession):  # type: ignore[misc]
        def __init__(self, graph: object, *arguments: Any, **options: Any) -> None:
            super().__init__(graph, *arguments, **options)
            self.probed = graph == PROBE

        def run(self, *arguments: Any) -> Any:
            found = super().run(*arguments)
            return [np.full_like(found[0], 2 * (2**15 - 1))] if self.probed else found

    sums_saturate.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(onnxruntime, "InferenceSession", Narrow)
        assert sums_saturate()
        yield
    sums_saturate.cache_clear()


def test_the_probe_asks_for_the_largest_sum() -> None:
    graph = onnx.load_from_string(PROBE)
    onnx.checker.check_model(graph)
    (node,) = graph.graph.node
    column = onnx.numpy_helper.to_array(graph.graph.initializer[0])
    assert (node.op_type, column.dtype) == ("MatMulInteger", np.int8)
    largest = np.full((1, 4), 255, np.uint8)
    assert (largest.astype(int) @ column.astype(int)).item() == LARGEST
    assert sums_in_16_bits(largest, column).item() == 2 * (2**15 - 1)


@given(arrays.arrays(np.uint8, (4, 6)), narrow_weights(LARGEST_WEIGHT["avx2"]))
def test_seven_bits_are_exact_in_16(values: np.ndarray, weights: np.ndarray) -> None:
    exact = values.astype(int) @ weights.astype(int)
    np.testing.assert_array_equal(sums_in_16_bits(values, weights), exact)


def test_one_more_would_not_be() -> None:
    values = np.full((1, 2), 255, np.uint8)
    for largest, exact in ((64, True), (65, False), (127, False)):
        weights = np.full((2, 1), largest, np.int8)
        assert (sums_in_16_bits(values, weights).item() == 510 * largest) is exact


@pytest.mark.usefixtures("saturating")
def test_eight_bits_are_refused_where_they_overflow(tiny_bundle: Bundle) -> None:
    with pytest.raises(BundleError, match=r"16 bits.*wrong; load variant='fp32'.*cpu='avx2'"):
        load(tiny_bundle, "int8")
    assert load(tiny_bundle, "fp32").info().variant == "cpu"


@pytest.mark.usefixtures("saturating")
def test_auto_takes_fp32_there(bundle: Bundle) -> None:
    text = (bundle.folder / "edgebert.json").read_text(encoding="utf-8")
    changed = text.replace('"default_variant": "fp32"', '"default_variant": "int8"')
    assert changed != text
    (bundle.folder / "edgebert.json").write_text(changed, encoding="utf-8")
    with pytest.warns(FallbackWarning, match="fp32 runs instead") as caught:
        assert load(bundle.folder).info().variant == "cpu"
    assert caught[0].filename == __file__  # where `load` is called, not inside it


def test_a_class_that_is_no_name_is_refused(bundle: Bundle) -> None:
    text = json.loads((bundle.folder / "edgebert.json").read_text(encoding="utf-8"))
    text["variants"]["int8-cpu"]["instruction_sets"] = [7]
    (bundle.folder / "edgebert.json").write_text(json.dumps(text), encoding="utf-8")
    with pytest.raises(BundleError, match=r"instruction_sets\[0\] is 7, expected a string"):
        load(bundle.folder)


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory, tiny_exported: Bundle) -> Bundle:
    folder = tmp_path_factory.mktemp("narrow") / "bundle"
    return edgebert.quantize(shutil.copytree(tiny_exported.folder, folder), cpu="avx2")


def test_a_file_for_every_cpu_has_seven_bits(narrow: Bundle, tiny_bundle: Bundle) -> None:
    for bundle, cpu, largest in ((narrow, "avx2", 64), (tiny_bundle, choose_cpu(None), 127)):
        variant = bundle.manifest.variants["int8-cpu"]
        assert variant.instruction_sets == INSTRUCTION_SETS[cpu]
        graph = onnx.load(bundle.path_of(variant.file)).graph
        weights = [onnx.numpy_helper.to_array(t) for t in graph.initializer if ".weight" in t.name]
        assert weights
        assert max(np.abs(array.astype(int)).max() for array in weights) == largest
        quality = variant.way.quality
        assert quality is not None
        assert quality["mean"] > 0.998


@pytest.mark.usefixtures("saturating")
def test_it_loads_where_sums_have_16_bits(narrow: Bundle) -> None:
    assert load(narrow, "int8").info().variant == "int8-cpu"


@pytest.mark.usefixtures("saturating")
def test_what_cannot_be_measured_here_is_not_made(bundle: Bundle) -> None:
    with pytest.raises(ConfigError, match="cannot be measured here"):
        edgebert.quantize(bundle, "int8-dynamic", cpu="dotprod")


def test_an_unknown_cpu_is_named(bundle: Bundle) -> None:
    with pytest.raises(ConfigError, match=r"dotprod, avx2; got 'sse'"):
        edgebert.quantize(bundle, "int8-dynamic", cpu="sse")


@pytest.mark.parametrize("former", ["avx512_vnni", "arm64"])
def test_the_former_name_of_a_class_is_refused_with_its_new_one(
    bundle: Bundle, former: str
) -> None:
    with pytest.raises(ConfigError, match=f"'{former}' is called 'dotprod' now"):
        edgebert.quantize(bundle, "int8-dynamic", cpu=former)


@pytest.mark.skipif(EMULATOR is None, reason="needs qemu-x86_64 (.ci/emulator)")
def test_on_an_emulated_cpu_without_vnni(narrow: Bundle, tiny_bundle: Bundle) -> None:
    """ONNX Runtime itself on a Haswell: it overflows, the runtime refuses, 7 bits are exact."""
    done = subprocess.run(
        [
            *(str(EMULATOR), "-cpu", "Haswell", sys.executable, "-c", ON_HASWELL),
            *(str(tiny_bundle.folder), str(narrow.folder), *TEXTS),
        ],
        capture_output=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr.decode()
    (narrow.folder.parent / "there.npy").write_bytes(done.stdout)
    there = np.load(narrow.folder.parent / "there.npy")
    np.testing.assert_allclose(there, load(narrow, "int8").embed(TEXTS), atol=1e-5)


@pytest.fixture
def wrong_tiles(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if this CPU had AMX and ONNX Runtime were of a version that is wrong there."""

    class Wrong(onnxruntime.InferenceSession):  # type: ignore[misc]
        def __init__(self, graph: object, *arguments: Any, **options: Any) -> None:
            super().__init__(graph, *arguments, **options)
            self.probed = graph == TILE_PROBE

        def run(self, *arguments: Any) -> Any:
            found = super().run(*arguments)
            if self.probed:
                found[0][-1, -1] += 1
            return found

    tiles_go_wrong.cache_clear()
    monkeypatch.setattr(onnxruntime, "InferenceSession", Wrong)
    monkeypatch.setattr(onnxruntime, "__version__", "1.24.4")
    yield
    tiles_go_wrong.cache_clear()


def test_the_probe_of_tiles_is_one_product() -> None:
    graph = onnx.load_from_string(TILE_PROBE)
    onnx.checker.check_model(graph)
    assert [node.op_type for node in graph.graph.node] == ["MatMulInteger"]


@pytest.mark.usefixtures("wrong_tiles")
def test_widths_that_are_multiplied_wrongly_are_refused(tiny_bundle: Bundle) -> None:
    assert tiles_go_wrong()
    with pytest.raises(
        BundleError,
        match=r"of 16: ONNX Runtime 1\.24\.4 .*AMX; upgrade it to 1\.25 or later, or load",
    ):
        load(tiny_bundle, "int8")
    assert load(tiny_bundle, "fp32").info().precision == "fp32"


@pytest.mark.usefixtures("wrong_tiles")
def test_other_widths_run_there(tmp_path: Path) -> None:
    exported = edgebert.export(save_tiny(build_tiny(EVEN), tmp_path / "even"), tmp_path / "bundle")
    quantized = edgebert.quantize(exported, "int8", force=True)
    assert load(quantized, "int8").info().precision == "int8"


@pytest.mark.parametrize(("version", "asked"), [("1.20.1", 0), ("1.21.0", 1), ("1.25.0", 0)])
@pytest.mark.usefixtures("wrong_tiles")
def test_only_versions_that_may_be_wrong_are_asked(
    monkeypatch: pytest.MonkeyPatch, version: str, asked: int
) -> None:
    monkeypatch.setattr(onnxruntime, "__version__", version)
    assert tiles_go_wrong() is bool(asked)


def test_the_engine_has_its_own_version_again() -> None:
    """Behind the tests above, which a process runs first: nothing of them stays."""
    assert onnxruntime.__version__ == version("onnxruntime")
    assert onnxruntime.InferenceSession.__module__.startswith("onnxruntime.")


def test_the_answer_is_remembered() -> None:
    assert sums_saturate() is sums_saturate()
    assert sums_saturate.cache_info().hits > 0


INTEL = b"processor\t: 0\nmodel name\t: Some CPU @ 2\nflags\t\t: fpu avx2\n"
"""One core of two."""


def test_one_reader_knows_the_name_and_what_kept_graphs_go_by(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    assert first_processor(cpuinfo) == []
    assert cpu_name(cpuinfo) == platform.machine()
    assert platform.machine().encode() in cpu_identity(first_processor(cpuinfo))
    cpuinfo.write_bytes(INTEL + b"\n" + INTEL.replace(b"Some", b"Other"))
    assert cpu_fields(cpuinfo)["flags"] == "fpu avx2"
    assert cpu_name(cpuinfo) == f"Some CPU @ 2, {platform.machine()}"
    found = cpu_identity(first_processor(cpuinfo))
    assert found == b"model name\t: Some CPU @ 2\nflags\t\t: fpu avx2"
    assert machine_info("cpu")["cpu"] == cpu_name()  # of this machine
