"""A bundle of two tasks over one backbone: each is loaded, checked and called by its name."""

import json
import pickle
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgebert.cli.bundle_summary import summary_lines
from edgebert_runtime import Bundle, load
from edgebert_runtime.bundle.variants import without_variant
from edgebert_runtime.cli.main import main
from edgebert_runtime.errors import BundleError, ConfigError
from edgebert_runtime.verification.self_test import check, check_all
from tests.support.bundle_files import rehash
from tests.support.tiny_encoder import TEXTS
from tests.support.two_tasks import LABELS, WEIGHTS, two_tasks


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, tiny_exported: Bundle) -> Bundle:
    return two_tasks(tiny_exported, tmp_path_factory.mktemp("two") / "bundle")


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    found: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return found


def test_each_task_answers(both: Bundle) -> None:
    vectors = load(both).embed(TEXTS)
    model = load(both, task="classify")
    assert (model.info().task, model.info().variant) == ("classify", "both")
    expected = softmax(vectors @ WEIGHTS)
    for answer, scores in zip(model.classify(TEXTS), expected, strict=True):
        found = {each.label: each.score for each in answer.scores}
        np.testing.assert_allclose([found[label] for label in LABELS], scores, atol=1e-5)


def test_where_nothing_is_asked_for_the_default_task_runs(both: Bundle) -> None:
    assert load(both).info().task == "embed"
    swapped = replace(both, manifest=replace(both.manifest, default_task="classify"))
    assert swapped.manifest.task.head is not None
    assert load(both, "both", task="embed").info().task == "embed"


def test_a_variant_of_another_task_is_refused(both: Bundle) -> None:
    with pytest.raises(ConfigError, match=r"'cpu' of .* answers embed, not classify; load variant"):
        load(both, "cpu", task="classify")
    with pytest.raises(ConfigError, match="has task 'embed' and 'classify', not 'tag'"):
        load(both, task="tag")


def test_an_unpickled_model_has_its_task(both: Bundle) -> None:
    again: Any = pickle.loads(pickle.dumps(load(both, task="classify")))  # noqa: S301 - ours
    assert (again.info().task, again.info().variant) == ("classify", "both")


def test_every_task_of_a_variant_is_checked(both: Bundle, tmp_path: Path) -> None:
    reports = {report.variant: report for report in check_all(both)}
    assert all(report.passed for report in reports.values())
    assert reports["both"].samples == 2 * reports["cpu"].samples > 0
    folder = shutil.copytree(both.folder, tmp_path / "changed")
    path = folder / "samples/both-classify.json"
    fields = json.loads(path.read_text(encoding="utf-8"))
    fields["samples"][2]["expected"][0]["good"] += 0.5
    path.write_text(json.dumps(fields), encoding="utf-8")
    report = check(rehash(folder), "both")
    assert report.samples == reports["both"].samples
    assert "differs by 0.5" in str(report.problem)


def test_the_command_line_takes_the_task_of_the_command(
    both: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["classify", str(both.folder), "a cat"]) == 0
    assert json.loads(capsys.readouterr().out)["scores"][0]["label"] in LABELS
    assert main(["embed", str(both.folder), "a cat"]) == 0
    assert len(json.loads(capsys.readouterr().out)["embedding"]) == 48
    assert main(["run", str(both.folder), "a cat"]) == 0  # the default task
    assert "embedding" in json.loads(capsys.readouterr().out)
    assert main(["info", str(both.folder), "--task", "classify", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["task"] == "classify"


def test_the_summary_names_both(both: Bundle) -> None:
    lines = list(summary_lines(both, None))
    assert lines[0].endswith(": embed, classify, from folder tiny")
    assert "  tasks         embed, classify" in lines


def test_a_task_that_nothing_answers_is_refused(both: Bundle, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'both' is the only variant that answers classify"):
        without_variant(both.manifest, "both")
    variants = {key: each for key, each in both.manifest.variants.items() if key != "both"}
    manifest = replace(both.manifest, variants=variants)
    (tmp_path / "edgebert.json").write_text(manifest.to_json(), encoding="utf-8")
    with pytest.raises(BundleError, match="tasks has 'classify', which no variant answers"):
        Bundle.open(tmp_path)
