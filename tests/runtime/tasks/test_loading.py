import json
from pathlib import Path
from typing import Any

import jsonschema
import onnx_ir as ir
import pytest

from edgebert_runtime import Bundle, load
from edgebert_runtime.benchmarking.cold_start import first_item
from edgebert_runtime.bundle.manifest import TensorInfo, read_manifest
from edgebert_runtime.errors import BundleError, ConfigError
from edgebert_runtime.tasks.base import TaskModel
from edgebert_runtime.tasks.registry import BUILT_IN, require_task
from tests.support.imports import existing, imported
from tests.support.task_bundles import BERT, GetSample, edited, head
from tests.support.tiny_manifest import of_task

SCHEMA = json.loads(
    (Path(__file__).parents[3] / "docs" / "bundle.schema.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("task", BERT)
def test_the_bundle_decides_what_is_loaded(sample: GetSample, task: str) -> None:
    folder = sample(BERT[task]).folder
    model: TaskModel[Any] = load(folder)
    assert type(model) is require_task(task).model
    assert type(model) is type(load(folder, task=task))  # type: ignore[call-overload]
    info = model.info()
    assert (info.task, info.dimensions) == (task, None)
    assert model.last_report is None


@pytest.mark.parametrize("task", BERT)
def test_every_task_can_be_called_once_for_measuring(sample: GetSample, task: str) -> None:
    folder = sample(BERT[task]).folder
    model: TaskModel[Any] = load(folder)
    assert len(model.predict([first_item(read_manifest(folder))])) == 1
    assert model.last_report is not None


def test_another_task_than_asked_is_refused(sample: GetSample) -> None:
    folder = sample(BERT["tag"]).folder
    with pytest.raises(ConfigError, match="has task 'tag', not 'classify'; load it with task='t"):
        load(folder, task="classify")


def test_a_task_of_the_future_is_refused(sample: GetSample, tmp_path: Path) -> None:
    folder = sample(BERT["tag"]).folder
    later = edited(folder, tmp_path / "x", lambda manifest: of_task(manifest, "sum"))
    with pytest.raises(BundleError, match="has task 'sum', this version runs embed, classify"):
        load(later)


def test_a_missing_head_or_output_is_refused(sample: GetSample, tmp_path: Path) -> None:
    folder = sample(BERT["tag"]).folder
    headless = edited(folder, tmp_path / "a", lambda manifest: of_task(manifest, head=None))
    with pytest.raises(BundleError, match="has task 'tag' and no head, expected a head with"):
        load(headless)
    other = edited(folder, tmp_path / "b", lambda manifest: of_task(manifest, "answer"))
    with pytest.raises(BundleError, match="without output start_logits, end_logits; it has logits"):
        load(other)


def test_an_input_that_no_tokenizer_makes_is_refused(sample: GetSample, tmp_path: Path) -> None:
    folder = edited(sample(BERT["tag"]).folder, tmp_path / "x", lambda manifest: manifest)
    variant = next(iter(read_manifest(folder).variants.values()))
    model = ir.load(folder / variant.file)
    for value in model.graph.inputs:
        value.name = value.name.replace("token_type_ids", "position_ids")
    ir.save(model, folder / variant.file)
    with pytest.raises(
        BundleError, match="a graph with the inputs position_ids; a tokenizer gives input_ids"
    ):
        load(folder, verify="never")


@pytest.mark.parametrize("key", ["labels", "activation"])
def test_a_head_without_a_key_is_refused(sample: GetSample, tmp_path: Path, key: str) -> None:
    copy = edited(sample(BERT["tag"]).folder, tmp_path / "copy", lambda manifest: manifest)
    fields = json.loads((copy / "edgebert.json").read_text(encoding="utf-8"))
    del fields["tasks"]["tag"]["head"][key]
    (copy / "edgebert.json").write_text(json.dumps(fields), encoding="utf-8")
    with pytest.raises(BundleError, match=f"lacks '{key}'"):
        Bundle.open(copy)


def test_a_head_survives_writing_and_reading(sample: GetSample) -> None:
    manifest = read_manifest(sample(BERT["tag"]).folder)
    assert manifest.task.head == BERT["tag"].head


# The schema


def fields_of(sample: GetSample, task: str) -> dict[str, Any]:
    text = (sample(BERT[task]).folder / "edgebert.json").read_text(encoding="utf-8")
    fields: dict[str, Any] = json.loads(text)
    return fields


@pytest.mark.parametrize("task", BERT)
def test_the_manifests_follow_the_schema(sample: GetSample, task: str) -> None:
    jsonschema.validate(fields_of(sample, task), SCHEMA)


@pytest.mark.parametrize(
    ("task", "wrong"),
    [
        ("tag", {"head": None}),
        ("tag", {"head": {"labels": [], "activation": "softmax"}}),
        ("tag", {"head": {"labels": ["a"], "activation": "sigmoid"}}),
        ("classify", {"head": {"labels": ["a"], "activation": "tanh"}}),
        ("classify", {"head": {"labels": ["a"]}}),
        ("rank", {"head": {"labels": ["a", "b"], "activation": "none"}}),
        ("rank", {"head": {"labels": ["a"], "activation": "softmax"}}),
        ("fill", {"head": {"labels": ["a"], "activation": "softmax"}}),
        ("answer", {"head": {"labels": [], "activation": "none"}}),
        ("embed", {}),
        ("fill", {"embedding": {"dimensions": 1, "steps": [], "prompts": {}}}),
    ],
    ids=str,
)
def test_the_schema_can_fail(sample: GetSample, task: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        fields = fields_of(sample, "fill" if task == "embed" else task)
        (described,) = fields["tasks"].values()
        jsonschema.validate({**fields, "tasks": {task: {**described, **wrong}}}, SCHEMA)


def test_a_head_is_required_beside_a_task(sample: GetSample) -> None:
    fields = fields_of(sample, "tag")
    del fields["tasks"]["tag"]["head"]
    with pytest.raises(jsonschema.ValidationError, match="head"):
        jsonschema.validate(fields, SCHEMA)


# What is imported


def test_load_imports_the_task_at_hand_and_no_other(sample: GetSample, tiny_bundle: Bundle) -> None:
    code = "from edgebert_runtime import load; load(sys.argv[1])"
    tasks = existing(*(f"tasks.{task}" for task in BUILT_IN))
    later = existing(
        "tokenization.offsets",
        "verification.self_test",
        "postprocessing.pooling",
        "bundle.samples",
    )
    for folder, task in ((sample(BERT["rank"]).folder, "rank"), (tiny_bundle.folder, "embed")):
        modules = imported(code, str(folder))
        assert modules & tasks == {f"tasks.{task}"}
        assert not modules & later


def test_the_package_alone_imports_no_task() -> None:
    assert not existing("tasks.embed") & imported("import edgebert_runtime")


def test_a_module_that_is_not_there_says_nothing() -> None:
    for name in ("pooling", "postprocessing.nothing", "nothing.pooling"):
        with pytest.raises(ModuleNotFoundError):
            existing(name)


def test_numbers_of_labels_are_checked_only_where_they_are_known(
    sample: GetSample, tmp_path: Path
) -> None:
    """A graph's shape may be symbolic."""
    symbolic = TensorInfo(name="logits", dtype="float32", shape=("batch", "labels"))
    folder = edited(
        sample(BERT["classify"]).folder,
        tmp_path / "copy",
        lambda manifest: of_task(manifest, outputs=(symbolic,), head=head("a", "b", "c", "d")),
    )
    assert load(folder, task="classify").classify(["a"])[0].best.label in "abcd"
