"""Measures every family, task and target, and writes the table of docs/models.md.

Usage: python -m tests.support.models_page
"""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import onnxruntime
import torch
import transformers

from edgebert.workflow.sources import open_source
from edgebert_export.graph.build import build, write_graphs
from edgebert_export.graph.trace import trace
from edgebert_export.spec import PROMISES
from edgebert_export.targets import TARGETS
from edgebert_export.unpadding.key_masks import StillPaddedError
from edgebert_export.verification.parity import check_parity
from edgebert_export.verification.runnable_equivalents import runnable
from tests.support.families import ENDINGS, NAMES, SAMPLES, build_with_head, has_head, save
from tests.support.families import build as build_bare

PAGE: Final = Path("docs/models.md")
ROWS: Final = (*NAMES, "deberta-v2")
TASKS: Final = ("embed", *ENDINGS)

BEGIN: Final = "<!-- measured: python -m tests.support.models_page -->\n"
END: Final = "<!-- end -->\n"
FUSIONS: Final = tuple(sorted(PROMISES))
COLUMNS: Final = ("family", "task", *FUSIONS, "transformers", *TARGETS)
HEADER: Final = f"| {' | '.join(COLUMNS)} |"
PADDED: Final = "padded"
"""The cell of a graph that cannot do without padding."""
NOISE: Final = 8.0
"""How many times a largest difference may be another one's: it is of rounding, which every CPU and
thread orders in its own way."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One family and task.

    Attributes:
        fusions: fused nodes of a graph with fused attention, in the order of `FUSIONS`.
        transformers: difference from transformers.
        differences: of each target's graph from torch; None where there is no such graph.
    """

    family: str
    task: str
    fusions: tuple[int, ...]
    transformers: float
    differences: tuple[float | None, ...]

    def __str__(self) -> str:
        cells = [PADDED if each is None else f"{each:.1e}" for each in self.differences]
        counts = map(str, self.fusions)
        start = f"| {self.family} | `{self.task}` |"
        return f"{start} {' | '.join([*counts, f'{self.transformers:.1e}', *cells])} |"

    @classmethod
    def parse(cls, line: str) -> "Row":
        """A line of the table.

        Raises:
            ValueError: it has other columns, or a difference that is no number.
        """
        family, task, *cells = line.removeprefix("| ").removesuffix(" |").split(" | ")
        if len(cells) != len(COLUMNS) - 2:
            raise ValueError(f"{line} has {len(cells) + 2} columns, expected {len(COLUMNS)}")
        counts, numbers = cells[: len(FUSIONS)], cells[len(FUSIONS) :]
        return cls(
            family=family,
            task=task.strip("`"),
            fusions=tuple(map(int, counts)),
            transformers=float(numbers[0]),
            differences=tuple(None if cell == PADDED else float(cell) for cell in numbers[1:]),
        )

    def agrees(self, measured: "Row") -> bool:
        """Whether another measurement is of the same graphs, and differs in rounding at most."""
        pairs = zip(
            (self.transformers, *self.differences),
            (measured.transformers, *measured.differences),
            strict=True,
        )
        return (self.family, self.task, self.fusions) == (
            measured.family,
            measured.task,
            measured.fusions,
        ) and all(alike(one, other) for one, other in pairs)


def alike(one: float | None, other: float | None) -> bool:
    """Whether two differences are of the same rounding."""
    if one is None or other is None:
        return one is other
    return one <= NOISE * other and other <= NOISE * one


def committed_rows() -> list[Row]:
    """What the page says.

    Raises:
        ValueError: it has no table between its marks, or a line that is none.
    """
    _, begin, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    table, end, _ = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{PAGE} lacks its marks")
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    if not lines or lines[0] != HEADER:
        raise ValueError(f"{PAGE} lacks its table")
    return [Row.parse(line) for line in lines[1:]]


def cases() -> list[tuple[str, str]]:
    """Every family with every task that it has."""
    return [
        (name, task)
        for name in ROWS
        for task in TASKS
        if task == "embed" or has_head(SAMPLES[name], task)
    ]


def model_of(name: str, task: str) -> Any:
    """As transformers builds it."""
    sample = SAMPLES[name]
    return build_bare(sample) if task == "embed" else build_with_head(sample, task)


def measure(name: str, task: str) -> Row:
    """One row: every graph of a family and task."""
    model = model_of(name, task)
    with tempfile.TemporaryDirectory() as folder:
        source = open_source(save(model, Path(folder) / "source"))
        canonical = trace(source.module, source.spec)
        differences: list[float | None] = []
        for target in TARGETS.values():
            try:
                built = build(canonical, target, source.spec, target.min_onnxruntime)
            except StillPaddedError:
                differences.append(None)
                continue
            if target.fused_attention:
                fusions = built.fusions
            write_graphs([built], Path(folder))
            with runnable(target, Path(folder) / target.file) as graph:
                spec, unpadded = source.spec, target.unpadded
                report = check_parity(graph, source.module, spec, unpadded=unpadded)
            report.require()
            differences.append(report.worst.worst)
        return Row(
            family=name,
            task=task,
            fusions=tuple(fusions[name] for name in FUSIONS),
            transformers=_difference(model, source.module, task),
            differences=tuple(differences),
        )


def _difference(theirs: Any, ours: Any, task: str) -> float:
    torch.manual_seed(0)
    ids = torch.randint(0, 400, (3, 17))
    mask = torch.ones_like(ids)
    mask[1, 9:] = 0
    types = ours.encoder.config.token_types
    segments = {"token_type_ids": torch.randint(0, types, ids.shape)} if types > 1 else {}
    with torch.no_grad():
        out = theirs(input_ids=ids, attention_mask=mask, **segments)
        found = ours(ids, mask, *segments.values())
    if task == "embed":
        pairs = [(out.last_hidden_state, found[0])]
    elif task == "answer":
        pairs = [(out.start_logits, found[0]), (out.end_logits, found[1])]
    else:
        pairs = [(out.logits, found[0])]
    per_token = task in ("embed", "tag", "answer", "fill")
    kept = mask.bool() if per_token else slice(None)
    return max(float((one - other)[kept].abs().max()) for one, other in pairs)


def measured(lines: list[str]) -> str:
    """What stands between the marks: versions, and the table."""
    versions = (
        f"Measured with torch {torch.__version__.partition('+')[0]}, transformers "
        f"{transformers.__version__} and ONNX Runtime {onnxruntime.__version__}."
    )
    header = [HEADER, "|---" * len(COLUMNS) + "|"]
    return "\n".join([versions, "", *header, *lines, ""])


def main() -> None:
    """Measure everything, then replace what stands between the marks."""
    lines = []
    for row in (measure(*case) for case in cases()):
        sys.stderr.write(f"{row}\n")
        lines.append(str(row))
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page = f"{before}{BEGIN}{measured(lines)}{END}{after}"
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
