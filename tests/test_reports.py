"""What functions return: `repr` is short, `str` is a table, `to_dict` is JSON."""

import json
from collections.abc import Iterator
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Final

import pytest

from edgebert.training.metrics import Scores
from edgebert.training.report import Evaluation, TrainingReport
from edgebert.workflow.verification import VerifyReport
from edgebert_export import CaseResult, ParityReport
from edgebert_quantize import Quality, Search
from edgebert_quantize.evaluation.accuracy import Accuracy
from edgebert_quantize.evaluation.speed import Speed
from edgebert_quantize.search.budget import Budget, Measured
from edgebert_quantize.search.trials import Assignment, Point
from edgebert_quantize.similarity import QualityThreshold, SimilarityMetric
from edgebert_runtime import (
    Bundle,
    CheckReport,
    DiffReport,
    ModelInfo,
    RunReport,
    TruncatedText,
    WarmGraph,
)
from edgebert_runtime.benchmarking.results import BenchResults
from edgebert_runtime.bundle.manifest import FileInfo
from edgebert_runtime.inference.reports import Report
from edgebert_runtime.loading.graph_cache import Tuning
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


PARITY: Final = ParityReport(cases=(case("1x1 full", 1e-6), case("3x40 holes", inf)))

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

REPORTS: Final = (
    BENCH,
    CheckReport(variant="int8", machine={"onnxruntime": "1.26.0"}, files=7, problem=LONG),
    ModelInfo(
        bundle="/a/folder",
        task="embed",
        variant="int8",
        precision="int8",
        target="cpu",
        provider="cpu",
        provider_options={},
        threads=2,
        warm=False,
        micro_batch_tokens=2048,
        workers=1,
        worker_threads=2,
        max_length=256,
        dimensions=384,
        batch_invariant=True,
        sha256={f"file-{number}": "ab" * 32 for number in range(9)},
        verified="always",
    ),
    PARITY,
    PROFILE,
    QUALITY,
    RunReport(
        texts=2,
        windows=2,
        tokens=300,
        padded_tokens=400,
        micro_batches=1,
        truncated=(TruncatedText(index=1, tokens=900, limit=256),),
    ),
    SEARCH,
    TrainingReport(
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
    ),
    DIFF,
    VerifyReport(variants={"cpu": PARITY, "int8": QUALITY}, left_out={"fp16": "cuda"}),
    WarmGraph(
        folder=Path("/a/cache"),
        files={"graph.onnx": FileInfo(sha256="ab" * 32, size_bytes=12)},
        tunings={2: Tuning(256, workers=True, latency_threads=1)},
    ),
)

LINES: Final = {
    "CheckReport": 9,
    "DiffReport": 3 + 1 + (1 + 3) + 2 + 2 + 2,
    "ParityReport": 1 + 2,
    "ProfileReport": 1 + 6 + 7 + 1,
    "Quality": 10,
    "RunReport": 8,
    "Search": 1 + 2 + 1,
    "TrainingReport": 11,
    "VerifyReport": 1 + 2 + 1,
}
"""Report → lines of its table."""

each_report = pytest.mark.parametrize("report", REPORTS, ids=lambda report: type(report).__name__)


def subclasses(kind: type[Report]) -> Iterator[type[Report]]:
    for one in kind.__subclasses__():
        yield from (one, *subclasses(one))


def test_every_report_is_here() -> None:
    assert set(subclasses(Report)) == {BenchResults, *map(type, REPORTS)}


@each_report
def test_a_repr_fits_in_two_lines(report: Report) -> None:
    assert len(repr(report)) <= 200
    assert "\n" not in repr(report)
    assert repr(report).startswith(f"{type(report).__name__}(")


@each_report
def test_a_table_has_a_line_for_each_row(report: Report) -> None:
    lines = str(report).splitlines()
    assert len(lines) == LINES.get(type(report).__name__, len(lines))
    assert len(lines) > 1
    assert str(report) != repr(report)


@each_report
def test_a_dict_survives_json(report: Report) -> None:
    assert report.to_dict()
    assert json.loads(json.dumps(report.to_dict())) == report.to_dict()


def test_the_tables_say_what_was_measured() -> None:
    verified = str(REPORTS[-2]).splitlines()
    assert verified[1].split() == ["cpu", "False", "inf", "3x40", "holes"]
    assert verified[3].split() == ["fp16", "left", "out", "needs", "cuda"]
    searched = str(SEARCH).splitlines()
    assert searched[1].split()[:5] == ["→", "1", "static,", "1", "float"]
    assert searched[1].split()[6:11] == ["3.0", "1.50", "0.50", "0.99900", "0.99000"]
    assert " ".join(searched[1].split()[11:]) == "1.00 ± 1.38 points, 1 of 100 rows 1 yes"
    assert searched[3].split()[:5] == ["fp32", "float", "8.0", "3.00", "1.00"]
    assert str(PARITY).splitlines()[2].split()[2:4] == ["inf", "2e-05"]
    assert "f1             0.75" in str(REPORTS[8]).splitlines()
