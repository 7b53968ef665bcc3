"""What is measured of a bundle, and every input that makes no sense."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgebert_runtime import Bundle
from edgebert_runtime.benchmarking import options as options_module
from edgebert_runtime.benchmarking.options import BenchOptions, Plan
from edgebert_runtime.cli.bench import numbers
from edgebert_runtime.errors import BundleError, ConfigError, EdgebertError, OutputError
from edgebert_runtime.storage.atomic_write import check_places


def plan(bundle: Bundle, options: BenchOptions) -> Plan:
    """For a machine of eight cores."""
    return options_module.plan(bundle, options, cores=8)


def limited(bundle: Bundle, limit: int) -> Bundle:
    tokenizer = replace(bundle.manifest.tokenizer, max_length=limit)
    return replace(bundle, manifest=replace(bundle.manifest, tokenizer=tokenizer))


def test_what_is_measured_if_nobody_says(tiny_bundle: Bundle) -> None:
    found = plan(tiny_bundle, BenchOptions())
    assert found.variants == ["portable", "cpu", "int8-portable", "int8-cpu"]
    assert found.default == "cpu"
    assert found.threads == [1, 2, 4, 8]
    assert (found.rounds, found.seconds, found.provider) == (5, 0.25, "cpu")
    assert found.shapes == [
        *((1, 8), (1, 32), (1, 40), (8, 8), (8, 32), (32, 8), (8, 40), (32, 32), (32, 40))
    ]


@pytest.mark.parametrize(
    ("limit", "batches", "shapes"),
    [
        (8, None, {(1, 8), (8, 8), (32, 8)}),
        (5, None, {(1, 5), (8, 5), (32, 5)}),
        (2048, None, {(1, 2048), (8, 2048), (32, 512)}),
        (8192, None, {(1, 8192), (8, 2048), (32, 512)}),
        (64, [5000], {(5000, 8)}),
    ],
)
def test_sequences_go_to_the_limit_and_shapes_to_what_memory_holds(
    tiny_bundle: Bundle, limit: int, batches: list[int] | None, shapes: set[tuple[int, int]]
) -> None:
    found = plan(limited(tiny_bundle, limit), BenchOptions(batches=batches)).shapes
    assert shapes <= set(found)
    largest = {batch: max(each for other, each in found if other == batch) for batch, _ in found}
    assert {(batch, largest[batch]) for batch in largest} == shapes


def test_what_is_named_is_measured_each_once_and_nothing_else(tiny_bundle: Bundle) -> None:
    options = BenchOptions(
        variants=("int8", "fp32", "cpu"), batches=(3, 3, 1), sequences=(40, 7), threads=(2, 1, 2)
    )
    found = plan(tiny_bundle, options)
    assert found.variants == ["int8-cpu", "cpu"]
    assert found.shapes == [(1, 7), (3, 7), (1, 40), (3, 40)]
    assert found.threads == [1, 2]


def test_quick_is_less_of_everything_that_is_not_named(tiny_bundle: Bundle) -> None:
    found = plan(tiny_bundle, BenchOptions(quick=True))
    assert found.shapes == [(1, 32), (8, 32)]
    assert (found.threads, found.rounds, found.seconds) == ([1, 8], 5, 0.05)
    assert plan(limited(tiny_bundle, 9), BenchOptions(quick=True)).shapes == [(1, 9), (8, 9)]
    assert plan(limited(tiny_bundle, 128), BenchOptions(quick=True)).shapes[-1] == (8, 128)
    assert plan(tiny_bundle, BenchOptions(quick=True, batches=(2,))).shapes == [(2, 32)]


def test_a_variant_that_does_not_run_here_is_left_out_or_refused(tiny_bundle: Bundle) -> None:
    manifest = tiny_bundle.manifest
    variants = {**manifest.variants}
    variants["portable"] = replace(variants["portable"], min_onnxruntime="99.0.0")
    later = replace(tiny_bundle, manifest=replace(manifest, variants=variants))
    found = plan(later, BenchOptions())
    assert found.variants == ["cpu", "int8-portable", "int8-cpu"]
    assert found.default == "cpu"
    assert found.left_out["portable"].startswith("needs ONNX Runtime 99.0.0, this is ")
    with pytest.raises(BundleError, match=r"variant 'portable' .* needs ONNX Runtime 99\.0\.0"):
        plan(later, BenchOptions(variants=("portable",)))
    never = {
        name: replace(each, min_onnxruntime="99.0.0") for name, each in manifest.variants.items()
    }
    with pytest.raises(ConfigError, match=r"no variant of .* runs here: portable needs ONNX Runti"):
        plan(replace(later, manifest=replace(manifest, variants=never)), BenchOptions())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rounds": 1}, "rounds must be at least 2, got 1"),
        ({"budget_ms": 0.0}, "a positive number of milliseconds, got 0"),
        ({"budget_ms": float("nan")}, "a positive number of milliseconds, got nan"),
        ({"budget_ms": float("inf")}, "a positive number of milliseconds, got inf"),
        ({"seconds": -1.0}, "a positive number of seconds, got -1"),
        ({"seconds": float("inf")}, "a positive number of seconds, got inf"),
        ({"batches": (0, 1)}, "batches must be whole numbers of at least 1, got 0, 1"),
        ({"batches": ()}, "batches must be whole numbers of at least 1, got none"),
        ({"sequences": (-1,)}, "sequences must be whole numbers of at least 1, got -1"),
        ({"sequences": (8, 41)}, "sequence 41 exceeds .* limit of 40 tokens; measure at most 40"),
        ({"threads": (0,)}, "threads must be whole numbers of at least 1, got 0"),
        ({"threads": (1, 9)}, "9 threads are more than the 8 cores .* measure at most 8"),
        ({"variants": ("int3",)}, "has no variant 'int3'"),
        ({"provider": "tpu"}, "provider must be one of"),
        ({"provider": "cpu", "provider_options": {"a": 1}}, "'cpu' has no option a"),
        ({"store": True, "rounds": 4}, "--store needs at least 5 rounds, got 4"),
        ({"store": True, "threads": (1, 4)}, "--store needs 8 among --threads, got 1, 4"),
        ({"store": True, "cache_dir": False}, "caches are switched off"),
        (
            {"store": True, "provider": "coreml"},
            "only for provider 'cpu', got 'coreml'; leave out --store",
        ),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(
    tiny_bundle: Bundle, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        plan(tiny_bundle, BenchOptions(**options))


def test_numbers_with_commas() -> None:
    assert numbers("batches", "1, 8,32") == [1, 8, 32]
    assert numbers("batches", None) is None
    for wrong in ("", "1,,2", "1.5", "a"):
        with pytest.raises(ConfigError, match=f"batches must be whole numbers .* got '{wrong}'"):
            numbers("batches", wrong)


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        (["nowhere/out.json"], OutputError, r"out\.json cannot be written: No such file"),
        (["file/out.json"], OutputError, r"out\.json cannot be written: Not a directory"),
        (["folder"], OutputError, "folder is not a file; choose another name"),
        (["a", "folder/../a"], ConfigError, "cannot be both the JSON results and the page"),
    ],
)
def test_places_that_cannot_be_written_are_found_before(
    names: list[str], error: type[EdgebertError], message: str, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(error, match=message):
        check_places(*(tmp_path / name for name in names))
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder"]


def test_places_that_can_be_written_are_left_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("before")
    check_places(tmp_path / "there", tmp_path / "new", None)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]
    with pytest.raises(ConfigError, match="the table goes to standard output; name a file"):
        check_places(Path("-"))
