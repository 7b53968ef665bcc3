"""A student of all layers, with some heads and neurons of each, chosen by the texts."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import edgebert
from edgebert.checkpoints import Checkpoint, read_checkpoint
from edgebert.checkpoints.history import read_history
from edgebert.compression.distillation.narrower import narrower
from edgebert.compression.widths.choice import least_speedup, runs_of
from edgebert.compression.widths.costs import counted_costs
from edgebert.compression.widths.narrowing import Kept
from edgebert.tasks.registry import checkpoint_tasks
from edgebert_runtime import load
from edgebert_runtime.errors import ConfigError
from tests.support.distilling import NUMBERS, TEXTS, rows_of
from tests.support.families import SAMPLES, build, build_with_head, save

LONGER = replace(NUMBERS, epochs=20)


def opened(folder: Path) -> Checkpoint:
    return read_checkpoint(folder, tasks=checkpoint_tasks())


def all_of(checkpoint: Checkpoint) -> list[Kept]:
    found = map(checkpoint.config.widths_of, range(checkpoint.config.distinct_layers))
    return [
        Kept(heads=tuple(range(len(each.heads))), neurons=tuple(range(each.intermediate)))
        for each in found
    ]


def assert_learnt(report: edgebert.DistilReport) -> None:
    """The texts to learn from; what is fitted before has little to learn about others."""
    first, last = report.losses[:15], report.losses[-15:]
    assert sum(last) < sum(first) / 2


@pytest.mark.parametrize("name", ["bert", "mpnet", "albert-groups", "modernbert"])
def test_the_share_is_that_of_multiplications(name: str, tmp_path: Path) -> None:
    source = opened(save(build(SAMPLES[name]), tmp_path / "source"))
    whole, runs = source.config, runs_of(source.encoder)
    before = rows_of(source)
    student, kept = narrower(source, 0.6, TEXTS, NUMBERS)
    speedup = least_speedup(kept, all_of(source), runs, counted_costs(whole))
    assert 0.6 - 0.25 < 1 / speedup <= 0.6
    assert student.config.layers == whole.layers
    assert student.config.hidden == whole.hidden
    assert student.config.widths is not None
    for widths in student.config.widths:
        assert 1 <= len(widths.heads) <= whole.heads
        assert 1 <= widths.intermediate <= whole.intermediate
    assert rows_of(student).shape == before.shape
    assert torch.equal(rows_of(source), before)
    assert all(each.requires_grad for each in source.encoder.parameters())
    assert all(each.requires_grad for each in student.encoder.parameters())


def test_a_student_has_its_widths_in_the_folder_and_the_bundle(
    teacher: Path, texts: Path, tmp_path: Path
) -> None:
    notes: list[str] = []
    report = edgebert.distil(
        teacher,
        tmp_path / "out",
        student="width=0.6",
        data=texts,
        config=LONGER,
        progress=lambda line: notes.append(str(line)),
    )
    assert (report.teacher_layers, report.student_layers) == (3, 3)
    assert_learnt(report)
    student = opened(tmp_path / "out")
    heads = [len(each.heads) for each in student.config.widths or ()]
    neurons = [each.intermediate for each in student.config.widths or ()]
    assert sum(heads) < 9 or sum(neurons) < 3 * 68
    (step,) = read_history(student.hf_config, source="out")
    assert (step.details["width"], step.details["heads"]) == (0.6, heads)
    assert step.details["neurons"] == neurons
    assert "layers_kept" not in step.details
    shown = f"{' '.join(map(str, heads))} heads, {' '.join(map(str, neurons))} neurons"
    assert any(shown in note for note in notes)
    noted = json.loads((tmp_path / "out/config.json").read_text(encoding="utf-8"))["edgebert"]
    assert [len(each["heads"]) for each in noted["widths"]] == heads
    bundle = edgebert.export(tmp_path / "out", tmp_path / "bundle")
    with load(bundle) as model:
        found = torch.from_numpy(model.embed(TEXTS))
    torch.testing.assert_close(found, rows_of(student), atol=1e-4, rtol=1e-4)
    assert bundle.manifest.provenance[0].details["heads"] == heads


def test_heads_of_a_task_go_on_learning(texts: Path, tmp_path: Path) -> None:
    source = save(build_with_head(SAMPLES["bert"], "classify"), tmp_path / "source")
    report = edgebert.distil(
        source, tmp_path / "out", student="width=0.6", data=texts, column="text", config=LONGER
    )
    assert_learnt(report)
    before, after = (
        load_file(each / "model.safetensors")["classifier.weight"]
        for each in (source, tmp_path / "out")
    )
    assert not torch.equal(before, after)


def test_fewer_layers_become_narrower(teacher: Path, texts: Path, tmp_path: Path) -> None:
    edgebert.distil(
        teacher, tmp_path / "out", student="layers=2,width=0.6", data=texts, config=NUMBERS
    )
    student = opened(tmp_path / "out")
    assert student.config.layers == 2
    assert len(student.config.widths or ()) == 2
    (step,) = read_history(student.hf_config, source="out")
    assert step.details["layers_kept"] == [0, 2]
    assert len(step.details["heads"]) == 2


def test_texts_that_are_held_out_choose_nothing(teacher: Path, texts: Path, tmp_path: Path) -> None:
    found = []
    for name, held_out in (("one", ["a cat", "a dog", "a mat"]), ("two", ["x y", "red", "far"])):
        path = tmp_path / f"{name}.txt"
        path.write_text("\n".join(held_out), encoding="utf-8")
        edgebert.distil(
            teacher,
            tmp_path / name,
            student="width=0.6",
            data=texts,
            validation=path,
            config=replace(NUMBERS, epochs=1),
        )
        found.append(load_file(tmp_path / name / "model.safetensors"))
    assert found[0].keys() == found[1].keys()
    assert all(torch.equal(found[0][key], found[1][key]) for key in found[0])


@pytest.mark.parametrize("width", ["0", "1", "-0.5", "1.5", "128", "abc", "nan", "inf", ""])
def test_widths_that_are_no_share_are_refused(
    width: str, teacher: Path, texts: Path, tmp_path: Path
) -> None:
    message = f"student is 'width={width}', expected a width above 0 and below 1"
    with pytest.raises(ConfigError, match=message):
        edgebert.distil(teacher, tmp_path / "out", student=f"width={width}", data=texts)
    assert not list(tmp_path.iterdir())


def test_a_width_that_would_leave_a_layer_empty_is_refused(
    teacher: Path, texts: Path, tmp_path: Path
) -> None:
    message = r"width is 0.2, expected at least 0.3902 .* a head and 32 neurons of each layer stay"
    with pytest.raises(ConfigError, match=message):
        edgebert.distil(teacher, tmp_path / "out", student="width=0.2", data=texts)
