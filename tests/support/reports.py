"""One of each report that a function returns."""

from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Final

import numpy as np

from edgebert.compression.distillation.report import DistilReport
from edgebert.search.aims import Aims
from edgebert.search.result import CompressReport
from edgebert.search.trial import ShapeTime, Trial
from edgebert.training.metrics import Scores
from edgebert.training.report import Evaluation, TrainingReport
from edgebert.workflow.pruning import PruneReport
from edgebert.workflow.trimming import TrimReport
from edgebert.workflow.verification import VerifyReport
from edgebert_export import CaseResult, ParityReport
from edgebert_quantize import Quality, Search
from edgebert_quantize.evaluation.accuracy import Accuracy
from edgebert_quantize.evaluation.speed import Speed
from edgebert_quantize.search.budget import Budget, Measured
from edgebert_quantize.search.result import Frontier
from edgebert_quantize.search.trials import Assignment, Point
from edgebert_quantize.similarity import QualityThreshold, SimilarityMetric
from edgebert_runtime import (
    Attribution,
    Bundle,
    CheckReport,
    DiffReport,
    Explanation,
    ModelInfo,
    RunReport,
    TruncatedText,
    WarmGraph,
)
from edgebert_runtime.batch.driver import BatchReport
from edgebert_runtime.batch.status import BatchStatus
from edgebert_runtime.bundle.manifest import FileInfo
from edgebert_runtime.loading.graph_cache import Tuning
from edgebert_runtime.postprocessing.explanation.attention import rollout, summarize_heads
from edgebert_runtime.postprocessing.explanation.words import Word
from edgebert_runtime.verification.diff_report import (
    AnswerDifference,
    MetadataChange,
    Side,
    TokenDifference,
)
from tests.support.bench_reports import REPORT as BENCH
from tests.support.profile_reports import REPORT as PROFILE
from tests.support.tiny_manifest import tiny_manifest

LONG: Final = "a line\nand " + 300 * "another "

QUALITY: Final = Quality(
    metric=SimilarityMetric.COSINE,
    mean=0.999,
    worst=0.99,
    worst_text=LONG,
    text_count=200,
    data="texts",
    threshold=QualityThreshold(mean=0.99, worst=0.98),
)


def case(name: str, worst: float) -> CaseResult:
    return CaseResult(
        case=name,
        worst=worst,
        output="last_hidden_state",
        at=(0, 3, 17),
        graph=0.5,
        torch=0.5,
        tolerance=2e-5,
    )


PARITY: Final = ParityReport(cases=(case("1x1 full", 1e-6), case("3x40 gaps", inf)))

KEPT: Final = Accuracy(rows=100, fp32_right=91, lost=0, gained=0, flipped=0)

POINT: Final = Point(
    assignment=Assignment(schemes=("per_tensor_static", "float"), tables=True),
    measured=Measured(mean=0.999, worst=0.99, accuracy=replace(KEPT, lost=1, flipped=1)),
    size_bytes=3 * 2**20,
    speed=Speed(candidate_ms=(1.0, 2.0), source_ms=(2.0, 4.0)),
)

SEARCH: Final = Search(
    bundle=Bundle(folder=Path("my-model"), manifest=tiny_manifest({})),
    budget=Budget(text="accuracy_drop<=2%", accuracy_drop=0.02),
    frontier=(POINT, Point(**{**vars(POINT), "size_bytes": 2**22, "speed": None})),
    chosen=POINT,
    exact=Measured(mean=1.0, worst=1.0, accuracy=KEPT),
    source_bytes=2**23,
)

FRONTIER: Final = Frontier(
    budget=SEARCH.budget,
    frontier=SEARCH.frontier,
    chosen=SEARCH.chosen,
    exact=SEARCH.exact,
    source_bytes=SEARCH.source_bytes,
)

BEST: Final = Evaluation(step=9, scores=Scores(values={"f1": 0.75}, confusion=((3, 1), (0, 4))))

SIDE: Final = Side(bundle="my-model", variant="cpu", precision="fp32", quality=None)

DIFF: Final = DiffReport(
    task="answer",
    old=SIDE,
    new=SIDE,
    metadata=(MetadataChange(name="max_length", old=256, new=128),),
    texts=2,
    tokens_differ=1,
    token_examples=(TokenDifference(index=0, text=LONG, old=("a", "b"), new=("a", "c")),),
    measure="a change",
    tolerance=0.1,
    beyond=1,
    mean=None,
    worst=AnswerDifference(
        index=1, text=("where", "there"), amount=None, at="a score", old=1.0, new=None
    ),
    equal=0.5,
)

CHECK: Final = CheckReport(variant="int8", machine={"onnxruntime": "1.26.0"}, files=7, problem=LONG)

