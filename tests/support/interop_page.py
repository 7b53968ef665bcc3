"""Write docs/interop.md and the table of loaders in README from the rows of a run, or compare them.

Usage: python -m tests.support.interop_page ROWS [--compare]

Versions are pinned, so a run changes the differences alone: these are not compared, because
another CPU rounds otherwise. Every row kept its tolerance when it was written.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.support.interop_rows import Row, read

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "interop.md"
README: Final = ROOT / "README.md"
MEASURED: Final = re.compile(r"\| (0|\d\.\de-\d+) \|$", re.MULTILINE)
SHORT: Final = re.compile("<!-- loaders -->.*<!-- /loaders -->", re.DOTALL)
"""The short table, which both pages have."""

HEAD: Final = """# Loaders that open a bundle

Every row of this page was written by a run of `make interop`: each loader in a pinned environment opened a bundle and answered the same texts as `edgebert_runtime`. `make interop-page` writes the page again. CI runs `make interop`, which fails if a difference is above the tolerance of its test, or if this page has other rows than the run.

*Difference* is the largest absolute difference between a number of the loader and the same number of `edgebert_runtime`: of a component of a vector of length 1, of a logit, or of a score. For `mteb` it is the difference between the bundle's score and that of the checkpoint in torch.

Embedding rows use all-MiniLM-L6-v2. The other tasks use small random models, whose logits are as large as those of real ones. *File* `fp32` is `onnx/model.onnx`; `int8` is `onnx/model_quantized.onnx`, which transformers.js calls `q8`. A loader without an entry in *needs* reads the folder by itself.

## In short

"""

DETAILS: Final = """
## Every row

| loader | version | task | file | needs | difference |
|---|---|---|---|---|---|
"""

TAIL: Final = """
[docs/how-to/integrations.md](how-to/integrations.md) has the shortest program for each adapter, and [docs/how-to/other-languages.md](how-to/other-languages.md) a reader in C++.
"""


def main(rows: str, *options: str) -> int:
    """1 if the pages are compared and one has other rows."""
    found = read(Path(rows))
    short = short_table(found).strip()
    readme = SHORT.sub(lambda _: short, README.read_text(encoding="utf-8"))
    status = 0
    for path, text in ((PAGE, page(found)), (README, readme)):
        if "--compare" not in options:
            path.write_text(text, encoding="utf-8")
        elif masked(text) != masked(path.read_text(encoding="utf-8")):
            sys.stderr.write(f"{path.name} has other rows than this run; run make interop-page\n")
            status = 1
    return status


def masked(text: str) -> str:
    """A page without what differs between machines."""
    return MEASURED.sub("| … |", text)


def page(rows: Sequence[Row]) -> str:
    """The whole page."""
    return HEAD + short_table(rows) + DETAILS + "\n".join(map(_line, rows)) + "\n" + TAIL


def short_table(rows: Sequence[Row]) -> str:
    """A row for each loader: its versions, tasks and files, and the worst difference."""
    lines = [
        "| loader | versions | tasks | files | does not open | difference at most |",
        "|---|---|---|---|---|---|",
    ]
    for loader in dict.fromkeys(row.loader for row in rows):
        own = [row for row in rows if row.loader == loader]
        opened = [row for row in own if not row.refusal]
        worst = max((row.difference or 0 for row in opened), default=None)
        refused = sorted({f"{row.file} in {row.version}" for row in own if row.refusal})
        cells = [loader, *(_distinct(own, name) for name in ("version", "task"))]
        cells += [
            _distinct(opened, "file"),
            ", ".join(refused),
            "" if worst is None else _number(worst),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(["<!-- loaders -->", "", *lines, "", "<!-- /loaders -->", ""])


def _distinct(rows: Sequence[Row], name: str) -> str:
    return ", ".join(sorted({getattr(row, name).partition(":")[0] for row in rows}))


def _line(row: Row) -> str:
    needs = f"`{row.through}`" if row.through else ""
    found = f"refused: {row.refusal}" if row.refusal else _number(row.difference or 0)
    return f"| {row.loader} | {row.version} | {row.task} | {row.file} | {needs} | {found} |"


def _number(difference: float) -> str:
    return f"{difference:.1e}".replace("e-0", "e-") if difference else "0"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
