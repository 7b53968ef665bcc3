"""Does a finished graph compute what torch computes? Every mask, every length, both outputs."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from torch import nn

from edgebert_export.spec import ExportSpec
from edgebert_export.verification.cases import Case, parity_cases
from edgebert_export.verification.differences import (
    Difference,
    Outputs,
    Rows,
    compared_rows,
    differences,
)
from edgebert_export.verification.yardstick import (
    Reference,
    TorchRun,
    Yardstick,
    measure,
    torch_run,
    with_moved_runs,
)
from edgebert_runtime.engine.providers import KnownProvider
from edgebert_runtime.engine.session import Session
from edgebert_runtime.errors import ParityError
from edgebert_runtime.inference.reports import Report
from edgebert_runtime.reporting.text_table import table_lines

FP32_TOLERANCE: Final = 2e-5
"""Largest difference of an fp32 output at a kept position: absolute for numbers up to 1, relative
for larger ones. The same sums in another order: MiniLM's worst is 6e-6."""

ERROR_MULTIPLE: Final = 4
"""How many times the error of torch's own float32 a graph's may be: twice the largest measured, in
twelve families with large weights (docs/decisions/0026-parity-in-float64.md)."""

COLUMNS: Final = ("case", "difference", "tolerance", "largest at", "graph", "torch", "float64")


@dataclass(frozen=True, kw_only=True)
class CaseResult:
    """The worst element of one case.

    Attributes:
        case: batch x sequence and mask.
        worst: largest difference from the reference, absolute for numbers up to 1 and relative
            for larger ones; infinite where the graph gave NaN or infinity.
        output: name of the output it is in.
        at: its index in that output.
        graph: the graph's value there, in float32.
        torch: torch's value there, in float32.
        tolerance: what is allowed.
        reference: what the graph is compared with.
        torch_error: the largest difference of torch's own float32 from the reference in that
            output, over moved runs as well where they were made; None where it was not needed.
        exact: the value in float64, where the reference is that.
    """

    case: str
    worst: float
    output: str
    at: tuple[int, ...]
    graph: float
    torch: float
    tolerance: float
    reference: Reference = Reference.FLOAT32
    torch_error: float | None = None
    exact: float | None = None

    @property
    def passed(self) -> bool:
        """Whether the difference is allowed; NaN never is."""
        return self.worst <= self.tolerance

    @property
    def row(self) -> tuple[str, ...]:
        """A cell for each of `COLUMNS`."""
        place = f"{self.output}{list(self.at)}"
        exact = "" if self.exact is None else f"{self.exact:.9g}"
        values = f"{self.graph:.7g}", f"{self.torch:.7g}", exact
        return (self.case, f"{self.worst:.2e}", f"{self.tolerance:.2g}", place, *values)

    def __str__(self) -> str:
        exact = "" if self.exact is None else f", {self.exact:.9g} in float64"
        error = "" if self.torch_error is None else f"; torch is off by {self.torch_error:.1e}"
        return (
            f"case {self.case}: {self.output}{list(self.at)} is {self.graph:.7g}, torch says "
            f"{self.torch:.7g}{exact}; off by {self.worst:.2e}, allowed {self.tolerance:.2g}{error}"
        )


