"""Texts in, vectors out, by one engine in its own process and environment.

Usage: texts_to_vectors.py ENGINE MODEL TEXTS.json OUT.npy. Prints the seconds that all texts took,
after a warm-up; OUT has their vectors.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

KEPT: Final = "kept"
"""Beside the bundle: where its graphs are kept."""

Encode = Callable[[list[str]], NDArray[np.float32]]

WARM_UP: Final = 64
"""Texts that are run before the clock starts."""

BATCH: Final = 32
"""What people write who batch by hand; also the default of sentence-transformers."""

MICRO_BATCH_TOKENS: Final = 512
LIMIT: Final = 256
"""Tokens at which sentence-transformers cuts for this model, and so does our bundle."""


def edgebert_int8(model: str) -> Encode:
    from edgebert_runtime import load

    encode: Encode = load(model, "int8", task="embed").embed
    return encode


def edgebert_int8_kept(model: str) -> Encode:
    """From the graph that `warm` keeps, as it measured to be fastest."""
    from edgebert_runtime import load

    kept = Path(model).parent / KEPT
    encode: Encode = load(model, "int8", task="embed", cache_dir=kept).embed
    return encode


def edgebert_fp32(model: str) -> Encode:
    from edgebert_runtime import load

    encode: Encode = load(model, "fp32", task="embed").embed
    return encode


def sentence_transformers(model: str) -> Encode:
    from sentence_transformers import SentenceTransformer

    encode: Encode = SentenceTransformer(model, device="cpu").encode
    return encode


def sentence_transformers_onnx(model: str) -> Encode:
    from sentence_transformers import SentenceTransformer

    file = {"file_name": "onnx/model_quantized.onnx", "provider": "CPUExecutionProvider"}
    opened = SentenceTransformer(model, device="cpu", backend="onnx", model_kwargs=file)
    encode: Encode = opened.encode
    return encode


def fastembed(model: str) -> Encode:
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    TextEmbedding.add_custom_model(
        model="local/minilm",
        pooling=PoolingType.MEAN,
        normalization=True,
        sources=ModelSource(hf="local/minilm"),
        dim=384,
        model_file="onnx/model_quantized.onnx",
    )
    opened = TextEmbedding("local/minilm", specific_model_path=model)
    return lambda texts: np.array(list(opened.embed(texts)), np.float32)


def optimum(model: str) -> Encode:
    """As its documentation does it: a tokenizer, a batch, mean pooling."""
    import torch
    from optimum.onnxruntime import ORTModelForFeatureExtraction
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    opened = ORTModelForFeatureExtraction.from_pretrained(
        model, subfolder="onnx", file_name="model_quantized.onnx"
    )

    def one(texts: list[str]) -> Any:
        batch = tokenizer(
            texts, padding=True, truncation=True, max_length=LIMIT, return_tensors="pt"
        )
        hidden, mask = opened(**batch).last_hidden_state, batch["attention_mask"][..., None]
        pooled = (hidden * mask).sum(1) / mask.sum(1)
        return torch.nn.functional.normalize(pooled).numpy()

    return lambda texts: np.concatenate(
        [one(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH)]
    )


def openvino(model: str) -> Encode:
    """Its asynchronous queue, texts sorted and cut into micro-batches as ours are."""
    import openvino as ov
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(Path(model) / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(LIMIT)
    compiled = ov.Core().compile_model(
        str(Path(model) / "model.xml"), "CPU", {"PERFORMANCE_HINT": "THROUGHPUT"}
    )
    names = [value.get_any_name() for value in compiled.inputs]
    queue = ov.AsyncInferQueue(compiled)

    def encode(texts: list[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), 384), np.float32)

        def done(request: Any, asked: Any) -> None:
            indices, mask = asked
            hidden = request.get_tensor("last_hidden_state").data
            pooled = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
            vectors[indices] = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)

        queue.set_callback(done)
        encoded = tokenizer.encode_batch(texts)
        for indices in micro_batches([len(each.ids) for each in encoded]):
            longest = len(encoded[indices[0]].ids)
            ids = np.zeros((len(indices), longest), np.int64)
            mask = np.zeros_like(ids)
            for row, index in enumerate(indices):
                ids[row, : len(encoded[index].ids)] = encoded[index].ids
                mask[row, : len(encoded[index].ids)] = 1
            every = {"input_ids": ids, "attention_mask": mask, "token_type_ids": ids * 0}
            queue.start_async({name: every[name] for name in names}, (indices, mask))
        queue.wait_all()
        return vectors

    return encode


def micro_batches(lengths: list[int]) -> list[list[int]]:
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        last = batches[-1] if batches else []
        if last and (len(last) + 1) * lengths[last[0]] <= MICRO_BATCH_TOKENS:
            last.append(index)
        else:
            batches.append([index])
    return batches


ENGINES: Final[dict[str, Callable[[str], Encode]]] = {
    "edgebert_int8": edgebert_int8,
    "edgebert_int8_kept": edgebert_int8_kept,
    "edgebert_fp32": edgebert_fp32,
    "sentence_transformers": sentence_transformers,
    "sentence_transformers_onnx": sentence_transformers_onnx,
    "fastembed": fastembed,
    "optimum": optimum,
    "openvino": openvino,
}


def main(engine: str, model: str, texts: str, out: str) -> None:
    encode = ENGINES[engine](model)
    items = json.loads(Path(texts).read_text(encoding="utf-8"))
    encode(items[:WARM_UP])
    start = time.perf_counter()
    vectors = encode(items)
    seconds = time.perf_counter() - start
    np.save(out, np.asarray(vectors, np.float32))
    print(seconds)


if __name__ == "__main__":
    main(*sys.argv[1:])
