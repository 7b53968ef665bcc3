"""Every way from texts to vectors that is set beside ours, as its documentation has it.

An engine yields twice: None once its libraries are imported, then what encodes a list of texts to
vectors of length 1. Nothing is imported before: starting is measured, too.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Final, Literal

    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    Encode = Callable[[list[str]], Vectors]
    Engine = Callable[[str], Iterator[Encode | None]]

GRAPH_CACHE: Final = "graph-cache"
"""Behind the name of our bundle: the folder with its warm graphs."""

BATCH: Final = 32
"""What people write who batch by hand; also the default of sentence-transformers."""

MICRO_BATCH_TOKENS: Final = 512
LIMIT: Final = 256
"""Tokens at which sentence-transformers cuts for this model, and so does our bundle."""


def _edgebert(variant: str, *, warm: bool = False, native: bool = False) -> Engine:
    """Ours, perhaps from what `edgebert-run warm` stored, or with edgebert-native."""

    def engine(model: str) -> Iterator[Encode | None]:
        os.environ["EDGEBERT_NATIVE"] = "1" if native else "0"
        from edgebert_runtime import load

        yield None
        cache: str | Literal[False] = f"{model}-{GRAPH_CACHE}" if warm else False
        yield load(model, variant, task="embed", cache_dir=cache).embed

    return engine


def _bare(file: str) -> Engine:
    """The least that can answer: three libraries on our file, text by text."""
    return lambda model: _three_libraries(f"{model}/onnx/{file}", model)


def _three_libraries(graph: str, model: str) -> Iterator[Encode | None]:
    import numpy as np
    import onnxruntime
    from tokenizers import Tokenizer

    yield None
    tokenizer = Tokenizer.from_file(f"{model}/tokenizer.json")
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])

    def one(text: str) -> Vectors:
        encoding = tokenizer.encode(text)
        every = {
            "input_ids": np.array([encoding.ids], dtype=np.int64),
            "attention_mask": np.array([encoding.attention_mask], dtype=np.int64),
            "token_type_ids": np.array([encoding.type_ids], dtype=np.int64),
        }
        wanted = {node.name: every[node.name] for node in session.get_inputs()}
        vectors: Vectors = session.run(["sentence_embedding"], wanted)[0]
        return vectors

    yield lambda texts: np.concatenate([one(text) for text in texts])


def _sentence_transformers(**settings: Any) -> Engine:
    def engine(model: str) -> Iterator[Encode | None]:
        from sentence_transformers import SentenceTransformer

        yield None
        encode = SentenceTransformer(model, device="cpu", **settings).encode
        yield lambda texts: encode(texts).astype("float32", copy=False)

    return engine


def _fastembed(**settings: int) -> Engine:
    """In the order of arrival; its default are batches of 256."""
    return lambda model: _opened_by_fastembed(model, settings)


def _opened_by_fastembed(model: str, settings: dict[str, int]) -> Iterator[Encode | None]:
    import numpy as np
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    yield None
    TextEmbedding.add_custom_model(
        model="local/minilm",
        pooling=PoolingType.MEAN,
        normalization=True,
        sources=ModelSource(hf="local/minilm"),
        dim=384,
        model_file="onnx/model_quantized.onnx",
    )
    opened = TextEmbedding("local/minilm", specific_model_path=model)
    yield lambda texts: np.array(list(opened.embed(texts, **settings)), np.float32)


def optimum(model: str) -> Iterator[Encode | None]:
    """As its documentation does it: a tokenizer, a batch, mean pooling."""
    import numpy as np
    import torch
    from optimum.onnxruntime import ORTModelForFeatureExtraction
    from transformers import AutoTokenizer

    yield None
    tokenizer = AutoTokenizer.from_pretrained(model)
    opened = ORTModelForFeatureExtraction.from_pretrained(
        model, subfolder="onnx", file_name="model_quantized.onnx"
    )

    def one(texts: list[str]) -> Vectors:
        batch = tokenizer(
            texts, padding=True, truncation=True, max_length=LIMIT, return_tensors="pt"
        )
        hidden, mask = opened(**batch).last_hidden_state, batch["attention_mask"][..., None]
        pooled = (hidden * mask).sum(1) / mask.sum(1)
        vectors: Vectors = torch.nn.functional.normalize(pooled).numpy()
        return vectors

    yield lambda texts: np.concatenate(
        [one(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH)]
    )


def kjarni(model: str) -> Iterator[Encode | None]:
    """Its batches; it opens the folder of a model in its cache, where it would download it."""
    import kjarni as library

    yield None
    opened = library.Embedder("minilm-l6-v2", cache_dir=model, quiet=True)
    yield opened.encode_batch


def openvino(model: str) -> Iterator[Encode | None]:
    """Its asynchronous queue, texts sorted and cut into micro-batches as ours are."""
    import numpy as np
    import openvino as ov
    from tokenizers import Tokenizer

    yield None
    tokenizer = _tokenizer(Tokenizer, model)
    compiled = ov.Core().compile_model(
        f"{model}/model.xml", "CPU", {"PERFORMANCE_HINT": "THROUGHPUT"}
    )
    names = [value.get_any_name() for value in compiled.inputs]

    def encode(texts: list[str]) -> Vectors:
        vectors = np.zeros((len(texts), 384), np.float32)

        def done(request: Any, asked: Any) -> None:
            indices, mask = asked
            hidden = request.get_tensor("last_hidden_state").data
            vectors[indices] = _pooled(hidden, mask)

        queue = ov.AsyncInferQueue(compiled)
        queue.set_callback(done)
        for indices, ids, mask in _sorted_batches(tokenizer, texts):
            every = {"input_ids": ids, "attention_mask": mask, "token_type_ids": ids * 0}
            queue.start_async({name: every[name] for name in names}, (indices, mask))
        queue.wait_all()
        return vectors

    yield encode


def ctranslate2(model: str) -> Iterator[Encode | None]:
    """One worker a core, texts sorted and cut into micro-batches as ours are."""
    import os

    import ctranslate2 as ct
    import numpy as np
    from tokenizers import Tokenizer

    yield None
    tokenizer = _tokenizer(Tokenizer, model)
    cores = len(os.sched_getaffinity(0))
    encoder = ct.Encoder(
        model, device="cpu", compute_type="int8", inter_threads=cores, intra_threads=1
    )

    def encode(texts: list[str]) -> Vectors:
        vectors = np.zeros((len(texts), 384), np.float32)
        started = [
            (indices, mask, encoder.forward_batch(_cut(ids, mask)))
            for indices, ids, mask in _sorted_batches(tokenizer, texts)
        ]
        for indices, mask, output in started:
            vectors[indices] = _pooled(np.array(output.last_hidden_state, np.float32), mask)
        return vectors

    yield encode


def _cut(ids: NDArray[np.int64], mask: NDArray[np.int64]) -> list[list[int]]:
    return [row[:length].tolist() for row, length in zip(ids, mask.sum(axis=1), strict=True)]


def _tokenizer(kind: Any, model: str) -> Any:
    tokenizer = kind.from_file(f"{model}/tokenizer.json")
    tokenizer.no_padding()
    tokenizer.enable_truncation(LIMIT)
    return tokenizer


def _pooled(hidden: Vectors, mask: NDArray[np.int64]) -> Vectors:
    import numpy as np

    pooled = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
    vectors: Vectors = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
    return vectors


def _sorted_batches(
    tokenizer: Any, texts: list[str]
) -> Iterator[tuple[list[int], NDArray[np.int64], NDArray[np.int64]]]:
    """Which texts, their tokens, their mask."""
    import numpy as np

    encoded = tokenizer.encode_batch(texts)
    for indices in micro_batches([len(each.ids) for each in encoded]):
        longest = len(encoded[indices[0]].ids)
        ids = np.zeros((len(indices), longest), np.int64)
        mask = np.zeros_like(ids)
        for row, index in enumerate(indices):
            ids[row, : len(encoded[index].ids)] = encoded[index].ids
            mask[row, : len(encoded[index].ids)] = 1
        yield indices, ids, mask


def micro_batches(lengths: list[int]) -> list[list[int]]:
    """Indices of texts, long ones first, at most `MICRO_BATCH_TOKENS` padded tokens together."""
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        last = batches[-1] if batches else []
        if last and (len(last) + 1) * lengths[last[0]] <= MICRO_BATCH_TOKENS:
            last.append(index)
        else:
            batches.append([index])
    return batches


OPTIMUMS_FILE: Final = {
    "file_name": "onnx/model_quantized.onnx",
    "provider": "CPUExecutionProvider",
}

ENGINES: Final[dict[str, Engine]] = {
    "edgebert_int8": _edgebert("int8"),
    "edgebert_int8_kept": _edgebert("int8", warm=True),
    "edgebert_int8_native": _edgebert("int8-native", native=True),
    "edgebert_int8_native_kept": _edgebert("int8-native", warm=True, native=True),
    "edgebert_fp32": _edgebert("fp32"),
    "edgebert_fp32_kept": _edgebert("fp32", warm=True),
    "bare_int8": _bare("model_quantized.onnx"),
    "bare_fp32": _bare("model_cpu.onnx"),
    "sentence_transformers": _sentence_transformers(),
    "sentence_transformers_bf16": _sentence_transformers(model_kwargs={"torch_dtype": "bfloat16"}),
    "sentence_transformers_onnx": _sentence_transformers(
        backend="onnx", model_kwargs=OPTIMUMS_FILE
    ),
    "fastembed": _fastembed(),
    "fastembed_32": _fastembed(batch_size=BATCH),
    "optimum": optimum,
    "openvino": openvino,
    "ctranslate2": ctranslate2,
    "kjarni": kjarni,
}
