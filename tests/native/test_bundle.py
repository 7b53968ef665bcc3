"""A bundle with a variant for the library: what is chosen, what is said, what is kept."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import pytest
import torch

import edgebert
import edgebert_native
from edgebert.compression.widths.narrowing import Kept, narrowed
from edgebert.model.encoder import Encoder
from edgebert_quantize.native.operator import DOMAIN
from edgebert_runtime import Bundle, check, check_all, load, warm
from edgebert_runtime.bundle.manifest import CARD_NAME, hash_file
from edgebert_runtime.bundle.manifest_values import NATIVE, STOCK
from edgebert_runtime.cli.main import main
from edgebert_runtime.engine.native import NAME, SWITCH, find_native
from edgebert_runtime.errors import BundleIntegrityError
from edgebert_runtime.inference.feeds import make_feeds
from tests.support.tiny_encoder import TEXTS, TINY, save_tiny

LEAST_COSINE: Final = 0.99
"""Of both ways of a tiny encoder of random weights; `test_minilm.py` holds real ones to more."""


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, "0")


def test_each_way_has_its_own_quality_and_samples(native_bundle: Bundle) -> None:
    variant = native_bundle.manifest.variants["int8-native"]
    assert (variant.target, variant.min_onnxruntime) == ("native", "1.17.0")
    assert variant.library is not None
    assert (variant.library.name, variant.library.required) == (NAME, False)
    assert {name: way.scheme for name, way in variant.ways.items()} == {
        STOCK: "static",
        NATIVE: "token",
    }
    stock, native = (variant.ways[name] for name in (STOCK, NATIVE))
    assert stock.quality is not None
    assert native.quality is not None
    portable = native_bundle.manifest.variants["int8-portable"].way
    assert stock.quality == portable.quality  # the same bits
    assert native.quality["mean"] > stock.quality["mean"]
    assert stock.samples != native.samples
    assert variant.files == (variant.file, "onnx/model_quantized.onnx")


def test_layers_of_different_widths_run_natively(tmp_path: Path) -> None:
    torch.manual_seed(0)
    whole = Encoder(replace(TINY, hidden=64, intermediate=128)).eval()
    widths = ((2, 128), (1, 32))
    assert len(whole.layers) == len(widths)
    kept = [Kept(heads=tuple(range(h)), neurons=tuple(range(n))) for h, n in widths]
    source = save_tiny(narrowed(whole, kept), tmp_path / "pruned")
    bundle = edgebert.quantize(edgebert.export(source, tmp_path / "bundle"), force=True)
    ways = bundle.manifest.variants["int8-native"].ways
    assert all(each.quality["mean"] > LEAST_COSINE for each in ways.values() if each.quality)
    assert load(bundle, cache_dir=False).info().way == NATIVE
    assert check(bundle).passed


def test_it_runs_where_the_library_is(native_bundle: Bundle) -> None:
    info = load(native_bundle, cache_dir=False).info()
    assert (info.variant, info.way) == ("int8-native", NATIVE)
    assert (info.kernel, info.no_kernel) == (edgebert_native.kernel(), None)


@pytest.mark.usefixtures("without")
def test_it_comes_last_without_the_library(native_bundle: Bundle) -> None:
    model = load(native_bundle, cache_dir=False)
    info = model.info()
    assert (info.variant, info.way, info.kernel) == ("int8-cpu", STOCK, None)
    assert info.no_kernel == f"{SWITCH} is 0"
    asked = load(native_bundle, "int8-native", cache_dir=False)
    assert (asked.info().way, asked.info().no_kernel) == (STOCK, f"{SWITCH} is 0")
    portable = load(native_bundle, "int8-portable", cache_dir=False)
    np.testing.assert_array_equal(asked.embed(TEXTS), portable.embed(TEXTS))


def test_another_variant_says_why_no_kernel_runs(
    native_bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    info = load(native_bundle, "int8-cpu", cache_dir=False).info()
    assert info.no_kernel == f"variant 'int8-cpu' runs, and 'int8-native' is for {NAME}"
    folder = str(native_bundle.folder)
    assert main(["info", folder, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kernel"] == edgebert_native.kernel()


def test_both_ways_pass_their_own_samples(
    native_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert all(report.passed for report in check_all(native_bundle))
    monkeypatch.setenv(SWITCH, "0")
    report = check(native_bundle, "int8-native")
    assert report.passed, report.problem
    assert report.samples


def test_vectors_of_both_ways_are_near(native_bundle: Bundle) -> None:
    ways = [load(native_bundle, name, cache_dir=False) for name in ("int8-native", "int8-cpu")]
    native, stock = (model.embed(TEXTS, normalize=True) for model in ways)
    assert np.sum(native * stock, axis=1).min() > LEAST_COSINE
    assert not np.array_equal(native, stock)


def test_tokens_have_the_same_bits_alone_and_beside_others(native_bundle: Bundle) -> None:
    ids = np.random.default_rng(0).integers(5, 20, (3, 9))
    lengths, outputs, states = (9, 4, 1), ["last_hidden_state"], []
    for threads in (1, 2):
        session = load(native_bundle, cache_dir=False, threads=threads).session
        kept = np.arange(9) < np.array(lengths)[:, None]
        feeds = make_feeds(ids, kept.astype(np.int64))
        (together,) = session.run(outputs, feeds)
        for row, length in enumerate(lengths):
            (alone,) = session.run(outputs, make_feeds(ids[row : row + 1, :length]))
            np.testing.assert_array_equal(alone[0], together[row, :length])
            assert not together[row, length:].any()
        states.append(together)
    np.testing.assert_array_equal(states[0], states[1])


def test_several_models_share_threads(native_bundle: Bundle) -> None:
    expected = load(native_bundle, cache_dir=False).embed(TEXTS)
    models = [load(native_bundle, cache_dir=False, share_threads=True) for _ in range(2)]
    for model in models:
        np.testing.assert_array_equal(model.embed(TEXTS), expected)


FORKS: Final = """
import os, sys
from edgebert_runtime import load
model = load(sys.argv[1], cache_dir=False)
before = model.embed(["a dog"])
child = os.fork()
if child == 0:
    os._exit(0 if (model.embed(["a dog"]) == before).all() else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_forked_process_opens_it_anew(native_bundle: Bundle) -> None:
    command = [sys.executable, "-W", "ignore", "-c", FORKS, str(native_bundle.folder)]
    assert subprocess.run(command, check=False, timeout=60).returncode == 0


def test_warm_keeps_packed_weights(native_bundle: Bundle, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cold = load(native_bundle, cache_dir=cache)
    assert not cold.info().warm
    kept = warm(native_bundle, cache_dir=cache, tune=False)
    assert kept.packed
    assert [*kept.files] == [kept.path.name]
    assert warm(native_bundle, cache_dir=cache, tune=False) == kept
    model = load(native_bundle, cache_dir=cache)
    assert (model.info().warm, model.info().way) == (True, NATIVE)
    np.testing.assert_array_equal(model.embed(TEXTS), cold.embed(TEXTS))
    single = model.session.with_threads(1)
    assert single.warm


def test_damaged_packed_weights_are_not_used(native_bundle: Bundle, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    kept = warm(native_bundle, cache_dir=cache, tune=False)
    data = bytearray(kept.path.read_bytes())
    data[-1] ^= 1
    kept.path.write_bytes(data)
    model = load(native_bundle, cache_dir=cache)
    assert not model.info().warm
    assert len(model.embed(TEXTS)) == len(TEXTS)


def test_the_library_that_is_switched_off_has_a_cache_of_its_own(
    native_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    warm(native_bundle, "int8-native", cache_dir=cache, tune=False)
    monkeypatch.setenv(SWITCH, "0")
    assert not load(native_bundle, "int8-native", cache_dir=cache).info().warm


def test_removing_int8_removes_its_graph(native_bundle: Bundle, tmp_path: Path) -> None:
    folder = shutil.copytree(native_bundle.folder, tmp_path / "copy")
    card = (folder / CARD_NAME).read_text(encoding="utf-8")
    assert f"| int8-native (with {NAME}) |" in card
    assert f"| int8-native (without {NAME}) |" in card
    left = edgebert.remove_variant(folder, "int8")
    assert [*left.manifest.variants] == ["portable", "cpu"]
    assert sorted(path.name for path in (folder / "onnx").iterdir()) == [
        "model.onnx",
        "model_cpu.onnx",
    ]
    assert {path.name for path in (folder / "samples").iterdir()} == {"cpu.json", "portable.json"}
    assert "int8-native" not in (folder / CARD_NAME).read_text(encoding="utf-8")


def test_a_damaged_graph_is_refused(native_bundle: Bundle, tmp_path: Path) -> None:
    folder = shutil.copytree(native_bundle.folder, tmp_path / "copy")
    path = folder / "onnx/model_native.onnx"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BundleIntegrityError):
        load(folder, cache_dir=False)


def test_what_the_library_refuses_runs_without_it(native_bundle: Bundle, tmp_path: Path) -> None:
    folder = shutil.copytree(native_bundle.folder, tmp_path / "copy")
    path = folder / "onnx/model_native.onnx"
    model = onnx.load(path, load_external_data=False)
    (node,) = (each for each in model.graph.node if each.domain == DOMAIN)
    (layers,) = (each for each in node.attribute if each.name == "layers")
    layers.i = 99
    onnx.save(model, path)
    manifest = Bundle.open(folder).manifest
    files = {**manifest.files, "onnx/model_native.onnx": hash_file(path)}
    text = replace(manifest, files=files).to_json()
    (folder / "edgebert.json").write_text(text, encoding="utf-8")
    info = load(folder, cache_dir=False).info()
    assert (info.variant, info.way) == ("int8-cpu", STOCK)
    assert info.no_kernel is not None
    assert info.no_kernel.startswith(f"{NAME} does not run variant 'int8-native' (")
    assert "99" in info.no_kernel


def test_what_is_found_is_what_the_library_says() -> None:
    library, reason = find_native()
    assert library is not None, reason
    assert library.path == edgebert_native.library()
    assert library.packing == edgebert_native.packing()
