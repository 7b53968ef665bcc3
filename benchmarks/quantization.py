"""Every way to make MiniLM smaller, side by side: `python -m benchmarks.quantization`.

Real weights; fp32, our recipes, optimum's presets, and NNCF with OpenVINO, each in its own
environment, in one run. Quality first: each text alone, on two kinds of text that nobody was
calibrated on; the same texts in mixed batches and padded, since what changes there depends on what
is beside them; and how often a package's short description finds its long one among all of them.
Then latency, in turn, each in a process of its own.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import edgebert
from benchmarks.encoder_latency import optimum_graphs, our_bundle
from benchmarks.environments import interpreter
from benchmarks.machine import describe
from benchmarks.pairing import in_turn, output_of, ratio, rounds_of
from benchmarks.texts import package_descriptions, package_pairs, rated_sentences
from edgebert_quantize import RECIPES, default_texts
from edgebert_quantize.nearness import row_cosines
from edgebert_quantize.recipes import LinearRecipe
from edgebert_quantize.rewriting import rewrite_graph
from edgebert_quantize.samples import Feeder, default_samples
from edgebert_quantize.weights import LARGEST
from edgebert_runtime import Bundle
from edgebert_runtime.session import Session
from edgebert_runtime.threads import usable_cores
from edgebert_runtime.tokenization import TextTokenizer
from examples.minilm import CACHE, minilm_folder

HERE: Final = Path(__file__).resolve().parent
RESULTS: Final = HERE / "results" / "quantization.jsonl"
EACH: Final = 600
BATCH: Final = 64
PADDED: Final = 256
PAIRS: Final = 2000
NNCF_TEXTS: Final = 300
"""NNCF's own default for how many it calibrates on."""

SHAPES: Final = "1x32,1x128,8x128"
FLOOR: Final = 0.8
"""Cosine of all token vectors to fp32's on random ids that is needed to be timed at all."""

GPU_ONLY: Final = ("bf16",)
"""Recipes without kernels on the CPU."""

BARE: Final = replace(
    RECIPES["int8"], linears=LinearRecipe(schemes=("static",)), tables=False, name="static, bare"
)
"""What speed alone asks for: no smoothing, no outliers apart, nearest rounding, float tables."""

PRESETS: Final = {
    "avx512_vnni": "model_quantized.onnx",
    "avx512_vnni, per channel": "model_per_channel.onnx",
    "avx2": "model_avx2.onnx",
}

