"""How long an explanation takes: Shapley values of pairs of texts, and a page with all maps."""

import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import edgebert
from benchmarks.engines import our_folder
from benchmarks.records import Record, new_record
from benchmarks.texts import package_descriptions
from edgebert_runtime import load
from edgebert_runtime.bundle.manifest_values import ATTENTION
from edgebert_runtime.tasks.embed import Embedder

CASE: Final = "explain"
COMMAND: Final = "python -m benchmarks explain"
WORDS: Final = 30
"""Of each of the two texts whose similarity is explained."""

TEXTS: Final = 200
"""Whose pairs are looked through for one near each cosine."""

COSINES: Final = (0.75, 0.6, 0.45, 0.3, 0.14)
TOKENS: Final = 64
"""Of the text of the page, at least."""

VARIANTS: Final = ("int8", "int8-cpu")
"""What is asked for: the best int8 that there is, and that of ONNX Runtime's own operators."""


def measure(*, rounds: int) -> Record:
    """Explain similarities of MiniLM, and write a page of one text.

    Args:
        rounds: how often each.
    """
    record = new_record(CASE, "", COMMAND, rounds)
    with TemporaryDirectory(dir=our_folder().parent) as scratch:
        folder = Path(scratch) / "bundle"
        shutil.copytree(our_folder(), folder, copy_function=os.link)
        edgebert.add_attention(folder)
        for name in VARIANTS:
            record["rows"] += _variant_rows(folder, name, rounds)
    return record


def _variant_rows(folder: Path, name: str, rounds: int) -> list[dict[str, Any]]:
    texts = [text for text in _texts(TEXTS * 2) if len(text.split()) == WORDS][:TEXTS]
    with load(folder, name, task="embed") as model, load(folder, ATTENTION, task="embed") as maps:
        variant = model.info().variant
        rows = [
            {"what": "shapley", "variant": variant, **shapley(model, pair, rounds)}
            for pair in pairs_near(np.asarray(model.embed(texts)), texts)
        ]
        written = page(model, maps, folder.with_name("page.html"), rounds)
        return [*rows, {"what": "page", "variant": variant, **written}]


def _texts(count: int) -> list[str]:
    """Package descriptions, cut to so many words."""
    words = [text.split() for text in package_descriptions(count)]
    return [" ".join(each[:WORDS]) for each in words]


def pairs_near(vectors: NDArray[np.floating[Any]], texts: Sequence[str]) -> list[tuple[str, str]]:
    """For each of `COSINES` the two texts whose cosine is nearest to it.

    Args:
        vectors: of length 1, of each text; (texts, dimensions).
        texts: in the same order.
    """
    cosines = np.where(np.tri(len(texts), dtype=bool), np.inf, vectors @ vectors.T)
    places = [divmod(int(abs(cosines - each).argmin()), len(texts)) for each in COSINES]
    return [(texts[one], texts[other]) for one, other in places]


def shapley(model: Embedder, pair: tuple[str, str], rounds: int) -> dict[str, Any]:
    """Seconds to a standard error of 1 %, and seconds to embed as many texts."""
    seconds, beside = [], []
    for _ in range(rounds + 1):  # the first one meets shapes that the engine has not seen
        begun = time.perf_counter()
        found = model.explain(pair, method="shapley")
        seconds.append(time.perf_counter() - begun)
        texts = [pair[0]] * found.runs
        begun = time.perf_counter()
        model.embed(texts, progress=False)
        beside.append(time.perf_counter() - begun)
    return {
        "value": found.value,
        "runs": found.runs,
        "reached": found.attributions["shapley"].reached,
        "seconds": seconds[1:],
        "embed_seconds": beside[1:],
    }


def page(model: Embedder, maps: Embedder, path: Path, rounds: int) -> dict[str, Any]:
    """Seconds from open graphs to a page with occlusion and all maps of attention."""
    text, tokens = _text_of(model, TOKENS)
    pair, seconds = (text, "A parcel sent by the wrong courier."), []
    for _ in range(rounds + 1):
        begun = time.perf_counter()
        found = model.explain(pair, method="occlusion")
        shown = found.with_attention(maps.explain(pair, method="attention"))
        edgebert.explanation_page(shown, path, overwrite=True)
        seconds.append(time.perf_counter() - begun)
    return {
        "tokens": tokens,
        "runs": found.runs,
        "bytes": path.stat().st_size,
        "seconds": seconds[1:],
    }


def _text_of(model: Embedder, least: int) -> tuple[str, int]:
    """The beginning of a description that has at least so many tokens."""
    words = max(package_descriptions(TEXTS), key=len).split()
    for count in range(1, len(words) + 1):
        text = " ".join(words[:count])
        (row,) = model.encode([text])[0].rows
        if len(row.input_ids) >= least:
            return text, len(row.input_ids)
    raise ValueError(f"no description has {least} tokens")
