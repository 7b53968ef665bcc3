"""What each way to make MiniLM smaller loses, and what it gains: quality, size and speed.

Quality first: each text alone, on two kinds of text that nobody was calibrated on; the same texts
in mixed batches and padded, since what changes there depends on what is beside them; and how often
a package's short description finds its long one among all of them. Then latency, in turn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.artifacts import made
from benchmarks.cases.encoding import described, joined, time_job
from benchmarks.contenders import (
    ENCODERS,
    OURS,
    REFERENCE,
    Encoder,
    nncf_graph,
    onnx_encoder,
    openvino_encoder,
    optimum_folder,
    our_graph_of,
)
from benchmarks.models import MODELS, Model, our_bundle
from benchmarks.pairing import in_turn
from benchmarks.records import Record, new_record
from benchmarks.texts import package_descriptions, package_pairs, rated_sentences
from benchmarks.worker import Feeds, write_feeds
from edgebert_quantize import RECIPES
from edgebert_quantize.nearness import row_cosines
from edgebert_quantize.recipes import LinearRecipe
from edgebert_quantize.rewriting import rewrite_graph
from edgebert_quantize.samples import Feeder, default_samples
from edgebert_quantize.weights import LARGEST
from edgebert_runtime import Bundle
from edgebert_runtime.threads import usable_cores
from edgebert_runtime.tokenization import TextTokenizer

CASE: Final = "accuracy"
COMMAND: Final = "python -m benchmarks accuracy"
MODEL: Final = MODELS["minilm"]
TEXTS: Final = 1200
PAIRS: Final = 2000
BATCH: Final = 64
PADDED: Final = 256
SHAPES: Final = ("1x32", "1x128", "8x128")
SECONDS: Final = 0.25

GPU_ONLY: Final = ("bf16",)
"""Recipes without kernels on the CPU."""

BARE: Final = replace(
    RECIPES["int8"], linears=LinearRecipe(schemes=("static",)), tables=False, name="static, bare"
)
"""What speed alone asks for: no smoothing, no outliers apart, nearest rounding, float tables."""

Floats = NDArray[np.float32]
Pairs = Sequence[tuple[str, str]]


def measure(
    *, rounds: int, texts: int = TEXTS, pairs: int = PAIRS, only: Sequence[str] = ()
) -> Record:
    """Quality of each contender, then their speed in turn.

    Args:
        rounds: how often each has its turn.
        texts: whose vectors are compared, half of them short.
        pairs: whose retrieval is measured.
        only: names of contenders; none is all.
    """
    record = new_record(CASE, "", COMMAND, rounds) | {"texts": texts, "pairs": pairs}
    chosen = {each.name: each for each in contenders() if not only or each.name in only}
    inputs = Inputs.of(texts, pairs)
    expected = inputs.vectors(REFERENCE)
    record["reference_recall"] = recall(*inputs.sides(REFERENCE))
    threads, job = usable_cores(), time_job(MODEL, SHAPES, SECONDS)
    qualities = in_turn(
        {name: partial(_quality, each, inputs, expected["alone"]) for name, each in chosen.items()},
        1,
    )
    speeds = in_turn(
        {name: partial(each.do, MODEL, threads, "time", **job) for name, each in chosen.items()},
        rounds,
    )
    for name, each in chosen.items():
        quality, speed = qualities[name], speeds[name]
        failure = quality.failure or speed.failure
        found = {"failure": failure} if failure else joined(speed.results, SHAPES)
        row = {**described(each), "threads": threads, **dict(*quality.results), **found}
        record["rows"].append(row)
    return record


def contenders() -> list[Encoder]:
    """Everybody of the latency case, our other recipes, and others' other presets."""
    known = [each for each in ENCODERS if (each.maker, each.precision) != ("optimum", "fp32")]
    recipes = [name for name in RECIPES if name != "int8" and name not in GPU_ONLY]
    return [
        *known,
        *(onnx_encoder(f"edgebert {name}", OURS, "int8", our_graph_of(name)) for name in recipes),
        onnx_encoder("edgebert static, bare", OURS, "int8", _bare, "what speed alone asks for"),
        onnx_encoder(
            "optimum int8, per channel",
            "optimum",
            "int8",
            lambda model: optimum_folder(model) / "model_per_channel.onnx",
            "avx512_vnni preset, per channel",
        ),
        onnx_encoder(
            "optimum int8, avx2",
            "optimum",
            "int8",
            lambda model: optimum_folder(model) / "model_avx2.onnx",
            "avx2 preset",
        ),
        openvino_encoder(
            "OpenVINO int8, f32",
            "int8",
            nncf_graph,
            "NNCF, latency hint, f32",
            hint="LATENCY",
            inference_precision="f32",
        ),
    ]


