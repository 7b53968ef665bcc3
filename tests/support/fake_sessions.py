"""Models without a graph: the session answers with a function of the ids."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import HeadInfo
from edgebert_runtime.engine.concurrency import ConcurrencyTracker
from edgebert_runtime.engine.session import Session
from edgebert_runtime.tokenization.tokenizer import TextTokenizer
from tests.support.task_bundles import BERT, ROBERTA, byte_level, describe, wordpiece
from tests.support.tiny_manifest import of_task

Arrays = list[NDArray[np.float32]]


class FakeSession:
    """Stands in for a session: any outputs, computed by a function of the feeds.

    Attributes:
        runs: the shapes of the ids it was given.
    """

    provider, threads = "cpu", 1
    shared, warm, library = False, False, None
    provider_options: ClassVar[dict[str, str]] = {}

    def __init__(self, outputs: Sequence[str], compute: Callable[[NDArray[np.int64]], Arrays]):
        self.inputs = ["input_ids", "attention_mask"]
        self.outputs = list(outputs)
        self.runs: list[tuple[int, ...]] = []
        self.concurrency = ConcurrencyTracker()
        self._compute = compute

    def run(self, outputs: Sequence[str], feeds: Mapping[str, NDArray[np.int64]]) -> Arrays:
        assert list(outputs) == self.outputs
        assert list(feeds) == self.inputs
        self.runs.append(feeds["input_ids"].shape)
        return self._compute(feeds["input_ids"])


def by_sum(ids: NDArray[np.int64]) -> list[NDArray[np.float32]]:
    """Logits of a row by its own ids: padding is 0."""
    total = ids.sum(axis=1, keepdims=True).astype(np.float32)
    return [total * np.arange(4, dtype=np.float32) / 100]


def opened(
    task: str,
    folder: Path,
    compute: Callable[[NDArray[np.int64]], Arrays],
    *,
    family: str = "wordpiece",
    max_length: int = 512,
    head: HeadInfo | None = None,
) -> tuple[Bundle, str, Session, TextTokenizer, str]:
    """What `load` gives a model of the task, with `compute` for a graph."""
    recipe = (BERT if family == "wordpiece" else ROBERTA)[task]
    tokenizer = wordpiece() if family == "wordpiece" else byte_level()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "onnx").mkdir(exist_ok=True)
    (folder / "onnx" / "model.onnx").touch()
    manifest = describe(recipe, folder, tokenizer)
    info = replace(manifest.tokenizer, max_length=max_length, max_positions=max_length)
    manifest = of_task(replace(manifest, tokenizer=info), head=head or manifest.task.head)
    outputs = [output.name for output in recipe.outputs]
    return (
        Bundle(folder=folder, manifest=manifest),
        "portable",
        cast("Session", cast("Any", FakeSession(outputs, compute))),
        TextTokenizer(folder / "tokenizer.json", info),
        "never",
    )
