"""A type checker knows the names that an argument takes, and refuses any other."""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, get_args

import pytest

from edgebert.checkpoints.token_gate.gate import ASKED, TokensChoice
from edgebert.tasks.registry import training_specs
from edgebert.training.config import (
    Autocast,
    AutocastName,
    Problem,
    ProblemName,
    TrainingTask,
)
from edgebert.workflow.api import PRECISIONS, ExportPrecision, ExportTask
from edgebert_export.targets import DEFAULT_TARGETS, TargetName
from edgebert_quantize import RECIPES
from edgebert_quantize.evaluation.target_cpu import LARGEST_WEIGHT, CpuName
from edgebert_quantize.recipes import RecipeName
from edgebert_runtime.engine.providers import PROVIDERS, KnownProvider, ProviderName
from edgebert_runtime.tasks.registry import BUILT_IN, TaskName

IMPORTS: Final = """
from pathlib import Path
import edgebert
from edgebert import TrainingConfig
from edgebert_export import ExportSpec, check_parity, export_bundle
from edgebert_quantize import quantize_bundle, quantize_file, quantize_within
from edgebert_runtime import BenchOptions, check, check_all, load

def calls(module, parts, spec: ExportSpec, here: Path):
"""

RIGHT: Final = """
edgebert.export("a", "b", task="auto", target="cpu", precision="int8")
edgebert.export("a", "b", task="next_sentence", target="portable", precision=None)
edgebert.export("a", "b", tokens="transformers")
edgebert.quantize("a", "int4", cpu="avx2")
edgebert.quantize_file("a", "b", "fp16", cpu="dotprod")
edgebert.quantize_within("a", "cosine>=0.9", "int8-static", cpu="dotprod")
edgebert.train("a", "b", "c", task="pretrain", problem="regression")
edgebert.train("a", "b", "c", task="fill", config=TrainingConfig(autocast="bf16", device="cuda:1"))
export_bundle(module, spec, parts, here, target="cuda")
check_parity(here, module, spec, provider="cuda")
ExportSpec(vocabulary=1, hidden=1, max_positions=1, layers=1, task="embed")
load("a", provider="openvino", task="rank", verify="once")
load("a").embed(["b"], long="window", output_dtype="int8")
load("a", task="tag").tag(["b"], aggregation="max", long="error")
check("a", provider="auto")
BenchOptions(provider="qnn")
"""

WRONG: Final = """
edgebert.export("a", "b", task="sing")
edgebert.export("a", "b", target="npu")
edgebert.export("a", "b", target="cuda-packed")
edgebert.export("a", "b", precision="int3")
edgebert.export("a", "b", tokens="files")
edgebert.quantize("a", "int3")
edgebert.quantize("a", cpu="sparc")
edgebert.quantize_file("a", "b", "int3")
edgebert.quantize_file("a", "b", cpu="sparc")
edgebert.quantize_within("a", "cosine>=0.9", "int3")
edgebert.quantize_within("a", "cosine>=0.9", cpu="sparc")
edgebert.train("a", "b", "c", task="next_sentence")
edgebert.train("a", "b", "c", task="classify", problem="clustering")
TrainingConfig(autocast="fp8")
export_bundle(module, spec, parts, here, target="npu")
check_parity(here, module, spec, provider="auto")
ExportSpec(vocabulary=1, hidden=1, max_positions=1, layers=1, task="sing")
quantize_bundle("a", "int3")
quantize_file("a", "b", cpu="sparc")
quantize_within("a", "cosine>=0.9", "int3")
load("a", provider="gpu")
load("a", task="sing")
load("a", verify="twice")
load("a").embed(["b"], long="cut")
load("a").embed(["b"], output_dtype="int4")
load("a", task="classify").classify(["b"], long="cut")
load("a", task="tag").tag(["b"], aggregation="mean")
load("a", task="tag").tag(["b"], long="cut")
load("a", task="fill").fill(["b"], long="cut")
load("a", task="rank").rank("a", ["b"], long="cut")
load("a", task="next_sentence").score("a", "b", long="cut")
check("a", provider="gpu")
check_all("a", provider="gpu")
BenchOptions(provider="gpu")
"""


@pytest.mark.parametrize(
    ("literal", "names"),
    [
        (TaskName, BUILT_IN),
        (ExportTask, ("auto", *BUILT_IN)),
        (ExportPrecision, PRECISIONS),
        (TokensChoice, ASKED),
        (TargetName, DEFAULT_TARGETS),
        (RecipeName, RECIPES),
        (CpuName, LARGEST_WEIGHT),
        (KnownProvider, PROVIDERS),
        (ProviderName, ("auto", *PROVIDERS)),
        (TrainingTask, training_specs()),
        (ProblemName, Problem),
        (AutocastName, Autocast),
    ],
)
def test_a_literal_has_the_names_of_its_table(literal: Any, names: Iterable[str]) -> None:
    assert sorted(get_args(literal)) == sorted(names)


def test_names_that_are_refused_are_told_from_others(tmp_path: Path) -> None:
    right, wrong = RIGHT.strip().splitlines(), WRONG.strip().splitlines()
    lines = [*IMPORTS.splitlines(), *(f"    {call}" for call in [*right, *wrong])]
    file = tmp_path / "calls.py"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    refused = {lines[at].strip() for at in _lines_with_errors(file)}
    assert refused == set(wrong)


def _lines_with_errors(file: Path) -> set[int]:
    """By pyright, counted from 0."""
    root = Path(__file__).parents[1]
    paths = [str(root / place) for place in ("runtime", "export", "quantize", ".")]
    config = {"extraPaths": paths, "include": [file.name], "reportMissingModuleSource": False}
    (file.parent / "pyrightconfig.json").write_text(json.dumps(config), encoding="utf-8")
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    done = subprocess.run(
        [*command, "--project", str(file.parent)], capture_output=True, text=True, check=False
    )
    errors = json.loads(done.stdout)["generalDiagnostics"]
    return {each["range"]["start"]["line"] for each in errors if each["severity"] == "error"}
