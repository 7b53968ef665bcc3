"""A bundle of two tasks over one backbone, made by hand: vectors, and a classifier of them."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgebert_runtime import Bundle
from edgebert_runtime.bundle.manifest import (
    HeadInfo,
    Manifest,
    ProvenanceStep,
    TaskInfo,
    TensorInfo,
    Way,
)
from edgebert_runtime.bundle.manifest_values import STOCK
from edgebert_runtime.bundle.staging import hash_folder
from edgebert_runtime.verification.sample_recorder import record

LABELS: Final = ("bad", "fair", "good")
HEAD: Final = HeadInfo(labels=LABELS, activation="softmax")
WEIGHTS: Final = np.random.default_rng(3).normal(size=(48, len(LABELS))).astype(np.float32)
GRAPH: Final = "onnx/model_both.onnx"


def two_tasks(source: Bundle, folder: Path) -> Bundle:
    """The bundle of `embed`, with a variant `both` that classifies what it embeds, too.

    Args:
        source: a bundle of `embed` with vectors of 48 numbers.
        folder: where the new one goes.
    """
    shutil.copytree(source.folder, folder)
    portable = source.manifest.variants["portable"]
    onnx.save(_with_logits(source.path_of(portable.file)), folder / GRAPH)
    logits = TensorInfo(name="logits", dtype="float32", shape=("batch", len(LABELS)))
    both = replace(portable, tasks=("embed", "classify"), file=GRAPH, files=(GRAPH,))
    step = ProvenanceStep(
        step="trained", by={"tests": "0"}, variant=None, budget=None, details={"task": "classify"}
    )
    manifest = replace(
        source.manifest,
        tasks={**source.manifest.tasks, "classify": TaskInfo(outputs=(logits,), head=HEAD)},
        variants={**source.manifest.variants, "both": both},
        provenance=(*source.manifest.provenance, step),
        files=hash_folder(folder),
    )
    bundle = Bundle(folder=folder, manifest=manifest)
    samples = {}
    for task in both.tasks:
        samples[task] = f"samples/both-{task}.json"
        text = record(bundle, "both", folder / GRAPH, task).to_json()
        (folder / samples[task]).write_text(text, encoding="utf-8")
    variants = {
        **manifest.variants,
        "both": replace(both, ways={STOCK: Way(samples=samples)}),
    }
    return _written(folder, replace(manifest, variants=variants, files=hash_folder(folder)))


def _written(folder: Path, manifest: Manifest) -> Bundle:
    (folder / "edgebert.json").write_text(manifest.to_json(), encoding="utf-8")
    return Bundle.open(folder)


def _with_logits(graph: Path) -> onnx.ModelProto:
    """The graph with one more output, a linear map of its vectors."""
    model = onnx.load(graph)
    model.graph.initializer.append(numpy_helper.from_array(WEIGHTS, "head.weight"))
    node = helper.make_node("MatMul", ["sentence_embedding", "head.weight"], ["logits"])
    model.graph.node.append(node)
    shape = ["batch", len(LABELS)]
    output = helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)
    model.graph.output.append(output)
    return model
