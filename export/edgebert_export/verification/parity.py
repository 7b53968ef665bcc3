"""Does a finished graph compute what torch computes? Every mask, every length, both outputs."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edgebert_export.spec import ExportSpec
from edgebert_runtime.engine.providers import KnownProvider
from edgebert_runtime.engine.session import Session
from edgebert_runtime.errors import ParityError
from edgebert_runtime.inference.arrays import Feeds
from edgebert_runtime.inference.reports import Report
from edgebert_runtime.reporting.text_table import table_lines

FP32_TOLERANCE: Final = 2e-5
"""Largest absolute difference of an fp32 output at a kept position. The same sums in another
order: MiniLM's worst is 3e-6, its vectors have elements of up to a few units."""

ODD_LENGTH: Final = 17
MIXED_BATCH: Final = 3
MIXED_TOKENS: Final = 8192
"""Most of a mixed batch: memory grows with the square of a length, to 20 GB for three of 8,192."""

MASKS: Final = ("right", "left", "holes")
"""Which end is padded; `holes` drops tokens in between."""

COLUMNS: Final = ("case", "difference", "tolerance", "largest at", "graph", "torch")

Outputs = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One batch to compare on."""

    name: str
    feeds: Feeds


@dataclass(frozen=True, kw_only=True)
class CaseResult:
    """The worst element of one case.

    Attributes:
        case: batch x sequence and mask.
        worst: largest absolute difference; infinite where the graph gave NaN or infinity.
        output: name of the output it is in.
        at: its index in that output.
        graph, torch: the two values.
        tolerance: what is allowed.
    """

    case: str
    worst: float
    output: str
    at: tuple[int, ...]
    graph: float
    torch: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether the difference is allowed; NaN never is."""
        return self.worst <= self.tolerance

    @property
    def row(self) -> tuple[str, ...]:
        """A cell for each of `COLUMNS`."""
        place = f"{self.output}{list(self.at)}"
        values = f"{self.graph:.7g}", f"{self.torch:.7g}"
        return (self.case, f"{self.worst:.2e}", f"{self.tolerance:.0e}", place, *values)

    def __str__(self) -> str:
        return (
            f"case {self.case}: {self.output}{list(self.at)} is {self.graph:.7g}, torch says "
            f"{self.torch:.7g}, off by {self.worst:.2e}, allowed {self.tolerance:.0e}"
        )


@dataclass(frozen=True, kw_only=True, repr=False)
class ParityReport(Report):
    """All cases of one graph."""

    cases: tuple[CaseResult, ...]

    @property
    def passed(self) -> bool:
        """Whether every case passed; a report of none has compared nothing, and fails."""
        return bool(self.cases) and all(case.passed for case in self.cases)

    @property
    def worst(self) -> CaseResult:
        """The case with the largest difference; a case with NaN is worse than any other."""
        return max(self.cases, key=lambda case: case.worst)

    def require(self) -> None:
        """Raise unless passed.

        Raises:
            ParityError: names the case and the worst element, or nothing was compared.
        """
        if not self.cases:
            raise ParityError("no parity case was run, so nothing is compared with torch")
        if not self.passed:
            failed = sum(not case.passed for case in self.cases)
            raise ParityError(
                f"{failed} of {len(self.cases)} parity cases fail; worst: {self.worst}"
            )

    def lines(self, width: int | None = None) -> Iterator[str]:
        """A row for each case."""
        return table_lines(COLUMNS, [case.row for case in self.cases], width)

    def to_manifest(self) -> dict[str, Any]:
        """The `parity` object of a variant, as docs/bundle-format.md has it."""
        worst = asdict(self.worst)
        return {
            "tolerance": worst["tolerance"],
            "worst": worst["worst"],
            "worst_case": worst["case"],
            "worst_at": f"{worst['output']}{list(worst['at'])}",
            "cases": len(self.cases),
        }


def check_parity(
    graph: Path,
    module: nn.Module,
    spec: ExportSpec,
    *,
    tolerance: float = FP32_TOLERANCE,
    provider: KnownProvider = "cpu",
    unpadded: bool = False,
) -> ParityReport:
    """Compare a finished file with torch on every case.

    Args:
        graph: an ONNX file with the spec's outputs.
        module: takes the spec's inputs in order and returns them.
        spec: bounds of ids and lengths.
        tolerance: largest absolute difference allowed, in fp32.
        provider: where the graph runs.
        unpadded: whether it knows nothing of dropped tokens, so that what is read from the first
            is compared only where that is kept.

    Raises:
        ParityError: an output has another shape than torch's.
        EngineError: ONNX Runtime fails.
    """
    session = Session(graph, provider=provider)
    module = module.eval()
    results = []
    for case in parity_cases(spec):
        found, expected = _run_graph(session, case, spec), _run_torch(module, case, spec)
        _require_alike(case, found, expected)
        compared = _compared(case, spec, unpadded=unpadded)
        results.append(_compare(case, found, expected, compared, tolerance))
    return ParityReport(cases=tuple(results))


