"""How far int8 vectors are from fp32's: `python -m benchmarks.int8_accuracy`.

MiniLM's real weights; each text alone, on two kinds of text that no contender was calibrated on.
Then the same texts in mixed batches: what changes there depends on the texts beside it.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import edgebert
from benchmarks.encoder_latency import optimum_graphs, our_bundle
from benchmarks.machine import describe
from benchmarks.texts import package_descriptions, rated_sentences
from edgebert_quantize.nearness import row_cosines
from edgebert_runtime import Bundle
from edgebert_runtime.session import Session
from edgebert_runtime.tokenization import TextTokenizer
from examples.minilm import minilm_folder

HERE: Final = Path(__file__).resolve().parent
RESULTS: Final = HERE / "results" / "int8_accuracy.jsonl"
EACH: Final = 600
BATCH: Final = 64


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    machine = describe()
    bundle = Bundle.open(our_bundle(minilm_folder(), "minilm"))
    if "int8-dynamic" not in bundle.manifest.variants:
        bundle = edgebert.quantize(bundle, recipe="int8-dynamic")
    texts = [*rated_sentences(EACH), *package_descriptions(EACH)]
    variants = bundle.manifest.variants
    contenders = {
        "int8": bundle.path_of(variants["int8"].file),
        "int8-dynamic": bundle.path_of(variants["int8-dynamic"].file),
        "optimum avx512_vnni": optimum_graphs(minilm_folder(), "minilm") / "model_quantized.onnx",
    }
    reference = vectors(bundle, bundle.path_of(variants["cpu"].file), texts, 1)
    rows = []
    for name, file in contenders.items():
        alone, together = (vectors(bundle, file, texts, size) for size in (1, BATCH))
        rows.append({"name": name, **distances(alone, together, reference)})
        print(json.dumps(rows[-1]))
    record = {"benchmark": "int8_accuracy", "machine": machine, "texts": len(texts), "rows": rows}
    with RESULTS.open("a", encoding="utf-8") as file_:
        file_.write(json.dumps(record) + "\n")


def vectors(bundle: Bundle, graph: Path, texts: Sequence[str], batch: int) -> NDArray[np.float32]:
    """Mean-pooled vectors of length 1, `batch` texts at a time in the order given.

    Pooled here from the tokens, the same for every contender: a peer's graph does not pool.
    """
    info = bundle.manifest.tokenizer
    tokenizer = TextTokenizer(bundle.path_of(info.file), info)
    session = Session(graph, provider="cpu")
    encoded = tokenizer.encode(texts)
    found: list[NDArray[np.float32]] = []
    for start in range(0, len(encoded), batch):
        feeds = tokenizer.pad(encoded[start : start + batch])
        hidden = session.run(["last_hidden_state"], {name: feeds[name] for name in session.inputs})
        kept = feeds["attention_mask"][:, :, np.newaxis].astype(np.float32)
        pooled = (hidden[0] * kept).sum(axis=1) / kept.sum(axis=1)
        found.append(pooled / np.linalg.norm(pooled, axis=1, keepdims=True))
    return np.concatenate(found)


def distances(
    alone: NDArray[np.float32], together: NDArray[np.float32], reference: NDArray[np.float32]
) -> dict[str, Any]:
    """How far vectors of length 1 are from fp32's, and from themselves in a batch.

    Shapes: all (texts, dimensions).
    """
    cosines = row_cosines(alone, reference)
    return {
        "mean": float(cosines.mean()),
        "first_percentile": float(np.quantile(cosines, 0.01)),
        "worst": float(cosines.min()),
        "pair": float(np.abs(alone @ alone.T - reference @ reference.T).max()),
        "batch": float(np.abs(alone - together).max()),
    }


if __name__ == "__main__":
    main()
