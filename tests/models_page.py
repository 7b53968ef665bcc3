"""Measures every family, task and target, and writes the table of docs/models.md.

Usage: python -m tests.models_page
"""

import sys
import tempfile
from collections.abc import Iterator
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
from tests.checkpoints.families import ENDINGS, NAMES, SAMPLES, build_with_head, has_head
from tests.checkpoints.families import build as build_bare
from tests.checkpoints.test_heads import save

PAGE: Final = Path("docs/models.md")
ROWS: Final = (*NAMES, "deberta-v2")
TASKS: Final = ("embed", *ENDINGS)

BEGIN: Final = "<!-- measured: python -m tests.models_page -->\n"
END: Final = "<!-- end -->\n"
COLUMNS: Final = ("family", "task", "transformers", *TARGETS)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One family and task: difference from transformers, and a cell for each target."""

    family: str
    task: str
    transformers: float
    cells: tuple[str, ...]

    def __str__(self) -> str:
        cells = " | ".join(self.cells)
        return f"| {self.family} | `{self.task}` | {self.transformers:.1e} | {cells} |"


def rows() -> Iterator[Row]:
    """Measure one after the other."""
    for name in ROWS:
        for task in TASKS:
            sample = SAMPLES[name]
            if task == "embed":
                yield _measure(name, task, build_bare(sample))
            elif has_head(sample, task):
                yield _measure(name, task, build_with_head(sample, task))


def _measure(name: str, task: str, model: Any) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        source = open_source(save(model, Path(folder) / "source"))
        canonical = trace(source.module, source.spec)
        cells = []
        for target in TARGETS.values():
            try:
                built = build(canonical, target, source.spec, target.min_onnxruntime)
            except StillPaddedError:
                cells.append("padded")
                continue
            write_graphs([built], Path(folder))
            with runnable(target, Path(folder) / target.file) as graph:
                spec, unpadded = source.spec, target.unpadded
                report = check_parity(graph, source.module, spec, unpadded=unpadded)
            report.require()
            counts = " + ".join(str(built.fusions[name]) for name in sorted(PROMISES))
            cells.append(f"{report.worst.worst:.1e}, {counts}")
        return Row(
            family=name,
            task=task,
            transformers=_difference(model, source.module, task),
            cells=tuple(cells),
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
    header = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    return "\n".join([versions, "", *header, *lines, ""])


def main() -> None:
    """Measure everything, then replace what stands between the marks."""
    lines = []
    for row in rows():
        sys.stderr.write(f"{row}\n")
        lines.append(str(row))
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page = f"{before}{BEGIN}{measured(lines)}{END}{after}"
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
