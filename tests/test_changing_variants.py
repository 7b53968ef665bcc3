"""Variants that are made again, named, removed, or made the default."""

from dataclasses import replace
from pathlib import Path

import pytest

import edgebert
from edgebert_runtime import Bundle, load
from edgebert_runtime.bundle.manifest import CARD_NAME
from edgebert_runtime.bundle.staging import change_manifest
from edgebert_runtime.errors import BundleExistsError, ConfigError, EdgebertError
from edgebert_runtime.verification.self_test import check, check_files
from tests.support import commands

QUICK = "int8-dynamic"
"""A recipe that needs no calibration."""


def default_of(bundle: Bundle) -> str:
    return Bundle.open(bundle.folder).manifest.default_variant


def graph_of(bundle: Bundle, name: str) -> Path:
    return bundle.folder / Bundle.open(bundle.folder).manifest.variants[name].file


def test_a_new_variant_is_the_default_and_the_object_shows_it(bundle: Bundle) -> None:
    returned = edgebert.quantize(bundle, QUICK, force=True)
    assert returned is bundle
    assert bundle.manifest.default_variant == default_of(bundle) == QUICK
    assert QUICK in bundle.manifest.variants
    with load(bundle.folder) as model:
        assert model.info().variant == QUICK


def test_the_default_can_be_left(bundle: Bundle) -> None:
    edgebert.quantize(bundle, QUICK, force=True, keep_default=True)
    assert default_of(bundle) == "fp32"


def test_a_name_of_ones_own(bundle: Bundle) -> None:
    edgebert.quantize(bundle, QUICK, force=True, name="mine")
    made = bundle.manifest.variants["mine"]
    assert (made.file, made.recipe, made.precision) == ("onnx/model_mine.onnx", QUICK, "int8")
    assert check(bundle, "mine").passed


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("int8", "precision or a recipe"),
        ("auto", "precision or a recipe"),
        ("fp16-packed", "precision or a recipe"),
        ("../up", "begins with a letter or digit; got '../up'"),
        ("", "got ''"),
        ("A", "lower-case"),
        ("a" * 65, "at most 64"),
    ],
)
def test_names_that_cannot_be_one(bundle: Bundle, name: str, found: str) -> None:
    with pytest.raises(ConfigError, match=found):
        edgebert.quantize(bundle, QUICK, force=True, name=name)


@pytest.mark.parametrize(
    ("name", "overwrite", "found"),
    [
        ("cpu", True, "is an exported graph of .*, which is never replaced"),
        ("portable", False, "is an exported graph of .*, which is never replaced"),
        ("mine", False, r"has a variant 'mine' already; replace it \(--overwrite\)"),
    ],
)
def test_names_that_are_taken(bundle: Bundle, name: str, overwrite: bool, found: str) -> None:
    edgebert.quantize(bundle, QUICK, force=True, name="mine")
    before = (bundle.folder / "edgebert.json").read_bytes()
    with pytest.raises(BundleExistsError, match=found):
        edgebert.quantize(bundle, QUICK, force=True, name=name, overwrite=overwrite)
    assert (bundle.folder / "edgebert.json").read_bytes() == before


def test_a_variant_is_made_again_in_its_place(bundle: Bundle) -> None:
    edgebert.quantize(bundle, QUICK, force=True)
    edgebert.set_default(bundle, "fp32")
    graph = graph_of(bundle, QUICK)
    before = graph.read_bytes()
    edgebert.quantize(bundle, QUICK, force=True, overwrite=True)
    assert graph.read_bytes() == before
    assert default_of(bundle) == QUICK
    assert check(bundle, QUICK).passed
    assert list(bundle.manifest.variants)[-1] == QUICK
    assert [path.name for path in bundle.folder.parent.iterdir()] == [bundle.folder.name]


def test_overwrite_of_what_is_not_there_makes_it(bundle: Bundle) -> None:
    edgebert.quantize(bundle, QUICK, force=True, overwrite=True)
    assert check(bundle, QUICK).passed


