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
from edgebert_runtime.bundle import Bundle
from edgebert_runtime.loading import load
from edgebert_runtime.reports import ModelInfo, RunReport, TruncatedText

if TYPE_CHECKING:
    from edgebert_runtime.tasks.answer import Answer, Answerer
    from edgebert_runtime.tasks.classify import Classification, Classifier, LabelScore
    from edgebert_runtime.tasks.embed import Embedder
    from edgebert_runtime.tasks.fill import Filling, MaskFiller
    from edgebert_runtime.tasks.next_sentence import NextSentence
    from edgebert_runtime.tasks.rank import RankedDocument, Ranker
    from edgebert_runtime.tasks.tag import Entity, Tagger

__all__ = [
    "Answer",
    "Answerer",
    "Bundle",
    "Classification",
    "Classifier",
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
    "errors",
    "load",
]

HOMES: Final = {
    "Answer": "answer",
    "Answerer": "answer",
    "Classification": "classify",
    "Classifier": "classify",
    "Embedder": "embed",
    "Entity": "tag",
    "Filling": "fill",
    "LabelScore": "classify",
    "MaskFiller": "fill",
    "NextSentence": "next_sentence",
    "RankedDocument": "rank",
    "Ranker": "rank",
    "Tagger": "tag",
}
"""Name → the module of `tasks/` it is imported from on first use; a cold start needs one task."""


def __getattr__(name: str) -> object:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"edgebert_runtime.tasks.{HOMES[name]}"), name)