def parity_cases(spec: ExportSpec, seed: int = 0) -> Iterator[Case]:
    """Lengths 1, 2, an odd one, the text limit and all positions; batches of one and mixed.

    Where all positions are too many for a whole mixed batch, the most that are not come, too.
    """
    random = np.random.default_rng(seed)
    usual = (1, 2, ODD_LENGTH, spec.text_limit, MIXED_TOKENS // MIXED_BATCH)
    longest = spec.max_positions
    lengths = sorted({length for length in usual if length < longest} | {longest})
    for length in lengths:
        yield _case(f"1x{length} full", np.ones((1, length), dtype=np.int64), spec, random)
        for mask in MASKS if length > 1 else ():
            keep = _mask(mask, length, random)
            yield _case(f"{len(keep)}x{length} {mask}", keep, spec, random)
    keep = np.ones((MIXED_BATCH, lengths[len(lengths) // 2]), dtype=np.int64)
    keep[1] = 0
    yield _case(f"{MIXED_BATCH}x{keep.shape[1]} row without tokens", keep, spec, random)


def _mask(kind: str, length: int, random: np.random.Generator) -> NDArray[np.int64]:
    """(rows, length); the first of several rows is full, as in any padded batch."""
    rows = max(1, min(MIXED_BATCH, MIXED_TOKENS // length))
    mask = np.ones((rows, length), dtype=np.int64)
    for row in range(min(1, rows - 1), rows):
        kept = int(random.integers(1, length))
        if kind == "right":
            mask[row, kept:] = 0
        elif kind == "left":
            mask[row, : length - kept] = 0
        else:
            mask[row, random.permutation(length)[kept:]] = 0
    return mask


def _case(
    name: str, mask: NDArray[np.int64], spec: ExportSpec, random: np.random.Generator
) -> Case:
    feeds = {
        item.name: mask
        if item.name == "attention_mask"
        else random.integers(0, item.upper, mask.shape, dtype=np.int64)
        for item in spec.inputs
    }
    return Case(name=name, feeds=feeds)


def _run_graph(session: Session, case: Case, spec: ExportSpec) -> Outputs:
    feeds = {name: case.feeds[name] for name in session.inputs}
    names = [item.name for item in spec.outputs]
    return dict(zip(names, session.run(names, feeds), strict=True))


def _run_torch(module: nn.Module, case: Case, spec: ExportSpec) -> Outputs:
    with torch.no_grad():
        outputs = module(*(torch.from_numpy(array) for array in case.feeds.values()))
    arrays = (output.numpy() for output in outputs)
    return dict(zip((item.name for item in spec.outputs), arrays, strict=True))


def _require_alike(case: Case, graph: Outputs, reference: Outputs) -> None:
    """Refuse outputs of other shapes, which numpy would compare by broadcasting."""
    for name, expected in reference.items():
        if graph[name].shape != expected.shape:
            raise ParityError(
                f"case {case.name}: output {name} has shape {graph[name].shape}, torch says "
                f"{expected.shape}; the graph must give a row for each text of a batch"
            )


def _compared(case: Case, spec: ExportSpec, *, unpadded: bool) -> dict[str, NDArray[np.bool_]]:
    """Output → which of its tokens or texts torch says something of."""
    mask = case.feeds["attention_mask"]
    read = mask.max(axis=1) > 0
    if _is_mean(spec):
        read = np.ones_like(read)
    elif unpadded and _reads_first(spec):
        read = mask[:, 0] > 0
    return {item.name: mask > 0 if item.per_token else read for item in spec.outputs}


def _is_mean(spec: ExportSpec) -> bool:
    """Whether a text without tokens has a vector of zeros."""
    means = spec.pools and spec.steps[0].modes == ("mean",)
    return means and all(step.kind != "dense" for step in spec.steps)


def _reads_first(spec: ExportSpec) -> bool:
    """Whether what is said of a text is said of its first token."""
    return not spec.pools or any("cls" in step.modes for step in spec.steps)


def _compare(
    case: Case,
    graph: Outputs,
    reference: Outputs,
    compared: dict[str, NDArray[np.bool_]],
    tolerance: float,
) -> CaseResult:
    some: NDArray[np.bool_] = case.feeds["attention_mask"].max(axis=1) > 0
    expected = dict(reference)
    if "sentence_embedding" in expected and compared["sentence_embedding"].all():
        expected["sentence_embedding"] = np.where(some[:, None], expected["sentence_embedding"], 0)
    worst = [_worst(name, graph[name], expected[name], compared[name], some) for name in expected]
    worst_off, name, at = max(worst, key=lambda found: found[0])
    return CaseResult(
        case=case.name,
        worst=worst_off,
        output=name,
        at=at,
        graph=float(graph[name][at]),
        torch=float(expected[name][at]),
        tolerance=tolerance,
    )


def _worst(
    name: str,
    graph: NDArray[np.float32],
    expected: NDArray[np.float32],
    compared: NDArray[np.bool_],
    some: NDArray[np.bool_],
) -> tuple[float, str, tuple[int, ...]]:
    """The largest difference where `compared`; NaN or infinity anywhere counts as infinite.

    A row that keeps no token must be exactly zero where it is compared, so any other value
    there counts as infinite too.
    """
    off = np.abs(graph.astype(np.float64) - expected)
    off[~compared] = 0
    if name == "sentence_embedding":
        off[~some] = np.where(off[~some] > 0, np.inf, 0)
    off[~np.isfinite(graph) | np.isnan(off)] = np.inf
    at = np.unravel_index(int(off.argmax()), off.shape)
    return float(off[at]), name, tuple(int(index) for index in at)
