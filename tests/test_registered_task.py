"""A task of another package goes all the way, and no file of ours knows its name."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edgebert.checkpoints.tasks import CheckpointTask
from edgebert.tasks.registry import build_specs, register_build
from edgebert.tasks.spec import BuildSpec
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.tasks.classify import SPEC as CLASSIFY
from edgebert_runtime.tasks.registry import BUILT_IN, register_task, require_task, task_names
from tests.support.families import SAMPLES, build_with_head, save

ROOT = Path(__file__).resolve().parents[1]
TASK = "mood_of"
TEXTS = ["the small cat", "a red dog ran far", "on the mat"]

ENTRY_POINTS = """\
[edgebert_runtime.tasks]
mood_of = tests.support.mood.runtime

[edgebert.tasks]
mood_of = tests.support.mood.build
"""

EVERYTHING = """
import json, sys
import edgebert
from edgebert_runtime import BenchOptions, bench, check_all, diff, load

source, out = sys.argv[1:]
bundle = edgebert.export(source, out, task="mood_of")
bundle = edgebert.quantize(bundle, "int8-dynamic", force=True)
for report in check_all(bundle):
    report.require()
assert edgebert.verify(bundle, against=source).passed
changed = diff(bundle, bundle, ["a red dog"], variant=("fp32", "int8-dynamic"), tolerance=1)
assert (changed.texts, changed.task, changed.passed) == (1, "mood_of", True)
model = load(bundle)
steps = model.decode(encoded := model.encode(["a red dog ran far"]), model.run(encoded))
assert steps == model.predict(["a red dog ran far"]) == model.moods(["a red dog ran far"])
options = BenchOptions(
    variants=("int8-dynamic",), batches=(1,), sequences=(8,), threads=(1,), rounds=2, seconds=0.01
)
report = bench(bundle, options)
moods = [mood.to_dict() for mood in model.moods(["the small cat", "a red dog ran far"])]
print(json.dumps([moods, len(report.timings), len(report.starts)]))
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A process that finds the other package installed: its entry points lie on the path."""
    installed = tmp_path_factory.mktemp("installed")
    metadata = installed / "mood-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: mood\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    path = os.pathsep.join([str(installed), str(ROOT), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    labels = {0: "bad", 1: "so-so", 2: "good"}
    model = build_with_head(SAMPLES["bert"], "classify", id2label=labels)
    return save(model, tmp_path_factory.mktemp("mood") / "source")


def run(environment: dict[str, str], *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.fixture(scope="module")
def bundle(
    environment: dict[str, str], source: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("mood") / "bundle"
    done = run(environment, "-c", EVERYTHING, source, out)
    assert done.returncode == 0, done.stderr
    return out, done.stdout.splitlines()[-1]


def test_it_exports_quantizes_checks_answers_and_benches(bundle: tuple[Path, str]) -> None:
    moods, timings, starts = json.loads(bundle[1])
    assert (len(moods), timings, starts) == (2, 1, 1)
    assert {mood["label"] for mood in moods} <= {"bad", "so-so", "good"}
    card = (bundle[0] / "README.md").read_text(encoding="utf-8")
    assert "moods = model.moods" in card
    assert "pipeline_tag: text-classification" in card


def test_it_has_a_command_with_its_own_options(
    environment: dict[str, str], bundle: tuple[Path, str]
) -> None:
    command = ("-m", "edgebert_runtime")
    done = run(environment, *command, "mood-of", bundle[0], "--variant", "fp32", *TEXTS[:2])
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    found = [{key: row[key] for key in ("label", "lead")} for row in rows]
    moods = json.loads(bundle[1])[0]
    assert [row["text"] for row in rows] == TEXTS[:2]
    assert [each["label"] for each in found] == [mood["label"] for mood in moods]
    for name in ("mood-of", "run"):
        asked = (name, bundle[0], "--least", "1.5", TEXTS[0])
        unsure = run(environment, "-m", "edgebert", *asked)
        assert json.loads(unsure.stdout)["label"] == "unsure"
    helped = run(environment, *command, "mood-of", "--help").stdout
    assert "lead (default: 0)" in helped
    assert 'example: edgebert-run mood-of my-model "a text"' in helped
    for module in ("edgebert", "edgebert_runtime"):
        assert " mood-of " in run(environment, "-m", module, "--help").stdout


def test_a_task_spec_without_its_twin_is_refused(environment: dict[str, str]) -> None:
    code = (
        "import tests.support.mood.runtime; from edgebert.tasks.registry import build_specs; "
        "build_specs()"
    )
    done = run({**environment, "PYTHONPATH": str(ROOT)}, "-c", code)
    assert "TaskSpec 'mood_of' of tests.support.mood.runtime has no BuildSpec 'mood_of'" in (
        done.stderr
    )


def test_without_its_package_the_bundle_is_refused(bundle: tuple[Path, str]) -> None:
    code = "import sys; from edgebert_runtime import load; load(sys.argv[1])"
    done = run(dict(os.environ), "-c", code, bundle[0])
    assert done.returncode == 1
    assert "has task 'mood_of', this version runs embed, classify" in done.stderr


def test_runtime_and_build_machine_know_the_same_tasks() -> None:
    assert tuple(build_specs()) == BUILT_IN
    assert [require_task(name).name for name in BUILT_IN] == list(BUILT_IN)
    assert [spec.checkpoint.name for spec in build_specs().values()] == list(BUILT_IN)


def test_two_tasks_of_one_name_are_refused_with_both_named() -> None:
    with pytest.raises(ConfigError, match=r"'classify' of .*classify is already .*tasks\.classify"):
        register_task(replace(CLASSIFY, pipeline_tag="another"))
    assert register_task(CLASSIFY) is CLASSIFY
    assert list(task_names()).count(CLASSIFY.name) == 1


def test_a_build_spec_without_its_twin_is_refused() -> None:
    checkpoint = CheckpointTask(name="sing", head="classify")
    with pytest.raises(ConfigError, match="BuildSpec 'sing' has no TaskSpec 'sing'"):
        register_build(BuildSpec(name="sing", checkpoint=checkpoint))
    with pytest.raises(ConfigError, match="BuildSpec 'classify' of head 'tag' is already"):
        register_build(
            BuildSpec(name="classify", checkpoint=CheckpointTask(name="classify", head="tag"))
        )
