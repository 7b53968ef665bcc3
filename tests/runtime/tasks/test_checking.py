"""Every task's samples, in bundles that no exporter of ours wrote."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from edgebert_runtime import Bundle, check, diff
from edgebert_runtime.bundle.manifest import Manifest
from edgebert_runtime.bundle.samples import read_samples
from edgebert_runtime.bundle.variants import with_samples
from edgebert_runtime.errors import ConfigError, DiffError, SampleError
from edgebert_runtime.tasks.registry import require_task
from edgebert_runtime.verification.bundle_diff import item_maker
from edgebert_runtime.verification.probes import COMPARISONS
from edgebert_runtime.verification.sample_recorder import record
from tests.support.bundle_files import change_weights, rehash
from tests.support.task_bundles import BERT, ROBERTA, GetSample, Recipe

RECIPES = [*BERT.values(), *ROBERTA.values()]
GRAPH = "onnx/model.onnx"
ROWS = [("ada lives in paris", "the cat sat on the mat"), ("is it far", "a dog ran far over it")]


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

    def sampled(manifest: Manifest) -> Manifest:
        samples = {manifest.default_task: "samples/portable.json"}
        portable = with_samples(manifest.variants["portable"], samples)
        return replace(manifest, variants={"portable": portable})

    return rehash(folder, sampled)


@pytest.mark.parametrize("recorded", RECIPES, indirect=True, ids=named)
def test_a_task_proves_itself(recorded: Bundle) -> None:
    report = check(recorded)
    report.require()
    empty_context = recorded.manifest.default_task == "answer"  # has no answer
    assert report.samples == 10 - empty_context


@pytest.mark.parametrize("recorded", RECIPES, indirect=True, ids=named)
def test_answers_are_not_all_alike(recorded: Bundle) -> None:
    stored = read_samples(recorded.folder / "samples/portable.json")
    off = COMPARISONS[require_task(recorded.manifest.default_task).probe.measure].deviation
    first, *others = [sample.expected for sample in stored.samples if sample.expected]
    apart = [off(first, other).amount > 10 * stored.tolerance for other in others]
    assert sum(apart) >= 6


@pytest.mark.parametrize("recorded", RECIPES, indirect=True, ids=named)
def test_a_task_with_other_weights_is_found(recorded: Bundle) -> None:
    change_weights(recorded.path_of(GRAPH), lambda array: array * 1.02)
    with pytest.raises(SampleError, match="the tokens are the same, the answers are not"):
        check(rehash(recorded.folder)).require()


@pytest.mark.parametrize("recorded", RECIPES, indirect=True, ids=named)
def test_two_bundles_of_a_task_are_compared(recorded: Bundle, sample: GetSample) -> None:
    task = recorded.manifest.default_task
    item, spec = item_maker(recorded), require_task(task)
    pairs = not isinstance(spec.item(recorded.manifest, "a"), str)
    items = [item(row if pairs else row[:1]) for row in ROWS]
    same = diff(recorded, recorded, items)
    same.require()
    assert (same.texts, same.worst.amount, same.tokens_differ) == (2, 0.0, 0)
    assert same.equal == (None if task == "next_sentence" else 1.0)
    if pairs:
        with pytest.raises(ConfigError, match="takes pairs of texts; name the second column"):
            item(ROWS[0][:1])
    change_weights(recorded.path_of(GRAPH), lambda array: array * 1.1)
    built = recorded.manifest.source["name"], task
    recipe = next(each for each in RECIPES if (each.model, each.task) == built)
    report = diff(sample(recipe).folder, rehash(recorded.folder), items)
    with pytest.raises(DiffError, match=r"of 2 answers are further apart than 0\.0001"):
        report.require()
