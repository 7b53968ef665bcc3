"""A checkpoint as a model of the runtime, with torch in place of a graph."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edgebert.checkpoints.tasks import AUTO
from edgebert.model.recording import recorded_attention
from edgebert.workflow.plain_torch import plain_torch
from edgebert.workflow.sources import Source, open_source
from edgebert_export.bundle.write import describe
from edgebert_export.spec import ExportSpec
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.engine.concurrency import ConcurrencyTracker
from edgebert_runtime.engine.session import Session
from edgebert_runtime.inference.arrays import Feeds
from edgebert_runtime.inference.attention_maps import OUTPUT, map_outputs
from edgebert_runtime.tasks.base import TaskModel
from edgebert_runtime.tasks.open_bundle import open_tokenizer
from edgebert_runtime.tasks.registry import require_task

TORCH: Final = "torch"
"""Stands where a model names its variant."""


class TorchSession:
    """What a model needs of a `Session`, by a torch module and on the CPU.

    Attributes:
        graph: what errors call it.
        inputs, outputs: names, in the module's order; attention maps behind its own outputs.
    """

    provider = "cpu"
    library, warm = None, False

    def __init__(self, module: nn.Module, spec: ExportSpec, name: str) -> None:
        self.graph = Path(name)
        self.threads = torch.get_num_threads()
        self.provider_options: Mapping[str, str] = {}
        self.concurrency = ConcurrencyTracker()
        self.inputs = [each.name for each in spec.inputs]
        self._own = [each.name for each in spec.outputs]
        maps = (OUTPUT.format(layer) for layer in range(spec.layers))
        self.outputs = [*self._own, *maps]
        self._module = module.eval()

    def run(self, outputs: Sequence[str], feeds: Feeds) -> list[NDArray[np.float32]]:
        """The named outputs, in that order."""
        tensors = [torch.from_numpy(feeds[name]) for name in self.inputs]
        with torch.inference_mode():
            if not map_outputs(outputs):
                found = dict(zip(self._own, self._module(*tensors), strict=True))
            else:
                with recorded_attention(self._module) as maps:
                    answers = self._module(*tensors)
                found = dict(zip(self.outputs, (*answers, *maps), strict=True))
        return [found[name].numpy() for name in outputs]

    def close(self) -> None:
        """Nothing is to be given back."""


@contextmanager
def open_checkpoint(
    source: str | PathLike[str], *, task: str = AUTO, max_length: int | None = None
) -> Iterator[TaskModel[Any]]:
    """A checkpoint as `load` opens a bundle: its task's method, and `explain` with every method.

    Attention is computed by torch, of the weights as they are. Nothing is exported.

    Args:
        source: a folder, or a Hub id.
        task: what it is used for; `auto` goes by what it says.
        max_length: where texts are cut, in tokens; the source says when None.

    Yields:
        The model.

    Raises:
        CheckpointError, TokenizerError: it cannot be read.
        ConfigError: an unknown task.
    """
    with plain_torch(), TemporaryDirectory() as folder:
        opened = open_source(source, task=task, max_length=max_length)
        with _model(opened, Path(folder)) as model:
            yield model


def _model(source: Source, folder: Path) -> TaskModel[Any]:
    """The model of a source's task, which reads the source's files from a folder."""
    for path, content in source.parts.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    manifest = describe(source.spec, source.parts, variants={}, files={})
    bundle = Bundle(folder=folder, manifest=manifest)
    spec = require_task(source.spec.task)
    name = source.parts.source["name"] or TORCH
    session = TorchSession(source.module, source.spec, name)
    return spec.model(
        bundle,
        TORCH,
        cast("Session", session),
        open_tokenizer(bundle),
        "never",
        task=spec.name,
    )
