"""A student learns what its teacher answers, whatever the task; bad input is refused in time."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import edgebert
from edgebert.checkpoints import read_checkpoint
from edgebert.checkpoints.history import read_history
from edgebert.compression.distillation import losses
from edgebert.compression.distillation.dimensions import with_dimensions
from edgebert.compression.distillation.layers import spread, with_layers
from edgebert.compression.distillation.texts import split
from edgebert.model.recording import recorded_states
from edgebert.tasks.registry import checkpoint_tasks
from edgebert.training import loop
from edgebert.training.optimization import learning_rate
from edgebert_runtime.errors import ConfigError, InputError, TokenizerError
from edgebert_runtime.tokenization.items import Item, strings_of
from examples.minilm import minilm_folder
from tests.support.distilling import NUMBERS, TEXTS, rows_of, save_with_tokens_of
from tests.support.families import NAMES, SAMPLES, build, build_with_head, save

METRICS = {
    "classify": "agreement",
    "tag": "agreement",
    "answer": "agreement",
    "fill": "agreement",
    "next_sentence": "agreement",
}


CALM = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
"""Without dropout: few steps are enough to see a loss fall."""


def encoder_of(folder: Path, task: str = "auto") -> Any:
    return read_checkpoint(folder, tasks=checkpoint_tasks(), task=task).encoder


def test_the_layers_kept_are_the_first_the_last_and_evenly_between() -> None:
    assert spread(6, 3) == (0, 2, 5)
    assert spread(12, 6) == (0, 2, 4, 7, 9, 11)  # as DistilBERT
    assert spread(4, 4) == (0, 1, 2, 3)
    assert spread(6, 1) == (0,)


@pytest.mark.parametrize("layers", [0, 4])
def test_no_layers_or_more_than_there_are_are_refused(
    layers: int, teacher: Path, texts: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=f"student of {layers} layers, expected 1 to 3"):
        edgebert.distil(teacher, tmp_path / "out", student=f"layers={layers}", data=texts)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [*NAMES, "albert-groups"])
def test_an_untrained_student_has_the_states_of_the_layers_kept(name: str, tmp_path: Path) -> None:
    encoder = encoder_of(save(build(SAMPLES[name]), tmp_path / "source"))
    student = with_layers(encoder, (0, 1)).eval()
    ids = torch.tensor([[4, 5, 6, 7, 8, 9, 10, 11]])
    with torch.no_grad(), recorded_states(encoder) as full, recorded_states(student) as fewer:
        encoder(ids, torch.ones_like(ids))
        student(ids, torch.ones_like(ids))
    assert len(fewer) == 2
    torch.testing.assert_close(fewer[0], full[0])
    mine, theirs = (
        each.data_ptr() for each in (next(student.parameters()), next(encoder.parameters()))
    )
    assert mine != theirs


def test_a_layer_that_sees_neighbours_only_stays_one(tmp_path: Path) -> None:
    source = save(build(SAMPLES["modernbert"], num_hidden_layers=6), tmp_path / "source")
    encoder = encoder_of(source)
    student = with_layers(encoder, spread(6, 3))
    local = [encoder.config.is_local(layer) for layer in (0, 2, 5)]
    assert [student.config.is_local(layer) for layer in range(3)] == local == [False, True, True]


def test_groups_of_shared_layers_all_stay(tmp_path: Path) -> None:
    encoder = encoder_of(save(build(SAMPLES["albert-groups"]), tmp_path / "source"))
    with pytest.raises(ConfigError, match="of 1 layers, expected at least 2"):
        with_layers(encoder, (0,))


def test_vectors_come_nearer_to_the_teachers(teacher: Path, texts: Path, tmp_path: Path) -> None:
    report = edgebert.distil(
        teacher, tmp_path / "out", student="layers=2", data=texts, config=NUMBERS
    )
    assert sum(report.losses[-3:]) < sum(report.losses[:3]) / 2
    assert report.metrics.keys() >= {"loss", "cosine", "spearman"}
    assert report.metrics["loss"] < report.untrained["loss"]
    assert (report.teacher_layers, report.student_layers) == (3, 2)
    assert (report.examples, report.held_out) == (len(TEXTS) - 3, 3)
    student = read_checkpoint(tmp_path / "out", tasks=checkpoint_tasks())
    assert student.config.layers == 2
    (step,) = read_history(student.hf_config, source="out")
    assert step.step == "distilled"
    assert (step.details["layers"], step.details["layers_kept"]) == ([3, 2], [0, 2])


@pytest.mark.parametrize("task", METRICS)
def test_heads_agree_with_the_teacher(task: str, texts: Path, tmp_path: Path) -> None:
    source = save(build_with_head(SAMPLES["bert"], task, **CALM), tmp_path / "source")
    before = load_file(source / "model.safetensors")
    report = edgebert.distil(
        source,
        tmp_path / "out",
        student="layers=2",
        data=texts,
        column="text",
        column_pair="other" if task in ("answer", "next_sentence") else None,
        config=NUMBERS,
    )
    assert report.task == task
    assert METRICS[task] in report.metrics
    assert sum(report.losses[-3:]) < sum(report.losses[:3])
    student = read_checkpoint(tmp_path / "out", tasks=checkpoint_tasks())
    assert student.task == task
    assert student.config.layers == 2
    assert all(
        torch.equal(before[name], tensor)
        for name, tensor in load_file(source / "model.safetensors").items()
    )


@pytest.mark.parametrize("problem", ["multi_label_classification", "regression"])
def test_scores_that_are_no_shares_are_compared_as_they_are(
    problem: str, texts: Path, tmp_path: Path
) -> None:
    outputs = 1 if problem == "regression" else 3
    model = build_with_head(SAMPLES["bert"], "classify", problem_type=problem, num_labels=outputs)
    source = save(model, tmp_path / "source")
    report = edgebert.distil(
        source, tmp_path / "out", student="layers=2", data=texts, task="classify", config=NUMBERS
    )
    assert report.metrics["mean_absolute_error"] < report.untrained["mean_absolute_error"]
    config = json.loads((tmp_path / "out/config.json").read_text(encoding="utf-8"))
    assert config["problem_type"] == problem


def test_another_checkpoint_learns_with_a_new_head(texts: Path, tmp_path: Path) -> None:
    source = save(build_with_head(SAMPLES["bert"], "classify"), tmp_path / "source")
    narrow = build(SAMPLES["bert"], num_hidden_layers=1, hidden_size=24, num_attention_heads=2)
    base = save_with_tokens_of(source, narrow, tmp_path / "base")
    notes: list[str] = []
    report = edgebert.distil(
        source,
        tmp_path / "out",
        student=base,
        data=texts,
        config=NUMBERS,
        progress=lambda line: notes.append(str(line)),
    )
    assert any("hidden states are not compared: 24 wide" in note for note in notes)
    assert sum(report.losses[-3:]) < sum(report.losses[:3])
    student = read_checkpoint(tmp_path / "out", tasks=checkpoint_tasks())
    labels = read_checkpoint(source, tasks=checkpoint_tasks()).head_info
    assert student.head_info == labels
    assert (student.config.layers, student.config.hidden) == (1, 24)


def test_as_many_dimensions_as_texts_keep_their_similarities(teacher: Path) -> None:
    whole = read_checkpoint(teacher, tasks=checkpoint_tasks())
    mapped = with_dimensions(whole, len(TEXTS), TEXTS)
    before, after = (rows_of(each) for each in (whole, mapped))
    assert after.shape == (len(TEXTS), len(TEXTS))
    torch.testing.assert_close(after @ after.T, before @ before.T, atol=1e-3, rtol=1e-4)


def test_vectors_of_fewer_dimensions_are_learnt(teacher: Path, texts: Path, tmp_path: Path) -> None:
    numbers = replace(NUMBERS, epochs=1)
    arguments: dict[str, Any] = {"student": "layers=3", "data": texts, "config": numbers}
    report = edgebert.distil(teacher, tmp_path / "out", dimensions=8, **arguments)
    assert report.untrained["cosine"] == pytest.approx(1, abs=1e-5)  # all layers, the same map
    student = read_checkpoint(tmp_path / "out", tasks=checkpoint_tasks())
    assert student.embedding is not None
    assert student.embedding.dimensions == 8
    assert rows_of(student).shape == (len(TEXTS), 8)
    with pytest.raises(ConfigError, match="dimensions is 48, expected 1 to 11"):
        edgebert.distil(teacher, tmp_path / "wide", dimensions=48, **arguments)


def test_a_student_of_other_tokens_is_refused(teacher: Path, texts: Path, tmp_path: Path) -> None:
    base = save(build(SAMPLES["roberta"]), tmp_path / "base")
    with pytest.raises(TokenizerError, match="must have the same tokens under the same ids"):
        edgebert.distil(teacher, tmp_path / "out", student=base, data=texts)


def test_vectors_of_another_width_are_refused(teacher: Path, texts: Path, tmp_path: Path) -> None:
    narrow = build(SAMPLES["bert"], num_hidden_layers=1, hidden_size=24, num_attention_heads=2)
    base = save_with_tokens_of(teacher, narrow, tmp_path / "base")
    with pytest.raises(ConfigError, match="24 dimensions, expected 48"):
        edgebert.distil(teacher, tmp_path / "out", student=base, data=texts)


@pytest.mark.parametrize(
    "student", ["layers=few", "layers=", "layers=2,layers=2", "width=0.5,depth=2", "width=0.5,"]
)
def test_other_forms_of_a_student_are_refused(
    student: str, teacher: Path, texts: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"expected layers=N, width=SHARE, .* or the folder"):
        edgebert.distil(teacher, tmp_path / "out", student=student, data=texts)


def test_a_task_of_pairs_needs_pairs(texts: Path, tmp_path: Path) -> None:
    source = save(build_with_head(SAMPLES["bert"], "answer"), tmp_path / "source")
    with pytest.raises(ConfigError, match="'answer' takes pairs of texts"):
        edgebert.distil(source, tmp_path / "out", student="layers=2", data=texts)


def test_too_few_texts_are_refused(teacher: Path, tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    path.write_text("one\ntwo\ntwo\n\nthree\n", encoding="utf-8")
    with pytest.raises(InputError, match="0 texts to learn from and 3 to judge by"):
        edgebert.distil(teacher, tmp_path / "out", student="layers=2", data=path)
    path.write_text("\n", encoding="utf-8")
    with pytest.raises(InputError, match="has no texts"):
        edgebert.distil(teacher, tmp_path / "out", student="layers=2", data=path)


def test_no_first_text_is_on_both_sides() -> None:
    pairs: list[Item] = [(f"q{at // 4}", f"text {at}") for at in range(80)]
    drawn = split(pairs, None, seed=0)
    assert len(drawn.training) + len(drawn.validation) == len(pairs)
    learnt, held_out = ({strings_of(each)[0] for each in part} for part in drawn)
    assert not learnt & held_out
    given = split(["a", "b", "c", "d"], ["b", "x", "y"], seed=0)
    assert given == (["a", "c", "d"], ["b", "x", "y"])


@pytest.mark.parametrize(
    ("options", "other", "differs"),
    [
        ({"student": "layers=2"}, {"student": "layers=1"}, "student was 'layers=2'"),
        (
            {
                "student": "layers=2,width=0.5",
                "matryoshka": (16, 8),
                "losses": edgebert.DistilLosses(attention=1.0),
            },
            {"matryoshka": (16,)},
            r"matryoshka was \[16, 8\]",
        ),
        (
            {"student": "layers=2", "losses": edgebert.DistilLosses(attention=1.0)},
            {"losses": edgebert.DistilLosses(attention=2.0)},
            "attention was 1.0",
        ),
    ],
    ids=["layers", "widths and sizes", "attention"],
)
def test_an_interrupted_distillation_goes_on_as_if_nothing_had_happened(
    options: dict[str, Any],
    other: dict[str, Any],
    differs: str,
    teacher: Path,
    texts: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    numbers = replace(NUMBERS, epochs=4, save_every=2)
    arguments: dict[str, Any] = {**options, "data": texts, "config": numbers}
    whole = edgebert.distil(teacher, tmp_path / "whole", **arguments)

    def stopping(step: int, steps: int, config: edgebert.TrainingConfig) -> float:
        if step == 8:
            raise KeyboardInterrupt
        return learning_rate(step, steps, config)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "learning_rate", stopping)
        with pytest.raises(KeyboardInterrupt):
            edgebert.distil(teacher, tmp_path / "parted", **arguments)
    with pytest.raises(ConfigError, match="interrupted training; pass resume"):
        edgebert.distil(teacher, tmp_path / "parted", **arguments)
    with pytest.raises(ConfigError, match=f"another training: {differs}"):
        edgebert.distil(teacher, tmp_path / "parted", **{**arguments, **other}, resume=True)
    resumed = edgebert.distil(teacher, tmp_path / "parted", **arguments, resume=True)
    assert resumed.losses == whole.losses
    expected = load_file(tmp_path / "whole/model.safetensors")
    found = load_file(tmp_path / "parted/model.safetensors")
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_losses_are_nothing_where_both_agree_and_grow_where_not() -> None:
    torch.manual_seed(0)
    rows, other = torch.randn(2, 5, 8)
    mask = torch.ones(1, 5, dtype=torch.long)
    for loss in (
        losses.cosine_distance,
        losses.similarity_error,
        losses.score_error,
        lambda mine, theirs: losses.divergence(mine, theirs, 2.0),
        lambda mine, theirs: losses.state_error(mine[None], theirs[None], mask),
    ):
        assert float(loss(rows, rows)) == pytest.approx(0, abs=1e-5)
        assert float(loss(rows, other)) > 0.1


def test_a_divergence_by_hand() -> None:
    found, wanted = torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0986123, 0.0]])  # 3/4 and 1/4
    expected = 0.75 * torch.log(torch.tensor(1.5)) + 0.25 * torch.log(torch.tensor(0.5))
    torch.testing.assert_close(losses.divergence(found, wanted, 1.0), expected)


@pytest.mark.parametrize(
    ("wrong", "message"), [({"hidden": -1.0}, "hidden=-1.0"), ({"temperature": 0.0}, "temperature")]
)
def test_weights_out_of_range_are_refused(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        edgebert.DistilLosses(**wrong)


def test_losses_that_do_not_count_for_the_task_are_not_enough(
    teacher: Path, texts: Path, tmp_path: Path
) -> None:
    only_logits = edgebert.DistilLosses(cosine=0.0, similarity=0.0, hidden=0.0)
    with pytest.raises(ConfigError, match="nothing to learn: the weights cosine, similarity"):
        edgebert.distil(
            teacher, tmp_path / "out", student="layers=2", data=texts, losses=only_logits
        )


@pytest.mark.exhaustive
def test_half_of_minilm_learns_from_a_few_hundred_texts(tmp_path: Path) -> None:
    from benchmarks.texts import package_pairs

    path = tmp_path / "texts.txt"
    drawn = [" ".join(text.split()) for pair in package_pairs(400) for text in pair]
    path.write_text("\n".join(drawn), encoding="utf-8")
    numbers = edgebert.TrainingConfig(epochs=1, learning_rate=2e-4, max_length=64, device="cpu")
    report = edgebert.distil(
        minilm_folder(), tmp_path / "out", student="layers=3", data=path, config=numbers
    )
    assert report.metrics["cosine"] > report.untrained["cosine"] + 0.05
    assert report.metrics["spearman"] > report.untrained["spearman"]
