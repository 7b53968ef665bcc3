"""Each task learns a tiny file by heart; what it writes is read by others."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch import Tensor

import edgebert
from edgebert import TrainingReport, train
from edgebert.tasks.registry import require_training
from edgebert.training.job import Job, Request, prepare
from edgebert.training.loop import Loop
from edgebert.training.resume import StateFile, random_state
from edgebert_runtime.errors import ConfigError, InputError
from tests.support import training_data
from tests.support.checkpoints import read_checkpoint

AT_THE_END = replace(training_data.QUICK, validate_every=40)
"""Validated after 40 steps and at the end, and not after each of 40 epochs."""

LEARNT = {
    "classify": ("accuracy", 1.0),
    "rank": ("roc_auc", 1.0),
    "tag": ("f1", 1.0),
    "answer": ("exact_match", 1.0),
    "embed": ("spearman", 0.7),  # of twelve scores, of which many are alike
    "fill": ("masked_accuracy", 0.5),
    "pretrain": ("next_sentence_accuracy", 1.0),
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return training_data.write_base(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(scope="module")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, TrainingReport]:
    folder = tmp_path_factory.mktemp("trained")
    return {task: learnt(base, task, folder) for task in training_data.FILES}


def learnt(base: Path, task: str, folder: Path) -> TrainingReport:
    data = training_data.FILES[task](folder)
    validation = training_data.scored_file(folder) if task == "embed" else data
    return train(base, data, folder / task, task=task, validation=validation, config=AT_THE_END)


@pytest.mark.parametrize("task", LEARNT)
def test_a_tiny_file_is_learnt_by_heart(task: str, trained: dict[str, TrainingReport]) -> None:
    report, (metric, least) = trained[task], LEARNT[task]
    assert report.metrics[metric] >= least
    assert np.mean(report.losses[-10:]) < 0.75 * np.mean(report.losses[:10])
    assert len(report.losses) == report.steps
    assert not report.out.with_name(f"{task}.state.pt").exists()


@pytest.mark.parametrize("task", training_data.FILES)
def test_edgebert_reads_what_was_written(task: str, trained: dict[str, TrainingReport]) -> None:
    again = read_checkpoint(trained[task].out)
    assert again.task == {"pretrain": "fill"}.get(task, task)


@pytest.mark.parametrize(
    ("task", "loader"),
    [
        ("classify", "AutoModelForSequenceClassification"),
        ("rank", "AutoModelForSequenceClassification"),
        ("tag", "AutoModelForTokenClassification"),
        ("answer", "AutoModelForQuestionAnswering"),
        ("fill", "AutoModelForMaskedLM"),
        ("pretrain", "AutoModelForPreTraining"),
        ("embed", "AutoModel"),
    ],
)
def test_transformers_loads_it(task: str, loader: str, trained: dict[str, TrainingReport]) -> None:
    out = trained[task].out
    model, report = getattr(transformers, loader).from_pretrained(out, output_loading_info=True)
    assert report["missing_keys"] == set()
    assert report["unexpected_keys"] == set()
    if task in ("classify", "tag"):
        assert tuple(model.config.id2label.values()) == trained[task].labels


def test_transformers_classifies_as_was_learnt(trained: dict[str, TrainingReport]) -> None:
    out = trained["classify"].out
    classify: Any = transformers.pipeline("text-classification", model=str(out), device="cpu")
    for text, _, label in training_data.ROWS:
        assert classify(text)[0]["label"] == label
    config = transformers.AutoConfig.from_pretrained(out)
    assert config.problem_type == "single_label_classification"


def test_a_trained_classifier_exports(trained: dict[str, TrainingReport], tmp_path: Path) -> None:
    bundle = edgebert.export(trained["classify"].out, tmp_path / "bundle")
    assert bundle.manifest.default_task == "classify"
    assert bundle.manifest.task.head is not None
    assert bundle.manifest.task.head.labels == ("animal", "colour", "size")
    assert bundle.manifest.task.head.activation == "softmax"


@pytest.mark.parametrize(
    ("problem", "make", "activation"),
    [
        ("multi_label", training_data.several_file, "sigmoid"),
        ("regression", training_data.regression_file, "none"),
    ],
)
def test_other_problems_are_learnt_too(
    problem: str, make: Any, activation: str, base: Path, tmp_path: Path
) -> None:
    data = make(tmp_path)
    report = train(
        base,
        data,
        tmp_path / "out",
        task="classify",
        problem=problem,
        validation=data,
        config=training_data.QUICK,
    )
    assert report.metrics["spearman" if problem == "regression" else "f1"] == 1.0
    again = read_checkpoint(report.out)
    assert again.head_info is not None
    assert (again.task, again.head_info.activation) == ("classify", activation)


def request(base: Path, task: str, folder: Path, **numbers: Any) -> Request:
    return Request(
        base=base,
        data=training_data.FILES[task](folder),
        validation=None,
        task=task,
        spec=require_training(task),
        problem="single_label",
        config=replace(training_data.QUICK, epochs=1, **numbers),
        new_head=False,
        from_scratch=False,
    )


def first_step(
    base: Path, task: str, folder: Path, **numbers: Any
) -> tuple[float, dict[str, Tensor]]:
    """The loss of an epoch of one step, and its gradients, which are not cut."""
    numbers["max_gradient_norm"] = 1e9
    found: dict[str, Tensor] = {}

    def note(*_: object) -> None:
        for name, weight in loop.model.named_parameters():
            if weight.grad is not None:
                found[name] = weight.grad.clone()

    torch.manual_seed(0)
    job: Job = prepare(request(base, task, folder, **numbers), lambda _: None)
    loop = Loop(
        model=job.base.model,
        objective=job.objective,
        validation=None,
        config=job.request.config,
        store=StateFile(path=folder / "state.pt", identity={}),
        on_step=lambda *_: None,
        tell=lambda _: None,
    )
    loop.optimizer.register_step_pre_hook(note)
    loop.run()
    assert loop.progress.step == 1
    return loop.progress.losses[0], found


@pytest.mark.parametrize("task", ["classify", "rank", "tag", "answer"])
def test_accumulation_is_one_big_batch(task: str, base: Path, tmp_path: Path) -> None:
    big_loss, big = first_step(base, task, tmp_path, batch_size=6)
    loss, small = first_step(base, task, tmp_path, batch_size=2, accumulate=3)
    assert loss == pytest.approx(big_loss, rel=1e-6)
    assert small.keys() == big.keys()
    for name, expected in big.items():
        torch.testing.assert_close(small[name], expected, atol=1e-6, rtol=1e-5)


def test_the_callers_random_numbers_are_left_alone(base: Path, tmp_path: Path) -> None:
    torch.manual_seed(5)
    np.random.seed(5)
    before = random_state()
    config = replace(training_data.QUICK, epochs=1)
    train(
        base,
        training_data.classify_file(tmp_path),
        tmp_path / "out",
        task="classify",
        config=config,
    )
    after = random_state()
    assert torch.equal(before["torch"], after["torch"])
    assert torch.equal(before["numpy"][1], after["numpy"][1])
    assert before["python"] == after["python"]


def test_half_precision_learns_on_a_cpu_if_asked(base: Path, tmp_path: Path) -> None:
    data = training_data.classify_file(tmp_path)
    config = replace(training_data.QUICK, autocast="bf16")
    report = train(base, data, tmp_path / "out", task="classify", validation=data, config=config)
    assert report.metrics["accuracy"] == 1.0
    assert read_checkpoint(report.out).encoder.embeddings.token.weight.dtype is torch.float32


def test_texts_too_long_are_counted(base: Path, tmp_path: Path) -> None:
    notes: list[str] = []
    report = train(
        base,
        training_data.classify_file(tmp_path),
        tmp_path / "out",
        task="classify",
        config=replace(training_data.QUICK, epochs=1, max_length=6),
        progress=notes.append,
    )
    assert report.truncated == 4  # of 9, 9, 5, 8, 5 and 8 tokens
    assert "4 texts were cut to 6 tokens" in notes
    limit = "the trained model cuts texts to 6 tokens, as this training does; its encoder takes 40"
    assert any(note.startswith(limit) for note in notes)
    exported = read_checkpoint(report.out)
    assert exported.max_length == 6
    assert any("cut to 6 tokens, as in its training" in note for note in exported.notes)
    longer = read_checkpoint(report.out, max_length=12)
    assert not any("as in its training" in note for note in longer.notes)


def test_a_limit_stays_noted_in_what_is_trained_next(base: Path, tmp_path: Path) -> None:
    data = training_data.classify_file(tmp_path)
    for source, out, max_length in ((base, "one", 12), (tmp_path / "one", "two", None)):
        config = replace(training_data.QUICK, epochs=1, max_length=max_length)
        train(source, data, tmp_path / out, task="classify", config=config)
        again = read_checkpoint(tmp_path / out)
        assert any("cut to 12 tokens, as in its training" in note for note in again.notes)
    whole = replace(training_data.QUICK, epochs=1, max_length=40)
    train(tmp_path / "two", data, tmp_path / "three", task="classify", config=whole)
    assert not any("in its training" in note for note in read_checkpoint(tmp_path / "three").notes)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"task": "sing"}, ConfigError, "task must be one of embed, classify"),
        ({"problem": "odd"}, ConfigError, "problem must be one of single_label"),
        ({"task": "tag", "problem": "regression"}, ConfigError, "goes with task classify"),
        ({"out": "."}, ConfigError, "is no checkpoint"),
        ({"data": "same.csv"}, InputError, "has one label, 'x'"),
        ({"validation": "same.csv"}, InputError, "the data have the labels 'x', expected some of"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_written(
    arguments: dict[str, Any],
    error: type[Exception],
    message: str,
    base: Path,
    tmp_path: Path,
) -> None:
    training_data.write_csv(tmp_path / "same.csv", ("text", "label"), [("a", "x"), ("b", "x")])
    training_data.classify_file(tmp_path)
    before = sorted(tmp_path.iterdir())
    given = {"data": "classify.csv", "out": "out", "task": "classify", **arguments}
    for key in ("data", "out", "validation"):
        if key in given:
            given[key] = tmp_path / given[key]
    with pytest.raises(error, match=message):
        train(base, **given)
    assert sorted(tmp_path.iterdir()) == before


def test_an_out_folder_that_exists_is_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="exists; pass overwrite"):
        train(base, training_data.classify_file(tmp_path), base, task="classify")