@dataclass(frozen=True, kw_only=True, repr=False)
class ParityReport(Report):
    """All cases of one graph.

    Attributes:
        cases: one for each shape, mask and output that was compared.
    """

    cases: tuple[CaseResult, ...]

    @property
    def passed(self) -> bool:
        """Whether every case passed; a report of none has compared nothing, and fails."""
        return bool(self.cases) and all(case.passed for case in self.cases)

    @property
    def worst(self) -> CaseResult:
        """The case with the largest difference, of those that fail if any does.

        A case with NaN is worse than any other.
        """
        return max(self.cases, key=lambda case: (not case.passed, case.worst))

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
        worst = self.worst
        return {
            "tolerance": worst.tolerance,
            "worst": worst.worst,
            "worst_case": worst.case,
            "worst_at": f"{worst.output}{list(worst.at)}",
            "cases": len(self.cases),
            "reference": str(worst.reference),
            "torch_error": worst.torch_error,
            "references": dict(Counter(str(case.reference) for case in self.cases)),
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

    A case passes where the graph is within `tolerance` of torch in float32. Elsewhere it is held
    to torch in float64, and passes where it is within `tolerance` or within `ERROR_MULTIPLE` times
    the error of torch's own float32.

    Args:
        graph: an ONNX file with the spec's outputs.
        module: takes the spec's inputs in order and returns them.
        spec: bounds of ids and lengths.
        tolerance: largest difference allowed, in fp32: absolute for numbers up to 1, relative for
            larger ones.
        provider: where the graph runs.
        unpadded: whether it knows nothing of dropped tokens, so that what is read from the first
            is compared only where that is kept.

    Raises:
        ParityError: an output has another shape than torch's.
        EngineError: ONNX Runtime fails.
    """
    module = module.eval()
    session = Session(graph, provider=provider, keeps_memory=False)  # outputs may be gigabytes
    results = []
    for case in parity_cases(spec):
        rows = compared_rows(case, spec, unpadded=unpadded)
        run = torch_run(module, case, spec)
        results.append(_held_to(case, _run_graph(session, case, spec), run, rows, tolerance))
    return ParityReport(cases=tuple(results))


def _run_graph(session: Session, case: Case, spec: ExportSpec) -> Outputs:
    feeds = {name: case.feeds[name] for name in session.inputs}
    names = [item.name for item in spec.outputs]
    return dict(zip(names, session.run(names, feeds), strict=True))


def _require_alike(case: Case, graph: Outputs, reference: Outputs) -> None:
    """Refuse outputs of other shapes, which numpy would compare by broadcasting."""
    for name, expected in reference.items():
        if graph[name].shape != expected.shape:
            raise ParityError(
                f"case {case.name}: output {name} has shape {graph[name].shape}, torch says "
                f"{expected.shape}; the graph must give a row for each text of a batch"
            )


def _held_to(
    case: Case, found: Outputs, run: TorchRun, rows: Mapping[str, Rows], tolerance: float
) -> CaseResult:
    """Hold a graph to float32 first, then to the yardsticks, until it passes or all are tried."""
    plain = run(None)
    _require_alike(case, found, plain)
    comparison = _Comparison(case=case, found=found, plain=plain, rows=rows, tolerance=tolerance)
    result = comparison.result(
        Yardstick(kind=Reference.FLOAT32, outputs=plain, errors=dict.fromkeys(rows, 0.0))
    )
    if result.passed or not np.isfinite(result.worst):
        return result
    yardstick = measure(run, plain, rows)
    result = comparison.result(yardstick)
    if result.passed or yardstick.kind is Reference.MOVED:
        return result
    return comparison.result(with_moved_runs(yardstick, run, rows))


@dataclass(frozen=True, kw_only=True)
class _Comparison:
    """A graph's answer to one case beside torch's in float32."""

    case: Case
    found: Outputs
    plain: Outputs
    rows: Mapping[str, Rows]
    tolerance: float

    def result(self, yardstick: Yardstick) -> CaseResult:
        """The worst element by a yardstick."""
        off = differences(self.found, yardstick.outputs, self.rows)
        allowed = {
            name: max(self.tolerance, ERROR_MULTIPLE * yardstick.errors[name]) for name in off
        }
        name = max(off, key=lambda name: off[name].size / allowed[name])
        result = self._of(name, off[name], allowed[name])
        if yardstick.kind is Reference.FLOAT32:
            return result
        exact = yardstick.kind is Reference.FLOAT64
        return replace(
            result,
            reference=yardstick.kind,
            torch_error=yardstick.errors[name],
            exact=self._value(yardstick.outputs, name, off[name].at) if exact else None,
        )

    def _of(self, name: str, off: Difference, allowed: float) -> CaseResult:
        return CaseResult(
            case=self.case.name,
            worst=off.size,
            output=name,
            at=off.at,
            graph=float(self.found[name][off.at]),
            torch=self._value(self.plain, name, off.at),
            tolerance=allowed,
        )

    def _value(self, outputs: Outputs, name: str, at: tuple[int, ...]) -> float:
        zero = self.rows[name].zero
        return 0.0 if zero[at[: zero.ndim]] else float(outputs[name][at])
