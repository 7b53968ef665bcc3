"""The state of a training on disk; a resumed training gives the same weights."""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from edgebert.training.metrics import Scores
from edgebert.training.report import Evaluation
from edgebert_runtime.errors import CheckpointError, ConfigError
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
            CheckpointError: the file is damaged, or holds a model of another shape.
            ConfigError: it is the state of another training.
        """
        remove_partials(self.path)
        stored = self._read()
        self._check_identity(stored["identity"])
        _check_shapes(self.path, parts["model"], stored["model"])
        for name, part in parts.items():
            part.load_state_dict(stored[name])
        set_random_state(stored["random"])
        return _progress(stored["progress"])

    def remove(self) -> None:
        """Delete the state, and temporary files of a writer that crashed."""
        remove_partials(self.path)
        self.path.unlink(missing_ok=True)

    def _read(self) -> dict[str, Any]:
        try:
            stored: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
        except Exception as error:  # torch.load documents no errors
            raise CheckpointError(
                f"{self.path} cannot be read ({type(error).__name__}); remove it and train anew"
            ) from error
        return stored

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
                "what it was started with, or remove the file to begin anew"
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
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])


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
    history = [_evaluation(fields) for fields in stored["history"]]
    best = None if stored["best"] is None else _evaluation(stored["best"])
    return Progress(**{**stored, "history": history, "best": best})


def _evaluation(fields: Mapping[str, Any]) -> Evaluation:
    return Evaluation(step=fields["step"], scores=Scores(**fields["scores"]))


def _check_shapes(path: Path, model: nn.Module, stored: Mapping[str, Tensor]) -> None:
    """Check each tensor once; a tied one has two names."""
    wanted = {
        **{name: tuple(tensor.shape) for name, tensor in model.named_parameters()},
        **{name: tuple(tensor.shape) for name, tensor in model.named_buffers()},
    }
    found = {name: tuple(tensor.shape) for name, tensor in stored.items()}
    problems = [
        f"{name} is {found.get(name, 'missing')}, expected {shape}"
        for name, shape in wanted.items()
        if name in model.state_dict() and found.get(name) != shape
    ]
    if problems:
        raise CheckpointError(
            f"{path} holds a model of another shape: {'; '.join(problems)}. Resume with the base "
            "model it was started with, or remove the file to begin anew"
        )
