"""Texts of mixed length in, vectors out, beside everybody else: `python -m benchmarks.throughput`.

1,500 real texts in the order they come. Each contender has its own process and environment, takes
its turn, uses every core, and is checked against our fp32 vectors before its time counts.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np

from benchmarks.encoder_latency import optimum_graphs, our_bundle
from benchmarks.environments import interpreter
from benchmarks.machine import describe
from benchmarks.pairing import in_turn, output_of, ratio, rounds_of
from benchmarks.peers.texts_to_vectors import KEPT
from benchmarks.quantization import nncf_graph
from benchmarks.texts import mixed_texts
from edgebert_runtime import Bundle
from edgebert_runtime.warming import warm
from examples.minilm import minilm_folder

HERE: Final = Path(__file__).resolve().parent
RESULTS: Final = HERE / "results" / "throughput.jsonl"
SCRIPT: Final = HERE / "peers" / "texts_to_vectors.py"
TEXTS: Final = 1500
OURS: Final = ("edgebert_int8", "edgebert_fp32")


@dataclass(frozen=True, kw_only=True)
class Contender:
    """An engine, the environment it lives in (None is ours), its model and its floor.

    Attributes:
        floor: mean cosine to our fp32 vectors; int8 files of others are far from it.
    """

    engine: str
    environment: str | None
    model: Path
    floor: float

    def run(self, texts: Path, reference: np.ndarray | None) -> float:
        """Seconds for all texts, once the vectors were found to be right."""
        python = sys.executable if self.environment is None else interpreter(self.environment)
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "vectors.npy"
            command = [str(python), str(SCRIPT), self.engine, str(self.model), str(texts), str(out)]
            seconds = float(output_of(command).splitlines()[-1])
            if reference is not None:
                check(self, np.load(out), reference)
        return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=rounds_of, default=5)
    options = parser.parse_args()
    machine = describe()
    bundle = our_bundle(minilm_folder(), "minilm")
    with tempfile.TemporaryDirectory() as folder:
        texts = Path(folder) / "texts.json"
        texts.write_text(json.dumps(mixed_texts(TEXTS)), encoding="utf-8")
        contenders = _contenders(bundle, Path(folder))
        reference = _reference(contenders["edgebert_fp32"], texts, Path(folder))
        runs: Mapping[str, Callable[[], float]] = {
            name: partial(contender.run, texts, reference) for name, contender in contenders.items()
        }
        results = in_turn(runs, options.rounds)
    _report(machine, results)


def _contenders(bundle: Path, folder: Path) -> dict[str, Contender]:
    """Ours, and everybody else with the int8 file that optimum makes for this CPU."""
    source, theirs = minilm_folder(), folder / "theirs"
    shutil.copytree(source, theirs)
    (theirs / "onnx").mkdir()
    made = optimum_graphs(source, "minilm")
    shutil.copyfile(made / "model_quantized.onnx", theirs / "onnx" / "model_quantized.onnx")
    xml = nncf_graph(Bundle.open(bundle))
    intel = folder / "intel"
    intel.mkdir()
    for file in (xml, xml.with_suffix(".bin"), bundle / "tokenizer.json"):
        shutil.copyfile(file, intel / file.name)
    warm(bundle, "int8", cache_dir=bundle.parent / KEPT)
    found = [
        Contender(engine="edgebert_int8", environment=None, model=bundle, floor=0.998),
        Contender(engine="edgebert_int8_kept", environment=None, model=bundle, floor=0.998),
        Contender(engine="edgebert_fp32", environment=None, model=bundle, floor=0.99999),
        Contender(engine="sentence_transformers", environment="peers", model=source, floor=0.99999),
        Contender(
            engine="sentence_transformers_onnx", environment="peers", model=theirs, floor=0.9
        ),
        Contender(engine="optimum", environment="peers", model=theirs, floor=0.9),
        Contender(engine="fastembed", environment="fastembed", model=theirs, floor=0.9),
        Contender(engine="openvino", environment="openvino", model=intel, floor=0.98),
    ]
    return {each.engine: each for each in found}


def _reference(ours: Contender, texts: Path, folder: Path) -> np.ndarray:
    out = folder / "reference.npy"
    command = [sys.executable, str(SCRIPT), ours.engine, str(ours.model), str(texts), str(out)]
    output_of(command)
    vectors: np.ndarray = np.load(out)
    return vectors


def check(contender: Contender, vectors: np.ndarray, reference: np.ndarray) -> None:
    """A wrong answer has no speed."""
    if vectors.shape != reference.shape or not np.isfinite(vectors).all():
        raise SystemExit(f"{contender.engine} gives {vectors.shape}, expected {reference.shape}")
    cosine = float((vectors * reference).sum(axis=1).mean())
    if not cosine >= contender.floor:
        raise SystemExit(f"{contender.engine}: cosine {cosine}, floor {contender.floor}")


def _report(machine: dict[str, Any], results: Mapping[str, list[float]]) -> None:
    record: dict[str, Any] = {
        "benchmark": "throughput",
        "machine": machine,
        "texts": TEXTS,
        "seconds": results,
        "ratios": {
            ours: {name: _faster(times, results[ours]) for name, times in results.items()}
            for ours in OURS
        },
    }
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
    for name, times in results.items():
        ratios = ", ".join(f"{record['ratios'][ours][name][1]:.2f}" for ours in OURS)
        print(f"{name:28} {TEXTS / median(times):6.0f} texts/s, ours over it: {ratios}")


def _faster(theirs: list[float], ours: list[float]) -> list[float]:
    """How many times as fast ours is, pair by pair: lower quartile, median, upper quartile."""
    compared = ratio(theirs, ours)
    return [compared.low, compared.median, compared.high]


if __name__ == "__main__":
    main()
