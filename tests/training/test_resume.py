"""A training that was killed goes on as if nothing had happened, bit for bit."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from edgebert import train
from edgebert.training.resume import SUFFIX
from edgebert_runtime.errors import CheckFailedError, CheckpointError, ConfigError, OutputError
from tests.support import training_data
from tests.support.training_data import DROPPING, train_dropping

CHILD = """
import os, signal, sys
from pathlib import Path
from tests.support.training_data import train_dropping
from edgebert.training import loop

base, data, out, task, last = sys.argv[1:]

def stop(step, *_):
    if step == int(last):
        os.kill(os.getpid(), signal.SIGKILL)

kept = loop.Loop.__post_init__
def watched(self):
    self.on_step = stop
    kept(self)
loop.Loop.__post_init__ = watched
train_dropping(Path(base), Path(data), Path(out), task)
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With dropout, so that torch's random numbers count."""
    return training_data.write_base(tmp_path_factory.mktemp("base") / "tiny", dropout=0.2)


def killed(base: Path, data: Path, out: Path, task: str, last: int) -> None:
    """Train in another process that is killed in the middle of a step's aftermath."""
    arguments = [str(base), str(data), str(out), task, str(last)]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize(("task", "last"), [("classify", 8), ("pretrain", 11)])
def test_killed_and_resumed_it_is_the_same(
    task: str, last: int, base: Path, tmp_path: Path
) -> None:
    data = training_data.FILES[task](tmp_path)
    whole = train_dropping(base, data, tmp_path / "whole", task)
    killed(base, data, tmp_path / "parted", task, last)
    assert not (tmp_path / "parted").exists()
    resumed = train_dropping(base, data, tmp_path / "parted", task, resume=True)
    assert resumed.losses == whole.losses
    assert resumed.history == whole.history
    assert resumed.best == whole.best
    expected = load_file(tmp_path / "whole/model.safetensors")
    found = load_file(tmp_path / "parted/model.safetensors")
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(found[name], tensor), name
    assert sorted(path.name for path in tmp_path.iterdir()) == [data.name, "parted", "whole"]


def test_it_is_not_the_same_by_accident(base: Path, tmp_path: Path) -> None:
    data = training_data.classify_file(tmp_path)
    first = train_dropping(base, data, tmp_path / "first", "classify")
    again = train_dropping(base, data, tmp_path / "again", "classify")
    other = train(base, data, tmp_path / "other", task="classify", config=replace(DROPPING, seed=1))
    assert first.losses == again.losses
    assert first.losses != other.losses
    assert len(set(first.losses)) == 12


@pytest.fixture
def interrupted(base: Path, tmp_path: Path) -> Path:
    """A folder with data and the state of a training that ended at step 9, before it was saved."""
    data, out = training_data.classify_file(tmp_path), tmp_path / "out"

    def interrupt(event: str) -> None:
        if event.startswith("step 9:"):  # what its validation found
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_dropping(base, data, out, "classify", progress=interrupt)
    assert (tmp_path / f"out{SUFFIX}").exists()
    return tmp_path


def test_a_state_is_neither_overrun_nor_taken_for_another(base: Path, interrupted: Path) -> None:
    data, out = interrupted / "classify.csv", interrupted / "out"
    with pytest.raises(ConfigError, match="pass resume"):
        train_dropping(base, data, out, "classify")
    rows = training_data.write_csv(
        data, ("text", "label"), [("the cat", "animal"), ("red", "colour")]
    )
    with pytest.raises(ConfigError) as caught:
        train(
            base,
            rows,
            out,
            task="classify",
            config=replace(DROPPING, seed=3, learning_rate=1.0),
            resume=True,
        )
    message = str(caught.value)
    assert "seed was 0 and is 3" in message
    assert "labels was ['animal', 'colour', 'size'] and is ['animal', 'colour']" in message
    assert "data was " in message
    assert "learning_rate" not in message


def test_a_state_of_another_shape_lists_every_tensor_once(base: Path, interrupted: Path) -> None:
    path = interrupted / f"out{SUFFIX}"
    stored = torch.load(path, weights_only=True)
    stored["model"]["head.out.weight"] = torch.zeros(3, 47)
    del stored["model"]["head.out.bias"]
    torch.save(stored, path)
    with pytest.raises(CheckpointError) as caught:
        train_dropping(
            base, interrupted / "classify.csv", interrupted / "out", "classify", resume=True
        )
    assert "head.out.weight is (3, 47), expected (3, 48)" in str(caught.value)
    assert "head.out.bias is missing, expected (3,)" in str(caught.value)
    assert str(caught.value).count("expected") == 2


