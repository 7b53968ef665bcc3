"""What each distribution offers: these names, and no others."""

import importlib
import inspect
import pydoc
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Final

import pytest

import edgebert
import edgebert_export
import edgebert_runtime

PUBLIC: Final = {
    "edgebert": [
        "Bundle",
        "CompressReport",
        "DistilLosses",
        "DistilReport",
        "PruneReport",
        "TrainingConfig",
        "TrainingReport",
        "TrimReport",
        "VerifyReport",
        "__version__",
        "add_attention",
        "compress",
        "distil",
        "errors",
        "explanation_page",
        "export",
        "prune",
        "push",
        "quantize",
        "quantize_file",
        "quantize_within",
        "remove_variant",
        "set_default",
        "train",
        "trim",
        "upgrade",
        "verify",
    ],
    "edgebert_export": [
        "BundleParts",
        "CaseResult",
        "ExportSpec",
        "InputSpec",
        "OutputSpec",
        "ParityReport",
        "TARGETS",
        "Target",
        "__version__",
        "add_attention",
        "check_parity",
        "engine_limits",
        "export_bundle",
    ],
    "edgebert_quantize": [
        "Quality",
        "RECIPES",
        "Recipe",
        "Search",
        "__version__",
        "default_texts",
        "quantize_bundle",
        "quantize_file",
        "quantize_within",
    ],
    "edgebert_runtime": [
        "Answer",
        "Answerer",
        "Attribution",
        "BenchOptions",
        "BenchReport",
        "Bundle",
        "CheckReport",
        "Classification",
        "Classifier",
        "DeviceVectors",
        "DiffReport",
        "Embedder",
        "Entity",
        "Explanation",
        "Filling",
        "HeadSummary",
        "LabelScore",
        "MaskFiller",
        "ModelInfo",
        "NextSentence",
        "RankedDocument",
        "Ranker",
        "RunReport",
        "Tagger",
        "TaskModel",
        "TaskSpec",
        "TruncatedText",
        "WarmGraph",
        "__version__",
        "bench",
        "check",
        "check_all",
        "diff",
        "errors",
        "load",
        "register_task",
        "warm",
    ],
}

SECTIONS: Final = ("CLASSES", "FUNCTIONS", "DATA")

MODULES: Final = {"errors"}
"""Public names that are modules."""

each_package = pytest.mark.parametrize("package", PUBLIC)


@each_package
def test_a_package_shows_its_public_names_only(package: str) -> None:
    module = importlib.import_module(package)
    assert sorted(module.__all__) == dir(module) == PUBLIC[package]
    assert getattr(module, "_HOMES", {}).keys() <= set(PUBLIC[package])


@each_package
def test_every_name_is_there_whatever_was_imported_before(package: str) -> None:
    """A function is not replaced by a module of its name; adapters need their frameworks."""
    code = f"""
import importlib, pkgutil, types
import {package} as package
for found in pkgutil.walk_packages(package.__path__, {package!r} + "."):
    if ".integrations." not in found.name:
        importlib.import_module(found.name)
modules = [name for name in package.__all__ if isinstance(getattr(package, name), types.ModuleType)]
assert set(modules) <= {MODULES!r}, modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@each_package
def test_the_rendered_help_names_no_other(package: str) -> None:
    text = pydoc.plain(pydoc.render_doc(importlib.import_module(package)))
    named = {name for section in SECTIONS for name in _names(text, section)}
    assert named == set(PUBLIC[package]) - MODULES - {"__version__"}


def _names(text: str, section: str) -> list[str]:
    """What a section of the help is about: the names at its least indentation."""
    found = re.search(rf"^{section}\n((?: {{4}}.*\n|\n)*)", text, re.MULTILINE)
    body = found[1] if found else ""
    kind = r"class (\w+)" if section == "CLASSES" else r"(\w+)(?:\(|\s=)"
    return re.findall(rf"^ {{4}}{kind}", body, re.MULTILINE)


def test_a_name_that_is_not_there_is_refused() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Summarizer'"):
        _ = edgebert_runtime.Summarizer


@pytest.mark.parametrize(
    "function",
    [
        edgebert.export,
        edgebert.push,
        edgebert.quantize,
        edgebert.quantize_file,
        edgebert.quantize_within,
        edgebert.train,
        edgebert.verify,
        edgebert_export.export_bundle,
        edgebert_runtime.Classifier.classify,
        edgebert_runtime.Embedder.embed,
        edgebert_runtime.Ranker.rank,
        edgebert_runtime.Tagger.tag,
        edgebert_runtime.TaskModel.predict,
    ],
    ids=lambda function: function.__name__,
)
def test_what_takes_long_shows_its_steps_on_a_terminal_only(
    function: Callable[..., object],
) -> None:
    assert inspect.signature(function).parameters["progress"].default is None
