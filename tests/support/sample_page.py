"""A page with all that pages have, made up: `python -m tests.support.sample_page FOLDER`."""

import math
import sys
from pathlib import Path

from edgebert.reporting.bars import Bar, Bars, Part
from edgebert.reporting.plots import Plot, Point, Series
from edgebert_runtime.reporting.document import Page, Section, Table

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
ENGINES = (
    "edgebert int8",
    "edgebert int8, after edgebert-run warm",
    "edgebert fp32",
    "sentence-transformers, torch",
    "sentence-transformers, ONNX",
    "optimum avx512_vnni",
    "fastembed",
    "OpenVINO, NNCF int8",
    "torch.compile",
    "TorchScript",
    "candle",
    "llama.cpp Q8_0",
    "TensorRT fp16",
    'tract <nightly> & "friends"',
)
OPERATORS = (
    ("Attention", 31.0), ("DynamicQuantizeMatMul", 24.5), ("Gelu", 11.2),
    ("LayerNormalization", 8.4), ("Gather", 4.1), ("Add", 3.2), ("QuantizeLinear", 2.8),
    ("Softmax", 2.1), ("Transpose", 1.6), ("Reshape", 0.9), ("Cast", 0.5),
    ("ReduceMean", 0.3), ("Shape", 0.06), ("Unsqueeze", 0.02),
)  # fmt: skip


def latency(count: int) -> Plot:
    """Engines over batch sizes, with quartiles for the first two."""
    series = []
    for number, name in enumerate(ENGINES[:count]):
        points = []
        for size in SIZES:
            y = (3 + number) * size**0.85 * (1 + 0.1 * math.sin(size + number))
            known = number < 2
            points.append(
                Point(x=size, y=y, low=0.85 * y if known else None, high=1.2 * y if known else None)
            )
        series.append(Series(name=name, points=points, chosen=number == 0))
    return Plot(
        x_label="texts in a batch",
        y_label="ms a batch",
        series=series,
        log_x=True,
        log_y=True,
        caption="Medians of seven rounds, each engine in a process of its own.",
    )


def frontier() -> Plot:
    """Points with labels, some close together."""
    places = [
        (0.31, 3e-3, "int8-dynamic"), (0.35, 8e-4, "int8"), (0.36, 9e-4, "int8, 2 float"),
        (0.37, 7e-4, "24 static, 12 token"), (0.52, 2e-4, "12 float, 24 static"),
        (0.55, 1.8e-4, "embeddings-int8"), (0.97, 1e-6, "fp16"), (0.98, 1.1e-6, "bf16"),
    ]  # fmt: skip
    return Plot(
        x_label="time over fp32's, 1×128",
        y_label="1 - mean cosine to fp32",
        series=[
            Series(
                name="tried",
                joined=False,
                points=[Point(x=x, y=y, label=label) for x, y, label in places if label != "int8"],
            ),
            Series(
                name="chosen",
                chosen=True,
                points=[Point(x=x, y=y, label=label) for x, y, label in places if label == "int8"],
            ),
        ],
        log_x=True,
        log_y=True,
        caption="What each way to quantize loses and costs.",
    )


def growth() -> Plot:
    """Two unjoined series on linear axes, with whiskers."""
    return Plot(
        x_label="tokens of a text",
        y_label="peak memory, MiB",
        series=[
            Series(
                name=name,
                joined=False,
                points=[
                    Point(
                        x=x,
                        y=base + slope * x,
                        low=base + slope * x * 0.8,
                        high=base + slope * x * 1.3,
                    )
                    for x in (64, 128, 192, 256, 384, 512)
                ],
            )
            for name, base, slope in (("fp32", 210, 0.5), ("int8", 90, 0.3))
        ],
    )


def engines() -> Bars:
    """One part each."""
    return Bars(
        unit="texts a second, more is better",
        bars=[
            Bar(
                name=name,
                parts=[Part(name="texts/s", value=900 / (number + 1))],
                low=800 / (number + 1),
                high=1000 / (number + 1),
                chosen=number == 0,
            )
            for number, name in enumerate(ENGINES[:7])
        ],
        caption="Real texts as they come.",
    )


def operators() -> Bars:
    """Many parts, some too narrow for text."""
    return Bars(
        unit="ms",
        bars=[
            Bar(name="fp32", parts=[Part(name=name, value=value) for name, value in OPERATORS]),
            Bar(
                name="int8",
                parts=[
                    Part(name=name, value=value / (1 + len(name) % 4)) for name, value in OPERATORS
                ],
                chosen=True,
            ),
        ],
        caption="Where the time of one text goes.",
    )


def page() -> Page:
    """All of it."""
    return Page(
        title="Benchmarks <of> edgebert & others",
        lead="Everything here was made up.\n\nBelow 1 we are faster.",
        sections=[
            Section(
                title="Latency over batch sizes",
                text="Each engine answers the same texts; `int8` is the chosen one.",
                command="python -m benchmarks.encoder_latency --model minilm",
                blocks=[latency(14), latency(3)],
            ),
            Section(
                title="Every way to quantize",
                command="python -m benchmarks.quantization \\\n    --texts '<a | b>' --rounds 7",
                blocks=[frontier(), quantized()],
            ),
            Section(title="Memory", blocks=[growth()]),
            Section(title="Throughput", blocks=[engines(), operators()]),
        ],
    )


def quantized() -> Table:
    """Names that need escaping, numbers of several kinds."""
    return Table(
        columns=["recipe", "mean", "worst", "MiB", "time over fp32", "runs on"],
        rows=[
            ["int8 | GPTQ", "0.99923", "0.9961", "22.9", "0.35 (0.33…0.38)", "CPU"],
            ["int8-static", "0.98712", "0.9670", "23.1", "0.41 (0.40…0.45)", "CPU, <others>"],
            ["fp16", "1.00000", "1.0000", "45.4", "–", "CUDA & CPU"],
        ],
        caption="Cosine to fp32 on 1,200 unseen texts.",
    )


def main() -> None:
    """Write the page in both forms, and its first plot."""
    from benchmarks.report.markdown import write_markdown
    from edgebert_runtime.reporting.html import write_html

    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    write_html(page(), folder / "page.html")
    write_markdown(page(), folder / "page.md", folder / "figures")


if __name__ == "__main__":
    main()
