"""How far int8 vectors are from fp32's: `python -m benchmarks.int8_accuracy`.

MiniLM's real weights; each text alone, on two kinds of text that no contender was calibrated on.
Then the same texts in mixed batches and padded: what changes there depends on what is beside them.
And how often a package's short description finds its long one among all of them.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

import edgebert
from benchmarks.encoder_latency import optimum_graphs, our_bundle
from benchmarks.machine import describe
from benchmarks.texts import package_descriptions, package_pairs, rated_sentences
from edgebert_quantize import RECIPES
from edgebert_quantize.nearness import row_cosines
from edgebert_runtime import Bundle
from edgebert_runtime.session import Session
from edgebert_runtime.tokenization import TextTokenizer
from examples.minilm import minilm_folder

HERE: Final = Path(__file__).resolve().parent
RESULTS: Final = HERE / "results" / "int8_accuracy.jsonl"
EACH: Final = 600
BATCH: Final = 64
PADDED: Final = 256
PAIRS: Final = 2000


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    machine = describe()
    bundle = Bundle.open(our_bundle(minilm_folder(), "minilm"))
    for recipe in RECIPES.keys() - bundle.manifest.variants.keys():
        bundle = edgebert.quantize(bundle, recipe=recipe)
    texts = [*rated_sentences(EACH), *package_descriptions(EACH)]
    variants = bundle.manifest.variants
    contenders = {
        **{recipe: bundle.path_of(variants[recipe].file) for recipe in RECIPES},
        "optimum avx512_vnni": optimum_graphs(minilm_folder(), "minilm") / "model_quantized.onnx",
    }
    exact = bundle.path_of(variants["cpu"].file)
    reference = vectors(bundle, exact, texts)
    pairs = package_pairs(PAIRS)
    rows = []
    for name, file in contenders.items():
        alone = vectors(bundle, file, texts)
        moved = {
            "batch": vectors(bundle, file, texts, batch=BATCH),
            "padded": vectors(bundle, file, texts, length=PADDED),
        }
        rows.append({"name": name, **distances(alone, reference), **changes(alone, moved)})
        rows[-1]["recall"] = recall(bundle, file, pairs)
        print(json.dumps(rows[-1]))
    record = {
        "benchmark": "int8_accuracy",
        "machine": machine,
        "texts": len(texts),
        "pairs": PAIRS,
        "fp32_recall": recall(bundle, exact, pairs),
        "rows": rows,
    }
    with RESULTS.open("a", encoding="utf-8") as file_:
        file_.write(json.dumps(record) + "\n")


def vectors(
    bundle: Bundle, graph: Path, texts: Sequence[str], *, batch: int = 1, length: int = 0
) -> NDArray[np.float32]:
    """Mean-pooled vectors of length 1, `batch` texts at a time in the order given.

    Padded to the longest of a batch, and to `length` tokens at least.

    Pooled here from the tokens, the same for every contender: a peer's graph does not pool.
    """
    info = bundle.manifest.tokenizer
    tokenizer = TextTokenizer(bundle.path_of(info.file), info)
    session = Session(graph, provider="cpu")
    encoded = tokenizer.encode(texts)
    found: list[NDArray[np.float32]] = []
    for start in range(0, len(encoded), batch):
        feeds = _wide(tokenizer.pad(encoded[start : start + batch]), length, info.pad_id)
        hidden = session.run(["last_hidden_state"], {name: feeds[name] for name in session.inputs})
        kept = feeds["attention_mask"][:, :, np.newaxis].astype(np.float32)
        pooled = (hidden[0] * kept).sum(axis=1) / kept.sum(axis=1)
        found.append(pooled / np.linalg.norm(pooled, axis=1, keepdims=True))
    return np.concatenate(found)


def recall(bundle: Bundle, graph: Path, pairs: Sequence[tuple[str, str]]) -> float:
    """Share of short texts whose nearest long one is their own (recall@1)."""
    shorts, longs = (vectors(bundle, graph, side) for side in zip(*pairs, strict=True))
    nearest = (shorts @ longs.T).argmax(axis=1)
    return float((nearest == np.arange(len(pairs))).mean())


def changes(
    alone: NDArray[np.float32], moved: Mapping[str, NDArray[np.float32]]
) -> dict[str, float]:
    """The largest change of an element when texts are run in other ways. Shapes: all the same."""
    return {name: float(np.abs(alone - other).max()) for name, other in moved.items()}


def _wide(
    feeds: Mapping[str, NDArray[np.int64]], length: int, pad_id: int
) -> dict[str, NDArray[np.int64]]:
    """Inputs with as much padding as makes them `length` tokens long."""
    missing = max(0, length - feeds["input_ids"].shape[1])
    fill = {"input_ids": pad_id}
    return {
        name: np.pad(array, ((0, 0), (0, missing)), constant_values=fill.get(name, 0))
        for name, array in feeds.items()
    }


def distances(alone: NDArray[np.float32], reference: NDArray[np.float32]) -> dict[str, float]:
    """How far vectors of length 1 are from fp32's.

    Shapes: all (texts, dimensions).
    """
    cosines = row_cosines(alone, reference)
    return {
        "mean": float(cosines.mean()),
        "first_percentile": float(np.quantile(cosines, 0.01)),
        "worst": float(cosines.min()),
        "pair": float(np.abs(alone @ alone.T - reference @ reference.T).max()),
    }


if __name__ == "__main__":
    main()
