"""Calls the public surface as a user would; type-checked strictly, never run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import edgebert
from edgebert_runtime import (
    Answer,
    BenchOptions,
    BenchReport,
    Bundle,
    CheckReport,
    Classification,
    DeviceVectors,
    DiffReport,
    Embedder,
    Entity,
    Filling,
    ModelInfo,
    RankedDocument,
    RunReport,
    WarmGraph,
    bench,
    check,
    diff,
    load,
    warm,
)


def export_and_check(source: str) -> bool:
    bundle: Bundle = edgebert.export(source, "out/", task="auto", target="cpu")
    bundle = edgebert.quantize(bundle, recipe="int8")
    report = edgebert.verify(Path("out"), against=source)
    worst: dict[str, float] = report.worst
    return report.passed and max(worst.values()) < 1


def prove(bundle: str) -> float | None:
    report: CheckReport = check(bundle, variant="int8", provider="cpu", threads=1)
    report.require()
    return report.worst


def upgrade(old: str, new: Path, texts: list[str]) -> float | None:
    report: DiffReport = diff(old, new, iter(texts), variant=("fp32", "int8"), tolerance=0.1)
    report.require()
    return report.worst.amount


def measure(bundle: str) -> tuple[str, dict[str, Any]]:
    kept: WarmGraph = warm(bundle, "int8")
    report: BenchReport = bench(bundle, BenchOptions(provider="cpu", quick=True))
    return f"{report}\n{kept}", {**report.to_dict(), **kept.to_dict()}


def on_a_gpu(texts: list[str]) -> tuple[int, int]:
    edgebert.export("source", "out/", target="cuda", precision="bf16")
    model: Embedder = load("out/", provider="cuda", provider_options={"enable_cuda_graph": True})
    model.warm_up([(1, 16)])
    vectors: DeviceVectors = model.embed_on_device(texts, long="error")
    copied: NDArray[np.float32] = vectors.numpy()
    return vectors.shape if len(copied) else vectors.__dlpack_device__()


def search(question: str, texts: list[str]) -> str:
    model: Embedder = load("out/", variant="auto", provider="auto", threads=2, verify="once")
    model = load("out/", provider="openvino", provider_options={"device_type": "CPU", "threads": 2})
    vectors: NDArray[np.float32] = model.embed(texts, normalize=True, dimensions=128)
    scores = vectors @ model.embed([question], normalize=True, dimensions=128)[0]
    info: ModelInfo = model.info()
    report: RunReport | None = model.last_report
    cut = 0 if report is None else len(report.truncated)
    return f"{texts[int(scores.argmax())]} ({info.variant}, {cut} cut)"


async def search_asynchronously(question: str) -> int:
    with load("out/", task="embed") as model:
        vectors: NDArray[np.float32] = await model.aembed([question], normalize=True)
        return int(vectors.argmax())


def stream(texts: list[str]) -> int:
    model = load("out/", task="embed")
    rows: Iterator[NDArray[Any]] = model.embed(iter(texts), long="window", stride=32)
    codes: NDArray[Any] = model.embed(texts, output_dtype="binary", long="error")
    tokens: list[int] = model.count_tokens(texts)
    labels: Iterator[Classification] = load("a/", task="classify").classify(iter(texts))
    entities: Iterator[list[Entity]] = load("b/", task="tag").tag(iter(texts), long="window")
    return sum(1 for _ in zip(rows, labels, entities, strict=True)) + len(codes) + sum(tokens)


def every_task(text: str, other: str) -> str:
    labels: list[Classification] = load("a/", task="classify").classify([text, (text, other)])
    entities: list[list[Entity]] = load("b/", task="tag").tag([text], aggregation="first")
    answers: list[Answer] = load("c/", task="answer").answer(text, other, top_k=2, stride=64)
    ranked: list[RankedDocument] = load("d/", task="rank").rank(text, [other], top_k=1)
    masks: list[list[Filling]] = load("e/", task="fill").fill(text, targets=["cat"])
    follows: float = load("f/", task="next_sentence").score(text, other)
    vectors: NDArray[np.float32] = load("g/", task="embed").embed([text])
    best = labels[0].best.label, entities[0][0].label, answers[0].text, ranked[0].text
    return f"{best} {masks[0][0].sequence} {follows} {vectors.shape}"


def load_without_a_task() -> NDArray[np.float32]:
    model = load("out/")
    return model.embed(["a"])


def shrink(theirs: Path) -> float:
    quality = edgebert.quantize_file(theirs, "ours.onnx", "int8-static", cpu="avx2", texts="a.csv")
    return quality.worst if quality.passed else 0.0


def shrink_within(bundle: Bundle, labelled: Path) -> float:
    search = edgebert.quantize_within(bundle, "accuracy_drop<=1%", evaluation=labelled)
    smallest: int = min(point.size_bytes for point in search.frontier)
    return smallest / search.bundle.size_bytes(search.bundle.manifest.variants["int8-cpu"])


def fine_tune(base: str, data: Path) -> str:
    config = edgebert.TrainingConfig(epochs=2, batch_size=16, learning_rate=3e-5, autocast="bf16")
    report: edgebert.TrainingReport = edgebert.train(
        base, data, "out/", task="classify", validation=data, config=config, progress=print
    )
    losses: tuple[float, ...] = tuple(report.losses)
    metrics: dict[str, float] = dict(report.metrics)
    return f"{report.steps} steps, {min(losses)}, {metrics['accuracy']}"
