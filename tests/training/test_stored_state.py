"""A state of a training that is damaged or of something else is refused before it is used."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from edgebert.training.metrics import Scores
from edgebert.training.report import Evaluation
from edgebert.training.resume import Progress, StateFile
from edgebert_runtime.errors import CheckpointError


def parts() -> dict[str, Any]:
    torch.manual_seed(0)
    model = nn.Linear(2, 3)
    return {
        "model": model,
        "optimizer": torch.optim.AdamW(model.parameters()),
        "scaler": torch.amp.GradScaler("cpu", enabled=False),
    }


@pytest.fixture
def store(tmp_path: Path) -> StateFile:
    """The state of a training after two steps and one validation."""
    trained, losses = parts(), []
    for _ in range(2):
        loss = trained["model"](torch.ones(1, 2)).sum()
        loss.backward()
        trained["optimizer"].step()
        losses.append(float(loss.detach()))
    best = Evaluation(step=1, scores=Scores(values={"accuracy": 0.5}))
    weights = {name: each.clone() for name, each in trained["model"].state_dict().items()}
    progress = Progress(
        step=2, losses=losses, history=[best], best=best, best_weights=weights, waited=1
    )
    kept = StateFile(path=tmp_path / "out.state.pt", identity={"seed": 0})
    kept.save(progress, trained)
    return kept


def test_a_whole_state_is_taken(store: StateFile) -> None:
    fresh = parts()
    found = store.restore(fresh)
    assert (found.step, found.waited, found.best) == (2, 1, found.history[0])
    assert torch.equal(fresh["model"].weight, torch.load(store.path)["model"]["weight"])


def drop(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda stored: {key: value for key, value in stored.items() if key != name}


def change(*path: Any, to: Any) -> Callable[[dict[str, Any]], Any]:
    def changed(stored: dict[str, Any]) -> dict[str, Any]:
        *parents, last = path
        part: Any = stored
        for name in parents:
            part = part[name]
        part[last] = to
        return stored

    return changed


FOREIGN: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a list": (lambda _: [1, 2], "it is list, expected a dictionary"),
    "a tensor": (lambda _: torch.ones(2), "it is Tensor, expected a dictionary"),
    "nothing": (lambda _: {}, "it has no identity, no progress, no random, no model"),
    "weights alone": (lambda stored: stored["model"], "it has no identity"),
    "no random": (drop("random"), "it has no random"),
    "no optimizer": (drop("optimizer"), "it has no optimizer"),
    "another part": (change("schedule", to={}), "it has the unknown schedule"),
    "a part of another kind": (change("identity", to=3), "identity is int, expected a dictionary"),
    "a newer progress": (change("progress", "epoch", to=1), "progress has the unknown epoch"),
    "an older progress": (change("progress", to={"step": 2}), "progress has no losses"),
    "a step below none": (change("progress", "step", to=-1), "step of progress is -1"),
    "another step": (change("progress", "step", to=1), "progress is at step 1, expected as many"),
    "a step that is text": (change("progress", "step", to="2"), "step of progress is '2'"),
    "scores of another kind": (
        change("progress", "history", to=[{"step": 3}]),
        "KeyError: 'scores",
    ),
    "a validation without a metric": (
        change("progress", "history", 0, "scores", to={"values": {}}),
        "no number for a metric",
    ),
    "a best without weights": (change("progress", "best_weights", to=None), "expected both"),
    "a best from elsewhere": (
        change("progress", "best", to={"step": 3, "scores": {"values": {}}}),
        "is none of its history",
    ),
    "random of another kind": (change("random", to={"python": 1}), "TypeError"),
    "numpy's other generator": (change("random", "numpy", to=("PCG64", 1)), "AttributeError"),
    "torch's other generator": (change("random", "torch", to=torch.zeros(3)), "TypeError"),
    "no moments": (change("optimizer", "state", to={}), "no moments after step 2"),
    "other moments": (
        change("optimizer", "state", 0, "exp_avg", to=torch.ones(2)),
        r"exp_avg of the optimizer's parameter 0 is \(2,\), expected \(",
    ),
    "other groups": (change("optimizer", "param_groups", to=[]), "ValueError"),
    "another dtype": (
        change("model", "bias", to=torch.zeros(3, dtype=torch.float64)),
        r"bias is \(3,\) float64, expected \(3,\)",
    ),
    "no tensor": (change("model", "bias", to=[0.0] * 3), "bias is list"),
}
"""What a state may be, and what is said of it."""


@pytest.mark.parametrize(("damage", "said"), FOREIGN.values(), ids=FOREIGN)
def test_a_state_of_something_else_is_refused(
    damage: Callable[[dict[str, Any]], Any], said: str, store: StateFile
) -> None:
    torch.save(damage(torch.load(store.path, weights_only=True)), store.path)
    with pytest.raises(CheckpointError, match=said) as caught:
        store.restore(parts())
    assert str(store.path) in str(caught.value)
    assert "remove" in str(caught.value)


def test_a_state_with_one_other_bit_is_refused(store: StateFile) -> None:
    content = bytearray(store.path.read_bytes())
    weight = torch.load(store.path, weights_only=True)["model"]["weight"].numpy().tobytes()
    content[content.index(weight)] ^= 1
    store.path.write_bytes(content)
    with pytest.raises(CheckpointError, match="cannot be read"):
        store.restore(parts())


@pytest.mark.parametrize("content", [b"", b"{}", b"PK\x03\x04"])
def test_a_file_that_is_no_state_is_refused(content: bytes, store: StateFile) -> None:
    store.path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"cannot be read .* remove it and train again"):
        store.restore(parts())


def test_a_state_is_never_run_as_code(store: StateFile) -> None:
    torch.save({"identity": Path("a class of somebody else")}, store.path)
    with pytest.raises(CheckpointError, match=r"cannot be read \(UnpicklingError\); remove it"):
        store.restore(parts())
