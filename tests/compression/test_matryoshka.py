"""Vectors whose first numbers are learnt as vectors, too."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

import edgebert
from edgebert.checkpoints import Checkpoint, read_checkpoint
from edgebert.checkpoints.history import read_history
from edgebert.compression.answers import model_of
from edgebert.compression.distillation.encoding import text_encoder
from edgebert.compression.distillation.matching import Matching
from edgebert.compression.distillation.matryoshka import read_sizes
from edgebert.compression.distillation.objectives import Teacher, Vectors
from edgebert.tasks.registry import checkpoint_tasks
from edgebert.training.metrics import spearman
from edgebert_runtime import load
from edgebert_runtime.errors import ConfigError
from tests.support.commands import edgebert as command
from tests.support.distilling import NUMBERS, TEXTS, rows_of
from tests.support.families import SAMPLES, build_with_head, save


def opened(folder: Path) -> Checkpoint:
    return read_checkpoint(folder, tasks=checkpoint_tasks())


def objective(folder: Path, **weights: float) -> Vectors:
    """With the sizes 16 and 8 beside the 48 of the vectors."""
    checkpoint = opened(folder)
    known = Teacher(
        model=model_of(checkpoint).eval(),
        matching=Matching(),
        losses=edgebert.DistilLosses(**weights),
        matryoshka=(16, 8),
    )
    return Vectors(TEXTS, text_encoder(checkpoint, checkpoint, None), known)


def vectors() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(4)
    mine, theirs = torch.randn(2, len(TEXTS), 48)
    return mine, theirs


def cosines(rows: torch.Tensor) -> torch.Tensor:
    unit = functional.normalize(rows, dim=1)
    return unit @ unit.T


def test_losses_are_means_over_the_sizes(teacher: Path) -> None:
    learnt = objective(teacher, cosine=2.0, similarity=3.0)
    batch = learnt.batch(range(len(TEXTS)), np.random.default_rng(0))
    mine, theirs = vectors()
    cosine, similarity = learnt.losses((mine, theirs), batch)
    of_texts = [
        sum(
            1 - torch.dot(a[:n], b[:n]) / a[:n].norm() / b[:n].norm()
            for a, b in zip(mine, theirs, strict=True)
        )
        for n in (48, 16, 8)
    ]
    of_pairs = [(cosines(mine[:, :n]) - cosines(theirs)).square().sum() for n in (48, 16, 8)]
    assert float(cosine) == pytest.approx(2 * float(sum(of_texts)) / 3, rel=1e-5)
    assert float(similarity) == pytest.approx(3 * float(sum(of_pairs)) / 3, rel=1e-5)


def test_metrics_are_of_every_size(teacher: Path) -> None:
    mine, theirs = vectors()
    pairs = list(zip(mine.numpy(), theirs.numpy(), strict=True))
    values = objective(teacher).metrics(pairs).values
    above = np.triu_indices(len(TEXTS), k=1)
    for size, end in ((48, ""), (16, "_16"), (8, "_8")):
        found, expected = mine[:, :size], theirs[:, :size]
        mean = functional.cosine_similarity(found, expected).mean()
        assert values[f"cosine{end}"] == pytest.approx(float(mean), abs=1e-5)
        ranks = spearman(cosines(found).numpy()[above], cosines(theirs).numpy()[above])
        assert values[f"spearman{end}"] == pytest.approx(ranks, abs=1e-3)


def test_first_numbers_are_learnt_and_whole_vectors_stay(
    teacher: Path, texts: Path, tmp_path: Path
) -> None:
    report = edgebert.distil(
        teacher,
        tmp_path / "out",
        student="layers=2",
        data=texts,
        config=NUMBERS,
        matryoshka=(16, 8),
    )
    names = {f"{name}{end}" for name in ("cosine", "spearman") for end in ("", "_16", "_8")}
    assert report.metrics.keys() == report.untrained.keys() == names | {"loss"}
    assert report.metrics["loss"] < report.untrained["loss"]
    student = opened(tmp_path / "out")
    assert rows_of(student).shape == (len(TEXTS), 48)
    (step,) = read_history(student.hf_config, source="out")
    assert step.details["matryoshka"] == [16, 8]
    with load(edgebert.export(tmp_path / "out", tmp_path / "bundle")) as model:
        cut = torch.from_numpy(model.embed(TEXTS, dimensions=8))
    expected = functional.normalize(rows_of(student)[:, :8], dim=1)
    found = functional.normalize(cut, dim=1)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_sizes_go_with_fewer_dimensions(teacher: Path, texts: Path, tmp_path: Path) -> None:
    arguments: dict[str, Any] = {"student": "layers=2", "data": texts, "config": NUMBERS}
    report = edgebert.distil(
        teacher, tmp_path / "out", **arguments, dimensions=8, matryoshka=(4, 2)
    )
    assert {"spearman_4", "spearman_2"} <= report.metrics.keys()
    assert rows_of(opened(tmp_path / "out")).shape == (len(TEXTS), 8)
    with pytest.raises(ConfigError, match="matryoshka is 8,4, expected sizes from 7 to 1"):
        edgebert.distil(teacher, tmp_path / "no", **arguments, dimensions=8, matryoshka=(8, 4))


@pytest.mark.parametrize("sizes", [(48,), (96, 8), (8, 16), (8, 8), (16, 0), (-1,)])
def test_sizes_that_do_not_fall_are_refused(
    sizes: tuple[int, ...], teacher: Path, texts: Path, tmp_path: Path
) -> None:
    shown = ",".join(map(str, sizes))
    with pytest.raises(ConfigError, match=f"matryoshka is {shown}, expected sizes from 47 to 1"):
        edgebert.distil(teacher, tmp_path / "out", student="layers=2", data=texts, matryoshka=sizes)


@pytest.mark.parametrize("sizes", ["a", (8.0,), (None,), 8])
def test_sizes_that_are_no_whole_numbers_are_refused(
    sizes: Any, teacher: Path, texts: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="expected whole numbers such as"):
        edgebert.distil(teacher, tmp_path / "out", student="layers=2", data=texts, matryoshka=sizes)


def test_a_task_without_vectors_is_refused(texts: Path, tmp_path: Path) -> None:
    source = save(build_with_head(SAMPLES["bert"], "classify"), tmp_path / "source")
    with pytest.raises(ConfigError, match="matryoshka goes with vectors, source is for classify"):
        edgebert.distil(source, tmp_path / "out", student="layers=2", data=texts, matryoshka=(16,))


def test_sizes_as_a_user_writes_them() -> None:
    assert read_sizes("128, 64") == (128, 64)
    for wrong in ("", "128,", "a", "64.0", "-8"):
        with pytest.raises(ConfigError, match="expected whole numbers such as 128,64"):
            read_sizes(wrong)


def test_the_command_takes_all_options(teacher: Path, texts: Path, tmp_path: Path) -> None:
    options = ["--student", "width=0.6", "--attention", 1, "--matryoshka", "16,8", "--data", texts]
    numbers = ["--epochs", 1, "--batch-size", 4, "--device", "cpu", "--json"]
    done = command("distil", teacher, tmp_path / "out", *options, *numbers)
    assert done.returncode == 0, done.stderr
    assert "spearman_8" in json.loads(done.stdout)["metrics"]
    (step,) = read_history(opened(tmp_path / "out").hf_config, source="out")
    assert step.details["losses"]["attention"] == 1.0
    assert (step.details["width"], step.details["matryoshka"]) == (0.6, [16, 8])
