"""Run an edgebert bundle with numpy, ONNX Runtime and tokenizers; no torch anywhere near it.

from edgebert_runtime import load

model = load("my-model/")
vectors = model.embed(["a text", "another"])  # float32 (2, dimensions)

model = load("my-sentiment/", task="classify")
model.classify(["a text"])[0].best.label

The names of this module are the public ones; those of its packages may change in any release.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from edgebert_runtime import errors
from edgebert_runtime._version import __version__
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.loading.load import load

if TYPE_CHECKING:
    from edgebert_runtime.benchmarking.api import BenchReport, bench
    from edgebert_runtime.benchmarking.options import BenchOptions
    from edgebert_runtime.inference.reports import ModelInfo, RunReport, TruncatedText
    from edgebert_runtime.loading.graph_cache import WarmGraph
    from edgebert_runtime.postprocessing.device_vectors import DeviceVectors
    from edgebert_runtime.postprocessing.explanation.attention import HeadSummary
    from edgebert_runtime.postprocessing.explanation.report import Attribution, Explanation
    from edgebert_runtime.tasks.answer import Answer, Answerer
    from edgebert_runtime.tasks.base import TaskModel
    from edgebert_runtime.tasks.classify import Classification, Classifier, LabelScore
    from edgebert_runtime.tasks.embed import Embedder
    from edgebert_runtime.tasks.fill import Filling, MaskFiller
    from edgebert_runtime.tasks.next_sentence import NextSentence
    from edgebert_runtime.tasks.rank import RankedDocument, Ranker
    from edgebert_runtime.tasks.registry import register_task
    from edgebert_runtime.tasks.spec import TaskSpec
    from edgebert_runtime.tasks.tag import Entity, Tagger
    from edgebert_runtime.verification.bundle_diff import diff
    from edgebert_runtime.verification.diff_report import DiffReport
    from edgebert_runtime.verification.self_test import CheckReport, check, check_all
    from edgebert_runtime.warmup.warm import warm

__all__ = [
    "Answer",
    "Answerer",
    "Attribution",
    "BenchOptions",
    "BenchReport",
    "Bundle",
    "CheckReport",
    "Classification",
    "Classifier",
    "DeviceVectors",
    "DiffReport",
    "Embedder",
    "Entity",
    "Explanation",
    "Filling",
    "HeadSummary",
    "LabelScore",
    "MaskFiller",
    "ModelInfo",
    "NextSentence",
    "RankedDocument",
    "Ranker",
    "RunReport",
    "Tagger",
    "TaskModel",
    "TaskSpec",
    "TruncatedText",
    "WarmGraph",
    "__version__",
    "bench",
    "check",
    "check_all",
    "diff",
    "errors",
    "load",
    "register_task",
    "warm",
]

_HOMES: Final = {
    "Answer": "tasks.answer",
    "Answerer": "tasks.answer",
    "Attribution": "postprocessing.explanation.report",
    "BenchOptions": "benchmarking.options",
    "BenchReport": "benchmarking.api",
    "CheckReport": "verification.self_test",
    "Classification": "tasks.classify",
    "Classifier": "tasks.classify",
    "DeviceVectors": "postprocessing.device_vectors",
    "DiffReport": "verification.diff_report",
    "Embedder": "tasks.embed",
    "Entity": "tasks.tag",
    "Explanation": "postprocessing.explanation.report",
    "Filling": "tasks.fill",
    "HeadSummary": "postprocessing.explanation.attention",
    "LabelScore": "tasks.classify",
    "MaskFiller": "tasks.fill",
    "ModelInfo": "inference.reports",
    "NextSentence": "tasks.next_sentence",
    "RankedDocument": "tasks.rank",
    "Ranker": "tasks.rank",
    "RunReport": "inference.reports",
    "Tagger": "tasks.tag",
    "TaskModel": "tasks.base",
    "TaskSpec": "tasks.spec",
    "TruncatedText": "inference.reports",
    "WarmGraph": "loading.graph_cache",
    "bench": "benchmarking.api",
    "check": "verification.self_test",
    "check_all": "verification.self_test",
    "diff": "verification.bundle_diff",
    "register_task": "tasks.registry",
    "warm": "warmup.warm",
}
"""Name → the module it is imported from on first use; a cold start needs one task."""


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"edgebert_runtime.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