def _bare(model: Model) -> Path:
    """The graph that speed alone asks for, made from the same fp32."""
    bundle = our_bundle(model)

    def write(folder: Path) -> None:
        source = bundle.path_of(bundle.manifest.variants["cpu"].file)
        feeder = Feeder.of(bundle)
        calibration = partial(feeder.calibration, default_samples())
        rewrite_graph(source, folder / "model.onnx", BARE, calibration, LARGEST)

    return made(f"{bundle.folder.name}-bare", write) / "model.onnx"


class Inputs:
    """The same texts as tokens for everybody, in every way they are run.

    Args:
        bundle: whose tokenizer makes them.
        texts: to compare vectors of.
        pairs: short and long ones that belong together.
    """

    def __init__(self, bundle: Bundle, texts: Sequence[str], pairs: Pairs) -> None:
        self._ways = {
            "alone": encoded(bundle, texts),
            "batch": encoded(bundle, texts, batch=BATCH),
            "padded": encoded(bundle, texts, batch=BATCH // 8, length=PADDED),
        }
        self._sides = [encoded(bundle, side) for side in zip(*pairs, strict=True)]

    @staticmethod
    def of(texts: int, pairs: int) -> "Inputs":
        """Of so many real texts and pairs."""
        every = [*rated_sentences(texts // 2), *package_descriptions(texts - texts // 2)]
        return Inputs(our_bundle(MODEL), every, package_pairs(pairs))

    def vectors(self, each: Encoder) -> dict[str, Floats]:
        """Of a contender, in every way. Shapes: (texts, dimensions)."""
        return {name: vectors_of(each, feeds) for name, feeds in self._ways.items()}

    def sides(self, each: Encoder) -> list[Floats]:
        """Of the short texts and of the long ones. Shapes: (pairs, dimensions)."""
        return [vectors_of(each, feeds) for feeds in self._sides]


def vectors_of(each: Encoder, feeds: Sequence[Feeds]) -> Floats:
    """Mean-pooled vectors of length 1.

    Raises:
        PeerError: the contender failed.
    """
    with TemporaryDirectory() as folder:
        path, out = Path(folder) / "feeds.npz", Path(folder) / "vectors.npy"
        write_feeds(path, list(feeds))
        each.do(MODEL, usable_cores(), "vectors", feeds=str(path), out=str(out))
        vectors: Floats = np.load(out)
    return vectors


def _quality(each: Encoder, inputs: Inputs, expected: Floats) -> dict[str, Any]:
    ways = inputs.vectors(each)
    alone = ways.pop("alone")
    return {
        "size_bytes": each.size_bytes(MODEL),
        **distances(alone, expected),
        **changes(alone, ways),
        "recall": recall(*inputs.sides(each)),
    }


def encoded(
    bundle: Bundle, texts: Sequence[str], *, batch: int = 1, length: int = 0
) -> list[Feeds]:
    """Inputs of `batch` texts at a time in the order given.

    Padded to the longest of a batch, and to `length` tokens at least.
    """
    info = bundle.manifest.tokenizer
    tokenizer = TextTokenizer(bundle.path_of(info.file), info)
    every = tokenizer.encode(texts)
    return [
        _complete(_wide(tokenizer.pad(every[start : start + batch]), length, info.pad_id))
        for start in range(0, len(every), batch)
    ]


def _complete(feeds: Feeds) -> Feeds:
    """Others' graphs want every input, also what is nothing but zeros."""
    return {"token_type_ids": np.zeros_like(feeds["input_ids"]), **feeds}


def _wide(feeds: Feeds, length: int, pad_id: int) -> Feeds:
    """Inputs with as much padding as makes them `length` tokens long."""
    missing = max(0, length - feeds["input_ids"].shape[1])
    fill = {"input_ids": pad_id}
    return {
        name: np.pad(array, ((0, 0), (0, missing)), constant_values=fill.get(name, 0))
        for name, array in feeds.items()
    }


def recall(shorts: Floats, longs: Floats) -> float:
    """Share of short texts whose nearest long one is their own (recall@1)."""
    nearest = (shorts @ longs.T).argmax(axis=1)
    return float((nearest == np.arange(len(shorts))).mean())


def changes(alone: Floats, moved: Mapping[str, Floats]) -> dict[str, float]:
    """The largest change of an element when texts are run in other ways. Shapes: all the same."""
    return {name: float(np.abs(alone - other).max()) for name, other in moved.items()}


def distances(alone: Floats, reference: Floats) -> dict[str, float]:
    """How far vectors of length 1 are from the reference's.

    Shapes: all (texts, dimensions).
    """
    cosines = row_cosines(alone, reference)
    return {
        "mean": float(cosines.mean()),
        "first_percentile": float(np.quantile(cosines, 0.01)),
        "worst": float(cosines.min()),
        "pair": float(np.abs(alone @ alone.T - reference @ reference.T).max()),
    }
