"""Which variant runs where none is asked for."""

import warnings
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert_runtime import Bundle, load
from edgebert_runtime.bundle.manifest import Variant
from edgebert_runtime.bundle.variants import without_variant
from edgebert_runtime.errors import BundleError, FallbackWarning, ProviderUnavailableError
from edgebert_runtime.loading.choice import Situation, choose
from edgebert_runtime.loading.selection import pick, warn_of_another

NEWEST = "9.0.0"
PROVIDERS = ("cpu", "cuda", "openvino")


def with_default(bundle: Bundle, default: str, **variants: Variant) -> Bundle:
    """A bundle with another default and more variants; only its manifest is ever looked at."""
    every = {**bundle.manifest.variants, **variants}
    return replace(
        bundle, manifest=replace(bundle.manifest, variants=every, default_variant=default)
    )


def half(bundle: Bundle, **fields: Any) -> Variant:
    given_fields = {"precision": "fp16", "recipe": "fp16", "needs": "cuda", **fields}
    return replace(bundle.manifest.variants["portable"], **given_fields)


def at(bundle: Bundle, engine: str, provider: str, asked: str = "auto") -> Situation:
    return Situation(
        task=bundle.manifest.default_task, asked=asked, provider=provider, engine=engine
    )


def chosen(bundle: Bundle, engine: str = NEWEST, provider: str = "cpu") -> str:
    situation = at(bundle, engine, provider)
    name = pick(bundle, situation).name
    warn_of_another(bundle, situation)
    return name


def runs(bundle: Bundle, engine: str, provider: str, name: str) -> bool:
    situation = replace(at(bundle, engine, provider, name), exact=True)
    return choose(bundle.manifest, situation)[0].obstacle is None


def test_the_default_runs_and_says_so(bundle: Bundle) -> None:
    manifest = replace(bundle.manifest, default_variant="int8")
    (bundle.folder / "edgebert.json").write_text(manifest.to_json(), encoding="utf-8")
    with load(bundle.folder) as model:
        info = model.info()
    assert (info.variant, info.precision) == ("int8-cpu", "int8")


def test_a_default_by_precision_is_the_best_graph_of_it(tiny_bundle: Bundle) -> None:
    for engine, expected in ((NEWEST, "cpu"), ("1.20.0", "portable")):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert chosen(with_default(tiny_bundle, "fp32"), engine) == expected


def test_an_engine_too_old_for_it_takes_the_next(tiny_bundle: Bundle) -> None:
    bundle = with_default(tiny_bundle, "int8-cpu")
    assert bundle.manifest.variants["int8-cpu"].min_onnxruntime == "1.24.1"
    bundle = replace(bundle, manifest=without_variant(bundle.manifest, "int8-portable"))
    with pytest.warns(FallbackWarning, match=r"'int8-cpu' of .* needs ONNX Runtime 1.24.1.*fp32"):
        assert chosen(bundle, "1.20.0") == "portable"


def test_another_of_the_same_precision_needs_no_warning(tiny_bundle: Bundle) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for default in ("int8", "int8-cpu"):
            bundle = with_default(tiny_bundle, default)
            assert chosen(bundle, "1.20.0") == "int8-portable"
            assert chosen(bundle) == "int8-cpu"


def test_a_default_for_another_provider_takes_the_next(tiny_bundle: Bundle) -> None:
    bundle = with_default(tiny_bundle, "fp16", fp16=half(tiny_bundle))
    with pytest.warns(FallbackWarning, match=r"needs provider 'cuda', not 'cpu'; fp32 runs"):
        assert chosen(bundle) == "cpu"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert chosen(bundle, provider="cuda") == "fp16"


def test_where_nothing_runs_the_default_says_why(tiny_bundle: Bundle) -> None:
    variants = {
        name: replace(variant, min_onnxruntime="8.0.0")
        for name, variant in tiny_bundle.manifest.variants.items()
    }
    bundle = with_default(tiny_bundle, "int8", **variants)
    with pytest.raises(BundleError, match=r"'int8-cpu' of .* needs ONNX Runtime 8.0.0, "):
        chosen(bundle, "1.20.0")


@given(
    default=st.sampled_from(["fp32", "int8", "fp16", "cpu", "portable", "half"]),
    engine=st.sampled_from(["1.16.3", "1.20.0", "1.23.0", NEWEST]),
    provider=st.sampled_from(PROVIDERS),
    target=st.sampled_from(["cuda", "cuda-packed", "portable"]),
)
def test_whatever_the_default_is_what_runs_can_run(
    tiny_bundle: Bundle, default: str, engine: str, provider: str, target: str
) -> None:
    bundle = with_default(tiny_bundle, default, half=half(tiny_bundle, target=target))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            name = chosen(bundle, engine, provider)
        except (BundleError, ProviderUnavailableError):  # an engine too old for every variant
            assert engine == "1.16.3"
            return
    assert runs(bundle, engine, provider, name)
    variants = bundle.manifest.variants
    wanted = variants[default].precision if default in variants else default
    same = variants[name].precision == wanted
    assert [warning.category for warning in caught] == ([] if same else [FallbackWarning])
    if default in variants:
        assert (name == default) == runs(bundle, engine, provider, default)
