"""The canonical graph of every family's sample, beside the module it was traced from."""

from dataclasses import dataclass
from pathlib import Path

import onnx_ir as ir

from edgebert.model.sentence import SentenceEmbedder
from edgebert_export.graph.build import BuiltGraph, build, write_graphs
from edgebert_export.graph.trace import trace
from edgebert_export.spec import ExportSpec
from edgebert_export.targets import TARGETS
from tests.support.export_specs import spec_of
from tests.support.families import SAMPLES, ours
from tests.support.families import build as build_theirs
from tests.support.made_once import MadeOnce


@dataclass(frozen=True, kw_only=True)
class Traced:
    """A family's sample: in torch, as a graph, and what the exporter is told of it."""

    family: str
    module: SentenceEmbedder
    spec: ExportSpec
    canonical: ir.Model

    def built(self, target: str) -> BuiltGraph:
        """The finished graph for a target."""
        chosen = TARGETS[target]
        return build(self.canonical, chosen, self.spec, chosen.min_onnxruntime)

    def written(self, target: str, folder: Path) -> Path:
        """The file of the finished graph."""
        write_graphs([self.built(target)], folder)
        return folder / TARGETS[target].file


def traced_family(family: str, made_once: MadeOnce) -> Traced:
    """Traced once in a run of pytest: it takes seconds, and three files of tests want it."""
    encoder = ours(build_theirs(SAMPLES[family]))
    spec = spec_of(encoder)
    module = SentenceEmbedder(encoder, spec.steps, {}).eval()

    def write(folder: Path) -> None:
        folder.mkdir()
        ir.save(trace(module, spec), folder / "canonical.onnx")

    graph = made_once(f"traced-{family}", write) / "canonical.onnx"
    return Traced(family=family, module=module, spec=spec, canonical=ir.load(graph))
