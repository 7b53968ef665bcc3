from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import edgebert
from edgebert_quantize import RECIPES, default_texts
from edgebert_quantize.quality import calibration_texts, compare, quality_texts, row_cosines
from edgebert_runtime import Bundle, load
from edgebert_runtime.errors import BundleExistsError, ConfigError, ExportError, QualityError
from tests.conftest import TEXTS


def files_of(bundle: Bundle) -> dict[str, bytes]:
    return {
        path.relative_to(bundle.folder).as_posix(): path.read_bytes()
        for path in bundle.folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def fp32_bundle(tiny_folder: Path, tmp_path: Path) -> Bundle:
    return edgebert.export(tiny_folder, tmp_path / "fp32")


def test_the_variant_is_measured_and_recorded(tiny_bundle: Bundle) -> None:
    variant = tiny_bundle.manifest.variants["int8"]
    assert variant.quality is not None
    assert variant.quality["floor"]["mean"] <= variant.quality["mean"] < 1
    assert variant.quality["samples"] == len(quality_texts())
    assert tiny_bundle.manifest.default_variant == "fp32"


def test_the_int8_file_runs_and_is_close(tiny_bundle: Bundle) -> None:
    exact = load(tiny_bundle, "fp32").embed(TEXTS)
    rounded = load(tiny_bundle, "int8").embed(TEXTS)
    cosines = row_cosines(rounded, exact)
    assert 0.98 < cosines.min() < 1


def test_below_the_floor_nothing_is_written(
    fp32_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict = replace(RECIPES["int8"], floor_mean=0.9999999)
    monkeypatch.setattr("edgebert_quantize.quantizing.RECIPES", {"int8": strict})
    before = files_of(fp32_bundle)
    with pytest.raises(QualityError, match=r"cosine to fp32 is 0\.9.*the floor is 0.9999999"):
        edgebert.quantize(fp32_bundle)
    assert files_of(fp32_bundle) == before


def test_a_second_time_is_refused(tiny_bundle: Bundle) -> None:
    with pytest.raises(BundleExistsError, match="has a variant 'int8' already"):
        edgebert.quantize(tiny_bundle)


def test_an_unknown_recipe_lists_the_known(tiny_bundle: Bundle) -> None:
    with pytest.raises(ConfigError, match="recipe must be one of int8; got 'int2'"):
        edgebert.quantize(tiny_bundle, recipe="int2")


def test_a_bundle_without_the_cpu_graph_says_how_to_get_one(
    tiny_folder: Path, tmp_path: Path
) -> None:
    portable = edgebert.export(tiny_folder, tmp_path / "out", target="portable")
    with pytest.raises(ConfigError, match="export with target='cpu'"):
        edgebert.quantize(portable)


def test_verify_holds_int8_to_its_floor(bundle: Bundle, tiny_folder: Path) -> None:
    report = edgebert.verify(bundle, against=tiny_folder)
    assert report.passed
    assert set(report.worst) == {"portable", "cpu", "int8"}
    manifest = bundle.manifest
    variant = manifest.variants["int8"]
    quality = {**(variant.quality or {}), "floor": {"mean": 0.999999, "worst": 0.98}}
    stricter = {**manifest.variants, "int8": replace(variant, quality=quality)}
    text = replace(manifest, variants=stricter).to_json()
    (bundle.folder / "edgebert.json").write_text(text, encoding="utf-8")
    report = edgebert.verify(bundle, against=tiny_folder)
    assert not report.passed
    with pytest.raises(QualityError, match="variant 'int8'"):
        report.require()


def test_calibration_and_measurement_share_no_text() -> None:
    assert len(quality_texts()) == 256
    assert len(calibration_texts()) == 128
    assert not set(quality_texts()) & set(calibration_texts())


def test_default_texts_are_the_same_each_time() -> None:
    assert default_texts(50) == default_texts(50)
    assert len(set(default_texts(1000))) == 1000


@pytest.mark.parametrize("spoil", [np.nan, 0.0, -1.0])
def test_the_evaluator_can_fail(spoil: float) -> None:
    reference = np.random.default_rng(0).standard_normal((4, 8)).astype(np.float32)
    vectors = reference.copy()
    vectors[2] *= spoil
    quality = compare(
        vectors, reference, list("abcd"), floor_mean=0.5, floor_worst=0.98, data="here"
    )
    assert not quality.passed
    with pytest.raises(QualityError, match="text 'c'"):
        quality.require()


def test_real_weights_reach_the_floor_with_room(minilm_bundle: Bundle) -> None:
    quality = minilm_bundle.manifest.variants["int8"].quality
    assert quality is not None
    assert quality["mean"] > 0.997
    assert quality["worst"] > 0.99


def test_a_graph_without_linear_layers_says_so(bundle: Bundle) -> None:
    """The int8 graph is handed in as the fp32 one: everything is quantized already."""
    manifest = bundle.manifest
    fake = replace(manifest.variants["int8"], precision="fp32", target="cpu", quality=None)
    text = replace(manifest, variants={"cpu": fake}, default_variant="cpu").to_json()
    (bundle.folder / "edgebert.json").write_text(text, encoding="utf-8")
    with pytest.raises(ExportError, match="no linear layer to quantize"):
        edgebert.quantize(bundle)
