"""Every task's samples, in bundles that no exporter of ours wrote."""

import shutil
from pathlib import Path

import pytest

from edgebert_runtime import Bundle, check
from edgebert_runtime.errors import SampleError
from edgebert_runtime.tasks.registry import require_task
from edgebert_runtime.verification.probes import COMPARISONS
from edgebert_runtime.verification.sample_recorder import record
from edgebert_runtime.verification.samples import read_samples
from tests.support.bundle_files import change_weights, rehash
from tests.support.task_bundles import BERT, ROBERTA, GetSample, Recipe

RECIPES = [*BERT.values(), *ROBERTA.values()]
GRAPH = "onnx/model.onnx"


def named(recipe: Recipe) -> str:
    return recipe.model


@pytest.fixture
def recorded(request: pytest.FixtureRequest, sample: GetSample, tmp_path: Path) -> Bundle:
    """A copy with samples."""
    folder = Path(shutil.copytree(sample(request.param).folder, tmp_path / "copy"))
    bundle = Bundle.open(folder)
    (folder / "samples").mkdir()
    text = record(bundle, "portable", folder / GRAPH).to_json()
    (folder / "samples/portable.json").write_text(text, encoding="utf-8")
    return rehash(folder)


@pytest.mark.parametrize("recorded", RECIPES, indirect=True, ids=named)
def test_a_task_proves_itself(recorded: Bundle) -> None:
    report = check(recorded)
    report.require()
    empty_context = recorded.manifest.task == "answer"  # has no answer
    assert report.samples == 10 - empty_context


@pytest.mark.parametrize("recorded", RECIPES, indirect=True, ids=named)
def test_answers_are_not_all_alike(recorded: Bundle) -> None:
    stored = read_samples(recorded.folder / "samples/portable.json")
    off = COMPARISONS[require_task(recorded.manifest.task).probe.measure].deviation
    first, *others = [sample.expected for sample in stored.samples if sample.expected]
    apart = [off(first, other).amount > 10 * stored.tolerance for other in others]
    assert sum(apart) >= 6


@pytest.mark.parametrize("recorded", RECIPES, indirect=True, ids=named)
def test_a_task_with_other_weights_is_found(recorded: Bundle) -> None:
    change_weights(recorded.path_of(GRAPH), lambda array: array * 1.02)
    with pytest.raises(SampleError, match="the tokens are the same, the answers are not"):
        check(rehash(recorded.folder)).require()
