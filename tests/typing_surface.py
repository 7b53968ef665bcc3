"""Calls the public surface as a user would; type-checked strictly, never run."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import edgebert
from edgebert_runtime import Bundle, Embedder, ModelInfo, RunReport, load


def export_and_check(source: str) -> bool:
    bundle: Bundle = edgebert.export(source, "out/", task="auto", target="cpu")
    bundle = edgebert.quantize(bundle, recipe="int8")
    report = edgebert.verify(Path("out"), against=source)
    worst: dict[str, float] = report.worst
    return report.passed and max(worst.values()) < 1


def search(question: str, texts: list[str]) -> str:
    model: Embedder = load("out/", variant="auto", provider="auto", threads=2, verify="once")
    vectors: NDArray[np.float32] = model.embed(texts, normalize=True, dimensions=128)
    scores = vectors @ model.embed([question], normalize=True, dimensions=128)[0]
    info: ModelInfo = model.info()
    report: RunReport | None = model.last_report
    cut = 0 if report is None else len(report.truncated)
    return f"{texts[int(scores.argmax())]} ({info.variant}, {cut} cut)"
