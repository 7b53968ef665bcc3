"""What each way to make MiniLM smaller loses, and what it gains: quality, size and speed.

Quality first: each text alone, on two kinds of text that nobody was calibrated on; the same texts
in mixed batches and padded, since what changes there depends on what is beside them; texts of a few
tokens, where one number counts most; and how often a package's short description finds its long one
among all of them. Then latency, in turn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, get_args

import numpy as np
from numpy.typing import NDArray

from benchmarks.artifacts import made
from benchmarks.cases.encoding import described, joined, time_job
from benchmarks.encoder_jobs import Feeds, write_feeds
from benchmarks.models import MODELS, Model, our_bundle
from benchmarks.pairing import in_turn
from benchmarks.records import Record, new_record
from benchmarks.systems import (
    ENCODERS,
    OURS,
    REFERENCE,
    Encoder,
    onnx_encoder,
    optimum_folder,
    our_graph_of,
)
from benchmarks.texts import (
    package_descriptions,
    package_pairs,
    package_titles,
    rated_sentences,
)
from edgebert_quantize import RECIPES
from edgebert_quantize.calibration.text_split import Feeder, default_text_split
from edgebert_quantize.recipes import LinearRecipe, RecipeName
from edgebert_quantize.rewrite.rewrite import Output, rewrite_graph
from edgebert_quantize.similarity import row_cosines
from edgebert_quantize.weights.grids import LARGEST
from edgebert_runtime import Bundle
from edgebert_runtime.engine.threads import usable_cores
from edgebert_runtime.tokenization.tokenizer import TextTokenizer

CASE: Final = "accuracy"
COMMAND: Final = "python -m benchmarks accuracy"
MODEL: Final = MODELS["minilm"]
TEXTS: Final = 1200
PAIRS: Final = 2000
BATCH: Final = 64
PADDED: Final = 256
EVERY: Final = 4
"""One in so many texts is padded, which takes longest."""

SIDES: Final = ("short", "long")
"""Of a pair."""

BRIEF: Final = 500
"""Texts of so few tokens as `BRIEF_TOKENS`, special ones among them."""

BRIEF_TOKENS: Final = range(3, 9)

STOCK, NATIVE = "edgebert int8", "edgebert int8 native"
"""Ways to run the same int8 graph, whose vectors are to be of use together."""

SHAPES: Final = ("1x32", "1x128", "8x128")
SECONDS: Final = 0.25

GPU_ONLY: Final = ("bf16",)
"""Recipes without kernels on the CPU."""

BARE: Final = replace(
    RECIPES["int8"],
    linears=LinearRecipe(schemes=("per_tensor_static",)),
    tables=False,
    name="static, bare",
)
"""What speed alone asks for: no smoothing, no outliers apart, nearest rounding, float tables."""

Floats = NDArray[np.float32]


def measure(
    *, rounds: int, texts: int = TEXTS, pairs: int = PAIRS, only: Sequence[str] = ()
) -> Record:
    """Quality of each system, then their speed in turn.

    Args:
        texts: whose vectors are compared, half of them short.
        pairs: whose retrieval is measured.
    """
    record = new_record(CASE, "", COMMAND, rounds) | {"texts": texts, "pairs": pairs}
    known = {each.name: each for each in systems()}
    chosen = {name: each for name, each in known.items() if not only or name in only}
    with TemporaryDirectory() as folder:
        inputs = Inputs(Path(folder), texts, pairs)
        expected = inputs.vectors(REFERENCE, "alone", "brief", *SIDES)
        record["reference_recall"] = recall(*(expected[side] for side in SIDES))
        beside = inputs.vectors(known[STOCK], *SIDES) if NATIVE in chosen else {}
        judged = partial(_quality, inputs, expected, beside)
        qualities = in_turn({name: partial(judged, each) for name, each in chosen.items()}, 1)
    threads, job = usable_cores(), time_job(MODEL, SHAPES, SECONDS)
    speeds = in_turn(
        {name: partial(each.do, MODEL, threads, "time", **job) for name, each in chosen.items()},
        rounds,
    )
    for name, each in chosen.items():
        quality, speed = qualities[name], speeds[name]
        failure = quality.failure or speed.failure
        found = {"failure": failure} if failure else joined(speed.results)
        row = {**described(each), "threads": threads, **dict(*quality.results), **found}
        record["rows"].append(row)
    return record


def systems() -> list[Encoder]:
    """Everybody of the latency case, our other recipes, and others' other presets."""
    known = [each for each in ENCODERS if (each.maker, each.precision) != ("optimum", "fp32")]
    recipes = [name for name in get_args(RecipeName) if name != "int8" and name not in GPU_ONLY]
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
    ]


