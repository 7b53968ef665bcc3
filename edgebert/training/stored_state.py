"""Checks of a training's state that was read back from disk."""

import zipfile
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from edgebert.training.metrics import Scores
from edgebert.training.report import Evaluation
from edgebert_runtime.errors import CheckpointError

OWN_PARTS: Final = ("identity", "progress", "random")
"""Parts of a state beside those of the model and its optimizer."""

OTHER_BASE: Final = "Resume with the base model it was started with, or remove the file to begin"


class DamagedStateError(Exception):
    """A state lacks something, or holds what no training stores; the text says what."""


def read_state(path: Path) -> Any:
    """What the file holds: tensors and plain values, never code.

    Raises:
        CheckpointError: it is no file of torch, or its checksums do not match.
    """
    try:
        _require_checksums(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load documents no errors
        reason = error if isinstance(error, DamagedStateError) else type(error).__name__
        raise CheckpointError(
            f"{path} cannot be read ({reason}); remove it and train again"
        ) from error


def check_parts(stored: Any, parts: Mapping[str, Any]) -> None:
    """Refuse a state without a part of a training, or with one that none has.

    Args:
        stored: as it was read.
        parts: the model and what else has a `state_dict`, by name.

    Raises:
        DamagedStateError: it is.
    """
    if not isinstance(stored, dict):
        raise DamagedStateError(f"it is {type(stored).__name__}, expected a dictionary")
    _require_names("it", stored, [*OWN_PARTS, *parts])
    for name, part in stored.items():
        if not isinstance(part, Mapping):
            raise DamagedStateError(f"{name} is {type(part).__name__}, expected a dictionary")


def check_progress(stored: Mapping[str, Any], kind: type, model: nn.Module, path: Path) -> None:
    """Refuse numbers that contradict each other, and best weights of another model.

    Args:
        stored: fields of a `Progress` as plain values.
        kind: the class `Progress`.
        model: which the best weights are for.
        path: of the state, for errors.

    Raises:
        DamagedStateError: they do.
        CheckpointError: as `check_shapes`.
    """
    _require_names("progress", stored, [field.name for field in fields(kind)])
    step, losses, history = stored["step"], stored["losses"], stored["history"]
    _require_count("step", step)
    _require_count("waited", stored["waited"])
    if not all(isinstance(each, list) for each in (losses, history)):
        raise DamagedStateError("losses and history of progress are no lists")
    if len(losses) != step or not all(isinstance(loss, float) for loss in losses):
        raise DamagedStateError(f"progress is at step {step}, expected as many losses")
    for evaluation in map(evaluation_of, history):
        _require_count("step of a validation", evaluation.step)
    if (stored["best"] is None) != (stored["best_weights"] is None):
        raise DamagedStateError("progress has a best validation or its weights, expected both")
    if stored["best"] is not None:
        if stored["best"] not in history:
            raise DamagedStateError("the best validation of progress is none of its history")
        check_shapes(path, model, stored["best_weights"])


def evaluation_of(stored: Mapping[str, Any]) -> Evaluation:
    """A validation that was stored as plain values.

    Raises:
        DamagedStateError: it has no number for a metric.
    """
    scores = Scores(**stored["scores"])
    numbers = list(scores.values.values())
    if not numbers or not all(isinstance(number, float | int) for number in numbers):
        raise DamagedStateError("a validation of progress has no number for a metric")
    return Evaluation(step=stored["step"], scores=scores)


def check_shapes(path: Path, model: nn.Module, stored: Mapping[str, Tensor]) -> None:
    """Refuse tensors of another shape or dtype than the model's; a tied one has two names.

    Raises:
        CheckpointError: there are some; each is named once.
    """
    wanted = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    names = wanted.keys() & model.state_dict().keys()
    problems = [
        f"{name} is {_described(stored.get(name))}, expected {_described(wanted[name])}"
        for name in sorted(names)
        if _described(stored.get(name)) != _described(wanted[name])
    ]
    if problems:
        raise CheckpointError(
            f"{path} holds a model of another shape: {'; '.join(problems)}. {OTHER_BASE} again"
        )


def check_optimizer(
    optimizer: torch.optim.Optimizer, stored: Mapping[str, Any], *, step: int
) -> None:
    """Refuse moments of other parameters; torch itself looks only at how many there are.

    Args:
        optimizer: of the training that is resumed.
        stored: its state as it was read.
        step: how many steps it has made.

    Raises:
        DamagedStateError: they are.
    """
    _require_names("optimizer", stored, ["state", "param_groups"])
    if step and not stored["state"]:
        raise DamagedStateError(f"the optimizer has no moments after step {step}")
    parameters = [each for group in optimizer.param_groups for each in group["params"]]
    for number, moments in stored["state"].items():
        for name, moment in moments.items():
            if moment.ndim and moment.shape != parameters[number].shape:
                raise DamagedStateError(
                    f"{name} of the optimizer's parameter {number} is {tuple(moment.shape)}, "
                    f"expected {tuple(parameters[number].shape)}"
                )


def _require_checksums(path: Path) -> None:
    """`torch.load` does not look at them."""
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise DamagedStateError(f"{damaged} has another checksum")


def _require_names(what: str, stored: Mapping[str, Any], wanted: list[str]) -> None:
    missing = [name for name in wanted if name not in stored]
    strange = [str(name) for name in stored if name not in wanted]
    found = [f"no {name}" for name in missing] + [f"the unknown {name}" for name in strange]
    if found:
        raise DamagedStateError(f"{what} has {', '.join(found)}")


def _require_count(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise DamagedStateError(f"{name} of progress is {value!r}, expected a whole number")


def _described(tensor: Any) -> str:
    """Its shape, with its dtype where that is not float32."""
    if not isinstance(tensor, Tensor):
        return "missing" if tensor is None else type(tensor).__name__
    dtype = "" if tensor.dtype is torch.float32 else f" {tensor.dtype}".replace("torch.", "")
    return f"{tuple(tensor.shape)}{dtype}"
