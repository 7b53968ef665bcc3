"""Bundles of every task whose graphs are a few operators of tokens and places.

Only the steps around a graph are compared with them, so no model is needed.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

from edgebert_runtime.bundle.manifest import EmbeddingInfo, Manifest, Step, TaskInfo, TensorInfo
from edgebert_runtime.bundle.staging import hash_folder
from tests.support.task_bundles import (
    BERT,
    MAX_LENGTH,
    ROBERTA,
    Recipe,
    byte_level,
    describe,
    head,
    input_names,
    logits,
    wordpiece,
)

HIDDEN: Final = 12
DIMENSIONS: Final = 8
DENSE: Final = "2_Dense/model.safetensors"
PROMPTS: Final = {"query": "the small ", "passage": "", "other": "dog: "}

Nodes = list[Any]


def write_bundles(place: Path) -> Iterator[tuple[str, Path]]:
    """Name and folder of each."""
    for kind, recipes in (("bert", BERT), ("roberta", ROBERTA)):
        for task, recipe in recipes.items():
            yield f"{kind}-{task}", _write(recipe, place / kind / task)
    scores = BERT["classify"]
    sigmoid = replace(scores, head=replace(scores.head, activation="sigmoid"))
    yield "sigmoid-classify", _write(sigmoid, place / "sigmoid")
    yield "embed", _write_embedding(place / "embed")


def _write(recipe: Recipe, folder: Path) -> Path:
    (folder / "onnx").mkdir(parents=True)
    tokenizer = byte_level() if recipe.byte_level else wordpiece()
    tokenizer.save(str(folder / "tokenizer.json"))
    vocabulary = tokenizer.get_vocab_size()
    nodes: Nodes = []
    for number, output in enumerate(recipe.outputs):
        sizes = [vocabulary if size == "vocabulary" else size for size in output.shape[1:]]
        nodes += _per_token(output.name, vocabulary, sizes, seed=number)
    _save(nodes, recipe.outputs, input_names(recipe), folder)
    _write_manifest(replace(describe(recipe, folder, tokenizer), files=hash_folder(folder)), folder)
    return folder


def _write_embedding(folder: Path) -> Path:
    """Mean pooling, a dense layer with tanh, length 1; and prompts."""
    recipe = replace(BERT["classify"], task="embed", head=head(), outputs=logits(1))
    _write(recipe, folder)
    random = np.random.default_rng(5)
    weight = random.normal(size=(DIMENSIONS, HIDDEN)).astype(np.float32)
    bias = random.normal(size=DIMENSIONS).astype(np.float32)
    (folder / DENSE).parent.mkdir()
    save_file({"linear.weight": weight, "linear.bias": bias}, folder / DENSE)
    outputs = (
        TensorInfo(name="last_hidden_state", dtype="float32", shape=("batch", "sequence", HIDDEN)),
        TensorInfo(name="sentence_embedding", dtype="float32", shape=("batch", DIMENSIONS)),
    )
    vocabulary = wordpiece().get_vocab_size()
    hidden = _per_token("last_hidden_state", vocabulary, ["sequence", HIDDEN], seed=0)
    _save([*hidden, *_pooled(weight, bias)], outputs, input_names(recipe), folder)
    steps = (
        Step(kind="pool", modes=("mean",)),
        Step(kind="dense", file=DENSE, activation="tanh"),
        Step(kind="normalize"),
    )
    embedding = EmbeddingInfo(
        dimensions=DIMENSIONS, steps=steps, prompts=PROMPTS, default_prompt="query"
    )
    tasks = {"embed": TaskInfo(outputs=outputs, embedding=embedding)}
    _write_manifest(replace(describe(recipe, folder, wordpiece()), tasks=tasks), folder)
    return folder


def _write_manifest(manifest: Manifest, folder: Path) -> None:
    text = replace(manifest, default_variant="portable").to_json()
    (folder / "edgebert.json").write_text(text, encoding="utf-8")


def _per_token(name: str, vocabulary: int, sizes: list[Any], seed: int) -> Nodes:
    """Numbers of a token and of its place; their mean where there is no sequence."""
    random = np.random.default_rng(seed)
    width = [size for size in sizes if size != "sequence"]
    tokens = random.normal(size=(vocabulary, *width)).astype(np.float32)
    places = random.normal(size=(MAX_LENGTH + 1, *width)).astype(np.float32)
    each = name if "sequence" in sizes else f"{name}_each"
    nodes = [
        _constant(f"{name}_tokens", 2 * tokens),
        _constant(f"{name}_places", places),
        _constant(f"{name}_axis", np.array(1, np.int64)),
        helper.make_node("CumSum", ["attention_mask", f"{name}_axis"], [f"{name}_at"]),
        helper.make_node("Gather", [f"{name}_tokens", "input_ids"], [f"{name}_of_token"]),
        helper.make_node("Gather", [f"{name}_places", f"{name}_at"], [f"{name}_of_place"]),
        helper.make_node("Add", [f"{name}_of_token", f"{name}_of_place"], [each]),
    ]
    return nodes if each == name else [*nodes, *_mean(each, name)]


def _mean(each: str, name: str) -> Nodes:
    """The mean over the tokens that are no padding."""
    return [
        _constant(f"{name}_1", np.array([1], np.int64)),
        _constant(f"{name}_2", np.array([2], np.int64)),
        helper.make_node("Cast", ["attention_mask"], [f"{name}_mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", [f"{name}_mask", f"{name}_2"], [f"{name}_weights"]),
        helper.make_node("Mul", [each, f"{name}_weights"], [f"{name}_kept"]),
        helper.make_node("ReduceSum", [f"{name}_kept", f"{name}_1"], [f"{name}_sum"], keepdims=0),
        helper.make_node(
            "ReduceSum", [f"{name}_weights", f"{name}_1"], [f"{name}_count"], keepdims=0
        ),
        helper.make_node("Div", [f"{name}_sum", f"{name}_count"], [name]),
    ]


def _pooled(weight: Any, bias: Any) -> Nodes:
    return [
        *_mean("last_hidden_state", "pooled"),
        _constant("weight", weight.T.copy()),
        _constant("bias", bias),
        helper.make_node("MatMul", ["pooled", "weight"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["sum"]),
        helper.make_node("Tanh", ["sum"], ["active"]),
        helper.make_node("LpNormalization", ["active"], ["sentence_embedding"], axis=1, p=2),
    ]


def _constant(name: str, value: Any) -> Any:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value))


def _save(nodes: Nodes, outputs: tuple[TensorInfo, ...], inputs: list[str], folder: Path) -> None:
    def declared(name: str, kind: int, shape: tuple[str | int, ...]) -> Any:
        return helper.make_tensor_value_info(name, kind, shape)

    graph = helper.make_graph(
        nodes,
        "small",
        [declared(name, TensorProto.INT64, ("batch", "sequence")) for name in inputs],
        [declared(each.name, TensorProto.FLOAT, each.shape) for each in outputs],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    onnx.save(model, folder / "onnx" / "model.onnx")
