"""How far torch's own float32 is from the exact answer, on one case.

The exact answer is torch's in float64. Where a module computes float32 inside all the same, or
fails in float64, there is none: torch's float32 answer takes its place, and its spread over runs
whose results are moved by one rounding takes the place of its error.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from edgebert_export.spec import ExportSpec
from edgebert_export.verification.arithmetic import LARGE, Float64, Moved
from edgebert_export.verification.cases import Case
from edgebert_export.verification.differences import Outputs, Rows, differences

RUNS: Final = 5
"""With moved results: one run may hit the exact answer by chance, where outputs are few numbers."""

TRUSTED: Final = 1e-2
"""A larger error of torch's float32 is no rounding error: a module that computes something else in
float64, or one whose answer is chaos. A graph is then held to the tolerance alone."""

TorchRun = Callable[[TorchDispatchMode | None], Outputs]


class Reference(StrEnum):
    """What a graph is compared with."""

    FLOAT32 = "float32"
    """Torch's answer in float32, within the tolerance."""
    FLOAT64 = "float64"
    """Torch's answer in float64, within a multiple of the error of torch's float32."""
    MOVED = "float32-moved"
    """Torch's answer in float32, within a multiple of its spread over moved runs."""


@dataclass(frozen=True, kw_only=True)
class Yardstick:
    """What float32 can know of one case.

    Attributes:
        kind: what `outputs` are.
        outputs: the reference.
        errors: output → the largest error of torch's float32 against the reference.
    """

    kind: Reference
    outputs: Outputs
    errors: Mapping[str, float]


def torch_run(module: nn.Module, case: Case, spec: ExportSpec) -> TorchRun:
    """Runs the module on a case, under a dispatch mode or as it is."""
    names = [item.name for item in spec.outputs]

    def run(mode: TorchDispatchMode | None) -> Outputs:
        feeds = [torch.from_numpy(array) for array in case.feeds.values()]
        with torch.no_grad():
            if mode is None:
                found = module(*feeds)
            else:
                with mode:
                    found = module(*feeds)
        return dict(zip(names, (output.numpy() for output in found), strict=True))

    return run


def measure(run: TorchRun, plain: Outputs, rows: Mapping[str, Rows]) -> Yardstick:
    """The error of torch's float32 against float64, or else its spread over moved runs."""
    exact = _exact(run)
    if exact is not None:
        errors = _errors(plain, exact, rows)
        if max(errors.values()) <= TRUSTED:
            return Yardstick(kind=Reference.FLOAT64, outputs=exact, errors=errors)
    return with_moved_runs(
        Yardstick(kind=Reference.MOVED, outputs=plain, errors=dict.fromkeys(rows, 0.0)), run, rows
    )


def with_moved_runs(yardstick: Yardstick, run: TorchRun, rows: Mapping[str, Rows]) -> Yardstick:
    """The largest error of several runs in float32, each with other roundings."""
    errors = dict(yardstick.errors)
    for seed in range(RUNS):
        moved = _attempt(run, Moved(seed))
        found = {} if moved is None else _errors(moved, yardstick.outputs, rows)
        errors.update({name: max(errors[name], found[name]) for name in found})
    trusted = {name: error if error <= TRUSTED else 0.0 for name, error in errors.items()}
    return Yardstick(kind=yardstick.kind, outputs=yardstick.outputs, errors=trusted)


def _exact(run: TorchRun) -> Outputs | None:
    mode = Float64()
    outputs = _attempt(run, mode)
    if outputs is None or mode.narrowed or any(_is_narrow(one) for one in outputs.values()):
        return None
    return outputs


def _is_narrow(output: NDArray[np.floating]) -> bool:
    return output.dtype != np.float64 and output.size <= LARGE


def _attempt(run: TorchRun, mode: TorchDispatchMode) -> Outputs | None:
    try:
        return run(mode)
    except Exception:  # a module that insists on float32 raises anything
        return None


def _errors(found: Outputs, expected: Outputs, rows: Mapping[str, Rows]) -> dict[str, float]:
    alike = all(np.shape(found[name]) == np.shape(expected[name]) for name in rows)
    if not alike:
        return dict.fromkeys(rows, float("inf"))
    return {name: one.size for name, one in differences(found, expected, rows).items()}
