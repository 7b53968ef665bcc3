"""The state of a training on disk; a resumed training gives the same weights."""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edgebert.training.report import Evaluation
from edgebert.training.stored_state import (
    DamagedStateError,
    check_optimizer,
    check_parts,
    check_progress,
    check_shapes,
    evaluation_of,
    read_state,
)
from edgebert_runtime.errors import CheckpointError, ConfigError, EdgebertError
from edgebert_runtime.storage.atomic_write import draft, remove_partials

SUFFIX = ".state.pt"


@dataclass(kw_only=True)
class Progress:
    """The progress of a training.

    Attributes:
        step: steps made.
        losses: of each step.
        history: the validations.
        best: the best of them, with its weights.
        waited: validations since.
    """

    step: int = 0
    losses: list[float] = field(default_factory=list)
    history: list[Evaluation] = field(default_factory=list)
    best: Evaluation | None = None
    best_weights: dict[str, Tensor] | None = None
    waited: int = 0


@dataclass(frozen=True, kw_only=True)
class StateFile:
    """The file of a training's state.

    Attributes:
        path: beside the folder that is trained.
        identity: what must not change when the training is resumed.
    """

    path: Path
    identity: Mapping[str, Any]

    def save(self, progress: Progress, parts: Mapping[str, Any]) -> None:
        """Write the state atomically: a crash leaves the old file or the new one.

        Args:
            progress: how far the training is.
            parts: `model`, `optimizer` and `scaler`, which have a `state_dict`.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        stored = {
            "identity": dict(self.identity),
            "progress": _plain_values(progress),
            "random": random_state(),
            **{name: part.state_dict() for name, part in parts.items()},
        }
        with draft(self.path) as hidden:
            torch.save(stored, hidden)

    def restore(self, parts: Mapping[str, Any]) -> Progress:
        """Load the state, with the states of the random generators.

        Raises:
            CheckpointError: the file is damaged, lacks a part, or holds a model of another shape.
            ConfigError: it is the state of another training.
        """
        remove_partials(self.path)
        stored = read_state(self.path)
        try:
            check_parts(stored, parts)
            self._check_identity(stored["identity"])
            return self._apply(stored, parts)
        except EdgebertError:
            raise
        except Exception as error:  # whatever a part of another kind does to who takes it
            reason = error if isinstance(error, DamagedStateError) else _short(error)
            raise CheckpointError(
                f"{self.path} is not the whole state of a training: {reason}; remove it to "
                "start again"
            ) from error

    def _apply(self, stored: Mapping[str, Any], parts: Mapping[str, Any]) -> Progress:
        """Check every part before any is taken."""
        check_shapes(self.path, parts["model"], stored["model"])
        check_progress(stored["progress"], Progress, parts["model"], self.path)
        step = stored["progress"]["step"]
        check_optimizer(parts["optimizer"], stored["optimizer"], step=step)
        for name, part in parts.items():
            part.load_state_dict(stored[name])
        set_random_state(stored["random"])
        return _progress(stored["progress"])

    def remove(self) -> None:
        """Delete the state, and temporary files of a writer that crashed."""
        remove_partials(self.path)
        self.path.unlink(missing_ok=True)

    def _check_identity(self, found: Mapping[str, Any]) -> None:
        names = sorted(self.identity.keys() | found.keys())
        changed = [
            f"{name} was {found.get(name)!r} and is {self.identity.get(name)!r}"
            for name in names
            if found.get(name) != self.identity.get(name)
        ]
        if changed:
            raise ConfigError(
                f"{self.path} is the state of another training: {'; '.join(changed)}. Resume with "
                "what it was started with, or remove the file to start again"
            )


def random_state() -> dict[str, Any]:
    """The states of Python's, numpy's and torch's global generators."""
    kind, keys, position, has_gauss, gauss = np.random.get_state()
    return {
        "python": random.getstate(),
        "numpy": (kind, torch.from_numpy(np.asarray(keys).copy()), position, has_gauss, gauss),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def set_random_state(state: Mapping[str, Any]) -> None:
    """Set what `random_state` gave."""
    random.setstate(state["python"])
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, keys.numpy(), *rest))
    torch.set_rng_state(state["torch"])
    for device, drawn in zip(range(torch.cuda.device_count()), state["cuda"], strict=False):
        torch.cuda.set_rng_state(drawn, device)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the global generators, and restore their states at the end."""
    before = random_state()
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    try:
        yield
    finally:
        set_random_state(before)


def _plain_values(progress: Progress) -> dict[str, Any]:
    """As plain values; tensors are not copied."""
    plain = dict(vars(progress))
    plain["history"] = [asdict(evaluation) for evaluation in progress.history]
    plain["best"] = None if progress.best is None else asdict(progress.best)
    return plain


def _progress(stored: Mapping[str, Any]) -> Progress:
    history = [evaluation_of(fields) for fields in stored["history"]]
    best = None if stored["best"] is None else evaluation_of(stored["best"])
    return Progress(**{**stored, "history": history, "best": best})


def _short(error: Exception) -> str:
    """The kind of an error and its first line."""
    first = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {first}"
