"""A search within a budget has a variant for the library, or says why it has none."""

import shutil
from pathlib import Path

import pytest

import edgebert
from edgebert_quantize import RECIPES
from edgebert_quantize.search.budget import Budget, parse_budget
from edgebert_quantize.search.native import why_not_native
from edgebert_quantize.search.trials import Assignment, Point
from edgebert_quantize.similarity import SimilarityMetric
from edgebert_runtime import Bundle, check, load
from edgebert_runtime.bundle.manifest_values import NATIVE, STOCK
from tests.support.tiny_encoder import TEXTS


def copied(bundle: Bundle, folder: Path) -> Bundle:
    """Without its quantized variants."""
    copy = Bundle.open(shutil.copytree(bundle.folder, folder))
    return edgebert.remove_variant(copy, "int8")


@pytest.mark.exhaustive
def test_layers_of_one_scheme_have_a_variant(native_bundle: Bundle, tmp_path: Path) -> None:
    bundle = copied(native_bundle, tmp_path / "copy")
    search = edgebert.quantize_within(
        bundle, "cosine>=0.9", force=True, cache_dir=tmp_path / "cache"
    )
    variant = search.bundle.manifest.variants["int8-native"]
    stock, native = (variant.ways[name].quality for name in (STOCK, NATIVE))
    assert stock is not None
    assert native is not None
    assert [*stock["layers"]] == ["static"]
    assert native["layers"] == {"token": stock["layers"]["static"]}
    assert stock["budget"] == native["budget"] == "cosine>=0.9"
    assert native["floor"]["mean"] == 0.9
    assert native["mean"] > stock["mean"]
    assert check(search.bundle, "int8-native").passed
    model = load(search.bundle, cache_dir=False)
    assert model.info().way == NATIVE
    assert len(model.embed(TEXTS)) == len(TEXTS)


@pytest.mark.exhaustive
def test_layers_of_several_schemes_have_none(native_bundle: Bundle, tmp_path: Path) -> None:
    bundle = copied(native_bundle, tmp_path / "copy")
    said: list[str] = []
    search = edgebert.quantize_within(
        bundle,
        "cosine>=0.99999",
        force=True,
        cache_dir=tmp_path / "cache",
        progress=said.append,
    )
    assert "int8-native" not in search.bundle.manifest.variants
    (reason,) = (line for line in said if line.startswith("no variant int8-native: "))
    assert reason.endswith("linear layers have another scheme than static")


@pytest.mark.parametrize(
    ("schemes", "budget", "expected"),
    [
        (("per_tensor_static",) * 2, "cosine>=0.9", ""),
        (("per_tensor_static", "float"), "cosine>=0.9", "1 of 2 linear layers have another"),
        (("per_tensor_static",) * 2, "accuracy_drop<=1%", "the budget limits accuracy"),
    ],
)
def test_why_there_is_none(schemes: tuple[str, ...], budget: str, expected: str) -> None:
    limits: Budget = parse_budget(budget, SimilarityMetric.COSINE, answers=True)
    assignment = Assignment(schemes=schemes, tables=True)  # type: ignore[arg-type]
    point = Point(assignment=assignment, measured=None, size_bytes=1, speed=None)  # type: ignore[arg-type]
    reason = why_not_native(point, RECIPES["int8"], limits)
    assert reason.startswith(expected)
    assert bool(reason) == bool(expected)