INFO: Final = ModelInfo(
    bundle="/a/folder",
    task="embed",
    variant="int8",
    way="stock",
    kernel=None,
    no_kernel=None,
    precision="int8",
    target="cpu",
    provider="cpu",
    provider_options={},
    threads=2,
    warm=False,
    micro_batch_tokens=2048,
    max_padding=0.05,
    workers=1,
    worker_threads=2,
    max_length=256,
    dimensions=384,
    batch_invariant=True,
    sha256={f"file-{number}": "ab" * 32 for number in range(9)},
    verified="always",
)

RUN: Final = RunReport(
    texts=2,
    windows=2,
    tokens=300,
    padded_tokens=400,
    micro_batches=1,
    truncated=(TruncatedText(index=1, tokens=900, limit=256),),
)

TRAINING: Final = TrainingReport(
    out=Path("trained"),
    task="classify",
    labels=("good", "bad"),
    examples=100,
    truncated=1,
    left_out=0,
    steps=1000,
    losses=(0.5,) * 1000,
    history=(BEST,) * 10,
    best=BEST,
    stopped_early=False,
    seconds=12.5,
)

DISTIL: Final = DistilReport(
    **{**vars(TRAINING), "out": Path("smaller"), "task": "embed", "labels": ()},
    teacher_layers=6,
    student_layers=3,
    held_out=200,
    untrained={"cosine": 0.6, "spearman": 0.62},
)

PRUNE: Final = PruneReport(
    out=Path("faster"),
    task="embed",
    heads=(9, 12),
    neurons=(1024, 768),
    heads_before=24,
    neurons_before=3072,
    multiplications=1.4,
    speed_asked=1.3,
    speedups={"1x32": 1.32, "8x128": 1.41, "mixed": 1.38},
    texts=900,
    held_out=100,
    measured={"cosine": 0.95, "spearman": 0.94},
)

TRIM: Final = TrimReport(
    out=Path("smaller"),
    rows_before=30522,
    rows_after=8000,
    megabytes_saved=34.6,
    texts=30000,
    identical=False,
    tokens_ratio=1.034,
    unknown_before=30,
    unknown_after=30,
)


def trial(
    precision: str, size: int, milliseconds: float, unchanged: float, *steps: str, lost: int = 0
) -> Trial:
    """A model that takes so long where the unchanged one takes longer."""
    time = ShapeTime(model_ms=(milliseconds,) * 3, unchanged_ms=(unchanged,) * 3)
    rows = Accuracy(rows=2000, fp32_right=1500, lost=lost, gained=0, flipped=lost)
    return Trial(steps=steps, precision=precision, size_bytes=size, times={"1x32": time}, rows=rows)


SMALLER: Final = trial(
    "int8", 13_500_000, 3.0, 5.7, "trimmed 7,630 tokens", "distilled 3 layers", lost=20
)
COMPRESSION: Final = CompressReport(
    out=Path("my-model"),
    budget=Budget(text="recall_drop<=3%", recall_drop=0.03),
    aims=Aims(speed=2, size_mb=14),
    share="recall",
    trials=(
        trial("fp32", 90_000_000, 12.0, 12.0),
        SMALLER,
    ),
    chosen=SMALLER,
    left_out=("int8: the layers differ too much",),
    ended=True,
)
VERIFY: Final = VerifyReport(variants={"cpu": PARITY, "int8": QUALITY}, left_out={"fp16": "cuda"})

WARM: Final = WarmGraph(
    folder=Path("/a/cache"),
    files={"graph.onnx": FileInfo(sha256="ab" * 32, size_bytes=12)},
    tunings={2: Tuning(256, workers=True, latency_threads=1)},
)

MAPS: Final = np.full((2, 2, 3, 3), 1 / 3, dtype=np.float32)

EXPLANATION: Final = Explanation(
    task="classify",
    variant="cpu",
    target="score of good",
    value=0.9,
    empty=0.4,
    words=(Word("fine", 0, 0, 4), Word(300 * "x", 0, 5, 305)),
    attributions={"shapley": Attribution(values=(0.5, None), errors=(0.01, None), reached=False)},
    runs=4,
    tokens=("[CLS]", "fine", "[SEP]"),
    attention=MAPS,
    heads=summarize_heads(MAPS, [2]),
    rollout=rollout(MAPS),
)

BATCH: Final = BatchReport(
    out="answers",
    units=40,
    already=12,
    rows=910_000,
    bad=3,
    cut=17,
    failed=(7, 31),
    seconds=228.125,
)
BATCH_STATUS: Final = BatchStatus(
    out="answers",
    task="embed",
    variant="cpu-int8",
    sources=20,
    units=40,
    done=38,
    failed=(7, 31),
    rows=1_240_000,
    bad=3,
    cut=17,
    complete=False,
)

REPORTS: Final = (
    BATCH,
    BATCH_STATUS,
    BENCH,
    CHECK,
    COMPRESSION,
    EXPLANATION,
    FRONTIER,
    INFO,
    PARITY,
    PROFILE,
    QUALITY,
    RUN,
    SEARCH,
    TRAINING,
    DISTIL,
    PRUNE,
    TRIM,
    DIFF,
    VERIFY,
    WARM,
)
