"""The contracts of import-linter hold, and each of them can fail."""

import copy
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import grimp
import pytest
from importlinter.contracts.acyclic_siblings import AcyclicSiblingsContract
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.layers import LayersContract
from importlinter.domain.contract import Contract

from tests.support.code_map import (
    END,
    MARK,
    PACKAGES,
    PAGE,
    ROW,
    arrows,
    build_graph,
    direct,
    figure,
    filled,
    levels,
    rooms,
    svg,
)

ROOT = Path(__file__).resolve().parents[1]
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
    "importlinter"
]
KINDS: dict[str, type[Contract]] = {
    "layers": LayersContract,
    "acyclic_siblings": AcyclicSiblingsContract,
    "forbidden": ForbiddenContract,
}

VIOLATIONS = {
    "Distributions are layers": ("edgebert_runtime.errors", "edgebert_export.spec"),
    "Rooms of the runtime are layers": (
        "edgebert_runtime.engine.session",
        "edgebert_runtime.loading.load",
    ),
    "Rooms of export are layers": ("edgebert_export.spec", "edgebert_export.graph.trace"),
    "Rooms of quantize are layers": (
        "edgebert_quantize.recipes",
        "edgebert_quantize.search.search",
    ),
    "Rooms of edgebert are layers": ("edgebert.checkpoints.heads", "edgebert.workflow.sources"),
    "No circle of imports": (
        "edgebert_runtime.tasks.options",
        "edgebert_runtime.tasks.embed",
    ),
    "The runtime needs no torch": ("edgebert_runtime.errors", "torch"),
    "Quantization needs no torch": ("edgebert_quantize.recipes", "torch"),
    "transformers and other loaders are never part of the product": (
        "edgebert.checkpoints.heads",
        "transformers",
    ),
}
"""Contract → an import that breaks it: who imports whom."""


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return build_graph()


def kept(name: str, graph: grimp.ImportGraph) -> bool:
    (options,) = (dict(options) for options in CONFIG["contracts"] if options["name"] == name)
    kind = KINDS[options.pop("type")]
    if "exhaustive" in options:
        options["exhaustive"] = str(options["exhaustive"])  # as a file of another format has it
    session: dict[str, Any] = {key: CONFIG[key] for key in CONFIG if key != "contracts"}
    contract = kind(options.pop("name"), session, options)
    return contract.check(copy.deepcopy(graph), verbose=False).kept


def test_every_contract_has_a_violation_here() -> None:
    assert [contract["name"] for contract in CONFIG["contracts"]] == list(VIOLATIONS)


@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_contract_holds_and_can_fail(name: str, graph: grimp.ImportGraph) -> None:
    assert kept(name, graph)
    broken = copy.deepcopy(graph)
    importer, imported = VIOLATIONS[name]
    assert importer in broken.modules
    if imported not in broken.modules:
        broken.add_module(imported, is_squashed=True)
    broken.add_import(importer=importer, imported=imported)
    assert not kept(name, broken)


@pytest.mark.parametrize(
    ("framework", "importer"),
    [
        ("chromadb", "edgebert_runtime.integrations.chromadb"),
        ("haystack", "edgebert_runtime.integrations.haystack"),
        ("langchain_core", "edgebert_runtime.integrations.langchain"),
        ("llama_index", "edgebert_runtime.integrations.llama_index"),
        ("mteb", "edgebert_runtime.integrations.mteb"),
        ("sentence_transformers", "edgebert.integrations.sentence_transformers"),
    ],
)
def test_a_framework_is_imported_by_its_adapter_which_nothing_imports(
    graph: grimp.ImportGraph, framework: str, importer: str
) -> None:
    assert graph.find_modules_that_directly_import(framework) == {importer}
    assert graph.find_modules_that_directly_import(importer) == set()


@pytest.mark.parametrize(("framework", "engine"), [("ray", "ray"), ("pyspark", "spark")])
def test_a_cluster_is_imported_by_its_engine_and_its_adapter(
    graph: grimp.ImportGraph, framework: str, engine: str
) -> None:
    engines, adapter = "edgebert_runtime.batch.engines", f"edgebert_runtime.integrations.{engine}"
    importers = graph.find_modules_that_directly_import(framework)
    assert importers == {f"{engines}.{engine}", adapter}
    assert graph.find_modules_that_directly_import(adapter) == set()
    users = graph.find_modules_that_directly_import(f"{engines}.{engine}")
    assert users == {f"{engines}.registry"}


def test_one_module_imports_transformers_and_only_when_it_is_asked(
    graph: grimp.ImportGraph,
) -> None:
    importers = graph.find_modules_that_directly_import("transformers")
    assert importers == {"edgebert.transformers_bridge"}
    code = "import sys, edgebert.transformers_bridge; assert 'transformers' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_runtime_has_few_arrows_between_its_rooms(graph: grimp.ImportGraph) -> None:
    """What serves and what runs jobs stand on all others: theirs are counted by themselves."""
    found = arrows(graph, "edgebert_runtime")
    on_top = [each for each in found if {"batch", "serving"}.intersection(each)]
    assert 40 < len(found) - len(on_top) <= 80
    assert len(on_top) <= 22


def test_the_code_map_is_drawn_from_the_imports_of_today(graph: grimp.ImportGraph) -> None:
    assert set(PACKAGES) == set(CONFIG["root_packages"])
    page = PAGE.read_text(encoding="utf-8")
    assert filled(page, graph) == page, "draw it anew: python -m tests.support.code_map"
    for package in PACKAGES:
        drawn = figure(package).read_text(encoding="utf-8")
        assert drawn == svg(package, rooms(graph, package)), f"{package}: draw it anew"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_room_says_what_it_holds(package: str, graph: grimp.ImportGraph) -> None:
    _, _, rest = PAGE.read_text(encoding="utf-8").partition(MARK.format(package=package))
    said = dict(ROW.findall(rest.partition(END)[0]))
    assert said.keys() == rooms(graph, package).keys()
    assert all(said.values())


def test_an_import_that_is_new_changes_the_map(graph: grimp.ImportGraph) -> None:
    changed = copy.deepcopy(graph)
    changed.add_import(importer="edgebert_export.spec", imported="edgebert_export.fusions.rule")
    page = PAGE.read_text(encoding="utf-8")
    assert filled(page, changed) != page
    with pytest.raises(ValueError, match="lacks the marks"):
        filled("# Architecture\n", graph)


def test_an_arrow_is_drawn_where_no_longer_way_leads() -> None:
    imports = {
        "top": frozenset(("middle", "base")),
        "middle": frozenset(("base",)),
        "base": frozenset[str](),
    }
    assert direct(imports) == {("top", "middle"), ("middle", "base")}
    assert levels(imports) == {"top": 0, "middle": 1, "base": 2}
    assert svg("a", imports).count("<path") == 2
