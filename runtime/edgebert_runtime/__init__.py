"""Run an edgebert bundle with numpy, ONNX Runtime and tokenizers; no torch anywhere near it.

from edgebert_runtime import load

model = load("my-model/")
vectors = model.embed(["a text", "another"])  # float32 (2, dimensions)

model = load("my-sentiment/", task="classify")
model.classify(["a text"])[0].best.label
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from edgebert_runtime import errors
from edgebert_runtime._version import __version__
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.inference.reports import ModelInfo, RunReport, TruncatedText
from edgebert_runtime.loading.load import load

if TYPE_CHECKING:
    from edgebert_runtime.postprocessing.device_vectors import DeviceVectors
    from edgebert_runtime.tasks.answer import Answer, Answerer
    from edgebert_runtime.tasks.classify import Classification, Classifier, LabelScore
    from edgebert_runtime.tasks.embed import Embedder
    from edgebert_runtime.tasks.fill import Filling, MaskFiller
    from edgebert_runtime.tasks.next_sentence import NextSentence
    from edgebert_runtime.tasks.rank import RankedDocument, Ranker
    from edgebert_runtime.tasks.tag import Entity, Tagger
    from edgebert_runtime.verification.self_test import CheckReport, check

__all__ = [
    "Answer",
    "Answerer",
    "Bundle",
    "CheckReport",
    "Classification",
    "Classifier",
    "DeviceVectors",
    "Embedder",
    "Entity",
    "Filling",
    "LabelScore",
    "MaskFiller",
    "ModelInfo",
    "NextSentence",
    "RankedDocument",
    "Ranker",
    "RunReport",
    "Tagger",
    "TruncatedText",
    "__version__",
    "check",
    "errors",
    "load",
]

HOMES: Final = {
    "Answer": "tasks.answer",
    "Answerer": "tasks.answer",
    "CheckReport": "verification.self_test",
    "Classification": "tasks.classify",
    "Classifier": "tasks.classify",
    "DeviceVectors": "postprocessing.device_vectors",
    "Embedder": "tasks.embed",
    "Entity": "tasks.tag",
    "Filling": "tasks.fill",
    "LabelScore": "tasks.classify",
    "MaskFiller": "tasks.fill",
    "NextSentence": "tasks.next_sentence",
    "RankedDocument": "tasks.rank",
    "Ranker": "tasks.rank",
    "Tagger": "tasks.tag",
    "check": "verification.self_test",
}
"""Name → the module it is imported from on first use; a cold start needs one task."""


def __getattr__(name: str) -> object:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"edgebert_runtime.{HOMES[name]}"), name)