def test_a_damaged_state_is_refused(base: Path, interrupted: Path) -> None:
    path = interrupted / f"out{SUFFIX}"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="cannot be read"):
        train_dropping(
            base, interrupted / "classify.csv", interrupted / "out", "classify", resume=True
        )


@pytest.mark.parametrize("kind", ["weights", "config", "tokenizer"])
def test_another_base_of_the_same_name_is_refused(
    kind: str, base: Path, interrupted: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Path(shutil.copytree(base, tmp_path_factory.mktemp("other") / base.name))
    train_again = partial(
        train_dropping, other, interrupted / "classify.csv", interrupted / "out", "classify"
    )
    if kind == "weights":
        weights = load_file(other / "model.safetensors")
        name = next(name for name in weights if name.endswith("query.weight"))
        weights[name][0, 0] += 1
        save_file(weights, other / "model.safetensors")
    elif kind == "config":
        config = json.loads((other / "config.json").read_text())
        (other / "config.json").write_text(json.dumps({**config, "layer_norm_eps": 1e-6}))
    else:
        text = (other / "tokenizer.json").read_text(encoding="utf-8")
        assert '"mat"' in text
        (other / "tokenizer.json").write_text(text.replace('"mat"', '"rug"'), encoding="utf-8")
    with pytest.raises(ConfigError, match=f"base {kind} was '[0-9a-f]+' and is '") as caught:
        train_again(resume=True)
    assert str(caught.value).count(" and is ") == 1


def test_the_same_base_from_another_folder_goes_on(
    base: Path, interrupted: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    copy = Path(shutil.copytree(base, tmp_path_factory.mktemp("copy") / base.name))
    data = interrupted / "classify.csv"
    assert train_dropping(copy, data, interrupted / "out", "classify", resume=True).steps == 12


def test_a_state_half_written_is_not_there(
    base: Path, interrupted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = interrupted / f"out{SUFFIX}"
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match=r"state\.pt cannot be written: disk full"):
        train_dropping(
            base, interrupted / "classify.csv", interrupted / "out", "classify", resume=True
        )
    assert path.read_bytes() == before
    assert [item.name for item in interrupted.glob(".*")] == []


def test_a_loss_that_is_not_finite_stops_with_its_step(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgebert.training.objectives.classify import SingleLabel

    losses = SingleLabel.losses
    calls = []

    def broken(self: Any, outputs: Any, batch: Any) -> Any:
        calls.append(1)
        factor = float("nan") if len(calls) == 7 else 1.0
        return tuple(factor * loss for loss in losses(self, outputs, batch))

    monkeypatch.setattr(SingleLabel, "losses", broken)
    data = training_data.classify_file(tmp_path)
    config = replace(DROPPING, save_every=5)
    with pytest.raises(CheckFailedError, match="loss is nan at step 7") as caught:
        train(base, data, tmp_path / "out", task="classify", config=config)
    assert f"kept in {tmp_path / 'out'}{SUFFIX}" in str(caught.value)
    assert not (tmp_path / "out").exists()
    monkeypatch.undo()
    slower = replace(config, learning_rate=1e-4)
    report = train(base, data, tmp_path / "out", task="classify", config=slower, resume=True)
    assert report.steps == 12
    assert all(
        torch.isfinite(t).all() for t in load_file(report.out / "model.safetensors").values()
    )


def test_training_ends_early_with_the_best_weights(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgebert.training import loop
    from edgebert.training.metrics import Scores

    accuracies = iter([0.1, 0.5, 0.4, 0.5, 0.9])
    seen: list[dict[str, torch.Tensor]] = []

    def judged(model: Any, *_: object) -> Scores:
        seen.append(loop.copy_weights(model))
        return Scores(values={"accuracy": next(accuracies)})

    monkeypatch.setattr(loop, "evaluate", judged)
    config = replace(DROPPING, validate_every=2, patience=2)
    data = training_data.classify_file(tmp_path)
    report = train(base, data, tmp_path / "out", task="classify", validation=data, config=config)
    # 0.5 at step 4 is the best; 0.4 and an equal 0.5 are no better.
    assert report.stopped_early
    assert report.steps == 8
    assert report.best is not None
    assert report.best.step == 4
    assert report.metrics == {"accuracy": 0.5}
    stored = load_file(tmp_path / "out/model.safetensors")
    assert torch.equal(stored["classifier.weight"], seen[1]["head.out.weight"])
    assert not torch.equal(stored["classifier.weight"], seen[3]["head.out.weight"])


def test_the_state_holds_plain_values_only(interrupted: Path) -> None:
    stored = torch.load(interrupted / f"out{SUFFIX}", weights_only=True)
    assert stored["progress"]["step"] == 6
    assert json.dumps(stored["identity"])
    assert os.fspath(interrupted) not in json.dumps(stored["identity"])