def test_a_variant_that_fails_to_be_made_again_stays(bundle: Bundle, tmp_path: Path) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("", encoding="utf-8")
    before = (bundle.folder / "edgebert.json").read_bytes()
    with pytest.raises(EdgebertError):
        edgebert.quantize(bundle, "int8", texts=texts, overwrite=True)
    assert (bundle.folder / "edgebert.json").read_bytes() == before
    assert check(bundle, "int8").passed


def test_a_removed_variant_takes_its_files_along(bundle: Bundle) -> None:
    names = ("int8-portable", "int8-cpu")
    graphs, card = [graph_of(bundle, name) for name in names], bundle.folder / CARD_NAME
    assert all(f"| {name} |" in card.read_text(encoding="utf-8") for name in names)
    edgebert.set_default(bundle, "int8")
    returned = edgebert.remove_variant(bundle, "int8")
    assert returned is bundle
    assert not any(graph.exists() for graph in graphs)
    assert not any((bundle.folder / f"samples/{name}.json").exists() for name in names)
    assert "| int8-" not in card.read_text(encoding="utf-8")
    assert default_of(bundle) == "fp32"
    assert check_files(bundle) == len(bundle.manifest.files)


def test_files_that_another_variant_needs_stay(bundle: Bundle) -> None:
    change_manifest(
        bundle.folder,
        lambda manifest: replace(
            manifest, variants={**manifest.variants, "same": manifest.variants["int8-cpu"]}
        ),
    )
    graph = graph_of(bundle, "same")
    edgebert.remove_variant(bundle, "int8")
    assert graph.exists()
    assert check_files(bundle) == len(bundle.refresh().manifest.files)


def test_the_last_variant_stays(bundle: Bundle) -> None:
    edgebert.remove_variant(bundle, "cpu")
    assert "| cpu |" not in (bundle.folder / CARD_NAME).read_text(encoding="utf-8")
    edgebert.remove_variant(bundle, "portable")
    assert default_of(bundle) == "int8-portable"  # what is left
    before = (bundle.folder / "edgebert.json").read_bytes()
    with pytest.raises(ConfigError, match="'int8' is the bundle's only variant"):
        edgebert.remove_variant(bundle, "int8")
    assert (bundle.folder / "edgebert.json").read_bytes() == before


@pytest.mark.parametrize("change", [edgebert.set_default, edgebert.remove_variant])
def test_unknown_variants_are_named(bundle: Bundle, change: object) -> None:
    assert callable(change)
    with pytest.raises(ConfigError, match="no variant 'int9'; it has portable, cpu, int8-portable"):
        change(bundle, "int9")


def test_a_precision_may_be_the_default(bundle: Bundle) -> None:
    edgebert.set_default(bundle, "int8")
    edgebert.set_default(bundle, "fp32")
    assert default_of(bundle) == "fp32"


def test_a_default_that_runs_nowhere_is_refused(bundle: Bundle) -> None:
    strange = replace(bundle.manifest.variants["portable"], needs="npu", precision="fp4")
    change_manifest(
        bundle.folder,
        lambda manifest: replace(manifest, variants={**manifest.variants, "npu": strange}),
    )
    for name in ("npu", "fp4"):
        with pytest.raises(ConfigError, match=r"no provider of this version runs .*is for npu"):
            edgebert.set_default(bundle, name)
    assert default_of(bundle) == "fp32"


def test_the_commands(bundle: Bundle) -> None:
    assert "is now 'int8'" in commands.edgebert("default", bundle.folder, "int8").stderr
    removed = commands.edgebert("remove", bundle.folder, "int8")
    assert "removed 'int8'; the default is 'fp32'" in removed.stderr
    assert "portable" in removed.stdout
    assert "int8" not in removed.stdout
    refused = commands.edgebert("default", bundle.folder, "int8")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "no variant 'int8'; it has portable, cpu" in refused.stderr