def _bare(model: Model) -> Path:
    """The graph that speed alone asks for, made from the same fp32."""
    bundle = our_bundle(model)

    def write(folder: Path) -> None:
        source = bundle.path_of(bundle.manifest.variants["cpu"].file)
        feeder = Feeder.of(bundle)
        calibration = partial(feeder.calibration, default_text_split())
        rewrite_graph(source, [Output(folder / "model.onnx")], BARE, calibration, LARGEST)

    return made(f"{bundle.folder.name}-bare", write) / "model.onnx"


class Inputs:
    """The same texts as tokens for everybody, in every way they are run.

    `alone`, `batch` (mixed lengths), `padded` (one in `EVERY`), `brief`, and `SIDES` of pairs.

    Args:
        folder: where they are written.
        texts: how many to compare vectors of, half of them short.
        pairs: how many short and long ones that belong together.
    """

    def __init__(self, folder: Path, texts: int, pairs: int) -> None:
        bundle, self._folder = our_bundle(MODEL), folder
        every = [*rated_sentences(texts // 2), *package_descriptions(texts - texts // 2)]
        sides = zip(SIDES, zip(*package_pairs(pairs), strict=True), strict=True)
        feeds = {
            "alone": encoded(bundle, every),
            "batch": encoded(bundle, every, batch=BATCH),
            "padded": encoded(bundle, every[::EVERY], batch=BATCH // 8, length=PADDED),
            "brief": encoded(bundle, brief(bundle, package_titles(), BRIEF)),
            **{side: encoded(bundle, found) for side, found in sides},
        }
        self._paths = {name: folder / f"{name}.npz" for name in feeds}
        for name, path in self._paths.items():
            write_feeds(path, feeds[name])

    def vectors(self, each: Encoder, *ways: str) -> dict[str, Floats]:
        """Mean-pooled vectors of length 1, by the way they were run; no names are all.

        Shapes: (texts or pairs, dimensions).

        Raises:
            PeerError: the system failed.
        """
        chosen = {name: str(path) for name, path in self._paths.items() if name in ways or not ways}
        each.do(MODEL, usable_cores(), "vectors", feeds=chosen, out=str(self._folder))
        return {name: np.load(self._folder / f"{name}.npy") for name in chosen}


def _quality(
    inputs: Inputs, expected: Mapping[str, Floats], beside: Mapping[str, Floats], each: Encoder
) -> dict[str, Any]:
    found = inputs.vectors(each)
    alone = found["alone"]
    together = {"recall_together": recall_together(found, beside)} if each.name == NATIVE else {}
    return {
        "size_bytes": each.size_bytes(MODEL),
        **distances(alone, expected["alone"]),
        "brief": float(row_cosines(found["brief"], expected["brief"]).min()),
        "batch": largest_change(alone, found["batch"]),
        "padded": largest_change(alone[::EVERY], found["padded"]),
        "recall": recall(*(found[side] for side in SIDES)),
        **together,
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


def brief(bundle: Bundle, texts: Sequence[str], count: int) -> list[str]:
    """The first texts that have as few tokens as `BRIEF_TOKENS`."""
    info = bundle.manifest.tokenizer
    tokens = TextTokenizer(bundle.path_of(info.file), info).encode(texts)
    pairs = zip(texts, tokens, strict=True)
    return [text for text, found in pairs if len(found.input_ids) in BRIEF_TOKENS][:count]


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


def recall_together(one: Mapping[str, Floats], other: Mapping[str, Floats]) -> list[float]:
    """Recall with the queries of one and the index of the other, and the other way round.

    Args:
        one, other: vectors of both `SIDES` of pairs.
    """
    short, long = SIDES
    return [recall(one[short], other[long]), recall(other[short], one[long])]


def largest_change(vectors: Floats, others: Floats) -> float:
    """Of an element. Shapes: both the same."""
    return float(np.abs(vectors - others).max())


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