Feeds = Mapping[str, NDArray[np.int64]]
Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One file and what runs it.

    Attributes:
        maker: whose it is.
        name: which of theirs.
        files: what it takes on disk; the first is what is opened.
        hidden: gives `last_hidden_state` of each input.
        timer: the command that times it, but for threads, shapes, reference and floor.
    """

    maker: str
    name: str
    files: Sequence[Path]
    hidden: Callable[[Sequence[Feeds]], list[Floats]]
    timer: Sequence[str]

    def time(self, reference: str) -> dict[str, list[int]]:
        """Nanoseconds by shape, in a process of its own."""
        arguments = [str(usable_cores()), SHAPES, reference, str(FLOOR)]
        found: dict[str, list[int]] = json.loads(output_of([*self.timer, *arguments]))
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=rounds_of, default=7)
    rounds = parser.parse_args().rounds
    machine = describe()
    bundle = _every_recipe(Bundle.open(our_bundle(minilm_folder(), "minilm")))
    contenders = [*_ours(bundle), *_optimums(), *_openvinos(bundle)]
    texts = [*rated_sentences(EACH), *package_descriptions(EACH)]
    pairs = package_pairs(PAIRS)
    fp32 = contenders[0]
    expected = vectors(bundle, fp32.hidden, texts)
    rows = []
    for contender in contenders:
        rows.append(_quality(bundle, contender, texts, pairs, expected))
        print(json.dumps(rows[-1]))
    reference = str(CACHE / "benchmarks" / "quantization-reference")
    fp32.time(f"write:{reference}")
    timed = in_turn(
        {each.maker + each.name: partial(each.time, reference) for each in contenders}, rounds
    )
    for row, contender in zip(rows, contenders, strict=True):
        own, exact = timed[contender.maker + contender.name], timed[fp32.maker + fp32.name]
        row["speed"] = {shape: _speed(own, exact, shape) for shape in SHAPES.split(",")}
    record = {
        "benchmark": "quantization",
        "machine": machine,
        "texts": len(texts),
        "pairs": PAIRS,
        "rounds": rounds,
        "rows": rows,
    }
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def _every_recipe(bundle: Bundle) -> Bundle:
    for recipe in RECIPES:
        if recipe not in bundle.manifest.variants and recipe not in GPU_ONLY:
            bundle = edgebert.quantize(bundle, recipe=recipe)
    return bundle


def _ours(bundle: Bundle) -> list[Contender]:
    """fp32 first."""
    variants = bundle.manifest.variants
    names = {"fp32": "cpu"} | {name: name for name in RECIPES if name in variants}
    return [
        *(
            _onnxruntime("edgebert", name, [bundle.path_of(file) for file in variants[key].files])
            for name, key in names.items()
        ),
        _onnxruntime("edgebert", BARE.name, [_bare(bundle)]),
    ]


def _bare(bundle: Bundle) -> Path:
    """The graph that speed alone asks for, made from the same fp32."""
    made = bundle.folder.with_name(f"{bundle.folder.name}-bare.onnx")
    if not made.exists():
        source = bundle.path_of(bundle.manifest.variants["cpu"].file)
        draft = made.with_suffix(".partial")
        feeder = Feeder.of(bundle)
        rewrite_graph(source, draft, BARE, lambda: feeder.calibration(default_samples()), LARGEST)
        draft.rename(made)
    return made


def _optimums() -> list[Contender]:
    folder = optimum_graphs(minilm_folder(), "minilm")
    return [_onnxruntime("optimum", name, [folder / file]) for name, file in PRESETS.items()]


def _onnxruntime(maker: str, name: str, files: Sequence[Path]) -> Contender:
    timer = [sys.executable, str(HERE / "worker.py"), str(files[0])]
    return Contender(
        maker=maker, name=name, files=files, hidden=partial(_session_hidden, files[0]), timer=timer
    )


def _session_hidden(graph: Path, every: Sequence[Feeds]) -> list[Floats]:
    session = Session(graph, provider="cpu")
    return [
        session.run(["last_hidden_state"], {name: feeds[name] for name in session.inputs})[0]
        for feeds in every
    ]


def _openvinos(bundle: Bundle) -> list[Contender]:
    """NNCF's int8 of optimum's export, in the precision OpenVINO chooses and in float32."""
    made, command = nncf_graph(bundle), _openvino_command()
    files = [made, made.with_suffix(".bin")]
    return [
        Contender(
            maker="NNCF + OpenVINO",
            name=name,
            files=files,
            hidden=partial(_openvino_hidden, [*command, "vectors", str(made), precision]),
            timer=[*command, "time", str(made), precision],
        )
        for name, precision in (("int8", "default"), ("int8, f32 hint", "f32"))
    ]


def nncf_graph(bundle: Bundle) -> Path:
    """NNCF's int8 of optimum's export of MiniLM, calibrated on texts as our tokenizer has them."""
    source = optimum_graphs(minilm_folder(), "minilm") / "model.onnx"
    environment = interpreter("openvino").parents[1].name
    made = CACHE / "benchmarks" / f"minilm-nncf-{environment}" / "model.xml"
    if not made.exists():
        made.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            feeds = Path(folder) / "feeds.npz"
            _write_feeds(feeds, encoded(bundle, default_texts(NNCF_TEXTS)))
            output_of([*_openvino_command(), "quantize", str(source), str(feeds), str(made)])
    return made


def _openvino_command() -> list[str]:
    return [str(interpreter("openvino")), str(HERE / "peers" / "openvino_graph.py")]


def _openvino_hidden(command: Sequence[str], every: Sequence[Feeds]) -> list[Floats]:
    with tempfile.TemporaryDirectory() as folder:
        feeds, out = Path(folder) / "feeds.npz", Path(folder) / "out.npz"
        _write_feeds(feeds, every)
        output_of([*command, str(feeds), str(out)])
        with np.load(out) as arrays:
            return [arrays[str(number)] for number in range(len(every))]


def _write_feeds(path: Path, every: Sequence[Feeds]) -> None:
    arrays: dict[str, Any] = {
        f"{number}.{name}": array
        for number, feeds in enumerate(every)
        for name, array in feeds.items()
    }
    np.savez(path, **arrays)


def _quality(
    bundle: Bundle,
    contender: Contender,
    texts: Sequence[str],
    pairs: Sequence[tuple[str, str]],
    expected: Floats,
) -> dict[str, Any]:
    alone = vectors(bundle, contender.hidden, texts)
    moved = {
        "batch": vectors(bundle, contender.hidden, texts, batch=BATCH),
        "padded": vectors(bundle, contender.hidden, texts, length=PADDED),
    }
    return {
        "maker": contender.maker,
        "name": contender.name,
        "size_bytes": sum(file.stat().st_size for file in contender.files),
        **distances(alone, expected),
        **changes(alone, moved),
        "recall": recall(bundle, contender.hidden, pairs),
    }


def _speed(
    own: Sequence[Mapping[str, list[int]]], exact: Sequence[Mapping[str, list[int]]], shape: str
) -> dict[str, Any]:
    """A contender's medians, one a round, and its time over fp32's."""
    mine, theirs = ([median(each[shape]) / 1e6 for each in rounds] for rounds in (own, exact))
    compared = ratio(mine, theirs)
    return {"ms": mine, "ratio": [compared.low, compared.median, compared.high]}


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
        _wide(tokenizer.pad(every[start : start + batch]), length, info.pad_id)
        for start in range(0, len(every), batch)
    ]


def vectors(
    bundle: Bundle,
    hidden: Callable[[Sequence[Feeds]], list[Floats]],
    texts: Sequence[str],
    *,
    batch: int = 1,
    length: int = 0,
) -> Floats:
    """Mean-pooled vectors of length 1.

    Pooled here from the tokens, the same for every contender: a peer's graph does not pool.
    """
    every = encoded(bundle, texts, batch=batch, length=length)
    found: list[Floats] = []
    for feeds, tokens in zip(every, hidden(every), strict=True):
        kept = feeds["attention_mask"][:, :, np.newaxis].astype(np.float32)
        pooled = (tokens * kept).sum(axis=1) / kept.sum(axis=1)
        found.append(pooled / np.linalg.norm(pooled, axis=1, keepdims=True))
    return np.concatenate(found)


def recall(
    bundle: Bundle,
    hidden: Callable[[Sequence[Feeds]], list[Floats]],
    pairs: Sequence[tuple[str, str]],
) -> float:
    """Share of short texts whose nearest long one is their own (recall@1)."""
    shorts, longs = (vectors(bundle, hidden, side) for side in zip(*pairs, strict=True))
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
