"""The whole path on real weights: checkpoint → verified bundle → answers without torch.

Run by `make demo`; a second run reuses the weights and the bundle.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table

import edgebert
from edgebert_runtime import BenchOptions, BenchReport, Bundle, bench, load
from edgebert_runtime.engine.threads import usable_cores
from edgebert_runtime.errors import BundleError
from edgebert_runtime.measurement.units import MEBIBYTE
from examples.minilm import CACHE, minilm_folder

BUNDLE: Final = CACHE / "demo-bundle"
SEQUENCES: Final = (32, 128)
"""Of one text, in tokens."""
NOTES: Final = (
    "The gearbox was replaced last spring and has run quietly ever since.",
    "Boil the pasta two minutes less than the packet says and finish it in the sauce.",
    "Our refund reached the bank account nine days after the parcel was sent back.",
    "The museum opens at ten, and on the first Sunday of the month entry is free.",
    "Restart the router before calling support; it solves most dropped connections.",
    "She trained for the marathon by running to work and back three times a week.",
)
QUESTION: Final = "how long until I get my money back?"

console = Console(highlight=False, width=None if sys.stdout.isatty() else 110)


def main() -> None:
    """Run the demo."""
    source = minilm_folder()
    console.print(f"weights: {source}")
    bundle = demo_bundle(source)
    report = edgebert.verify(bundle, against=source, progress=console.print)
    report.require()
    _search()
    console.print("measuring, each variant in a process of its own")
    torch_ms = _torch_latency(source)
    console.print(_table(bundle, report, _measure(bundle), torch_ms))
    console.print("\nthe same bundle as a page that runs in the browser: make page")


def demo_bundle(source: Path) -> Bundle:
    """The bundle of the demo, from the last run or made of a checkpoint now."""
    try:
        bundle = Bundle.open(BUNDLE)
        if bundle.manifest.named("int8"):
            console.print(f"bundle: {BUNDLE}, from the last run")
            return bundle
    except BundleError:
        pass
    bundle = edgebert.export(source, BUNDLE, overwrite=True, progress=console.print)
    return edgebert.quantize(bundle, recipe="int8", progress=console.print)


def _search() -> None:
    """Answer a question from a handful of notes, with numpy, ONNX Runtime and tokenizers."""
    model = load(BUNDLE, variant="int8")
    scores = model.embed(NOTES) @ model.embed([QUESTION])[0]
    console.print(f"\nquestion: {QUESTION}")
    for index in np.argsort(-scores)[:3]:
        console.print(f"  {scores[index]:.3f}  {NOTES[index]}")
    console.print()


def _torch_latency(source: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "examples.torch_latency", str(source), *_shapes()],
        capture_output=True,
        text=True,
        check=True,
    )
    latency: dict[str, float] = json.loads(done.stdout)
    return latency


def _shapes() -> list[str]:
    return [f"1x{sequence}" for sequence in SEQUENCES]


def _measure(bundle: Bundle) -> BenchReport:
    """All variants on one text, with every core, as torch has it."""
    every = (usable_cores(),)
    return bench(bundle, BenchOptions(batches=(1,), sequences=SEQUENCES, threads=every))


def _table(
    bundle: Bundle,
    report: edgebert.VerifyReport,
    measured: BenchReport,
    torch_ms: dict[str, float],
) -> Table:
    table = Table(title="all-MiniLM-L6-v2 on this machine")
    for column in ("variant", "MiB", "against torch", *_shapes(), "start", "peak MiB"):
        table.add_column(column)
    torch_cells = [f"{torch_ms[shape]:.2f} ms" for shape in _shapes()]
    table.add_row("torch fp32", "", "", *torch_cells, "", "")
    for start in measured.starts:
        precision = bundle.manifest.variants[start.variant].precision
        worst = report.worst[start.variant]
        against = f"off by {worst:.1e}" if precision == "fp32" else f"cosine {worst:.4f} at worst"
        timings = [timing for timing in measured.timings if timing.variant == start.variant]
        medians = [timing.quartiles_ms.median for timing in timings]
        table.add_row(
            start.variant,
            f"{start.size_bytes / MEBIBYTE:.1f}",
            against,
            *(
                f"{ms:.2f} ms ({torch_ms[shape] / ms:.1f}x)"
                for shape, ms in zip(_shapes(), medians, strict=True)
            ),
            f"{start.quartiles_ms.median:.0f} ms",
            f"{timings[-1].peak_memory_bytes / MEBIBYTE:.0f}",
        )
    return table


if __name__ == "__main__":
    main()
