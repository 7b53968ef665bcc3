"""Process start to first vector, where the time goes, and what it takes of memory and disk."""

import compileall
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np

import edgebert_runtime
from benchmarks.artifacts import PEERS
from benchmarks.engines import ENGINES, FILES, OUR_PACKAGE, warm_folder
from benchmarks.models import MODELS, Model, our_bundle
from benchmarks.pairing import Outcome, PeerError, in_turn, output_of
from benchmarks.records import Record, new_record, rows_of
from edgebert_runtime import Bundle

CASE: Final = "start"
TEXT: Final = "How fast does this start?"
LIMIT_S: Final = 60
"""A start that takes longer hangs; OpenVINO has been seen to."""

SMALLEST_COSINE: Final = 0.9
"""Of any system's vector to ours; int8 files of others are far from it."""


@dataclass(frozen=True, kw_only=True)
class Starter:
    """What is started.

    Attributes:
        engine: its name in `peers/engines.py`.
        title: in the report.
        python: the interpreter it runs in.
        model: what it opens.
        package: the distribution that has to be installed for it.
    """

    engine: str
    title: str
    python: Path
    model: Path
    package: str

    def start(self) -> dict[str, Any]:
        """Milliseconds of each stretch, and memory.

        Raises:
            PeerError: it failed.
        """
        script = str(PEERS / "first_vector.py")
        begun = time.clock_gettime(time.CLOCK_MONOTONIC)
        command = [str(self.python), script, self.engine, str(self.model), TEXT]
        output = output_of(command, limit_s=LIMIT_S)
        found: dict[str, Any] = json.loads(output.splitlines()[-1])
        at = [begun, *found.pop("at").values()]
        stretches = zip(STRETCHES, pairwise(at), strict=True)
        return found | {"ms": {name: 1000 * (end - start) for name, (start, end) in stretches}}

    def installed_bytes(self) -> int:
        """What its distributions and all they need take on disk."""
        script = str(PEERS / "installed_size.py")
        return int(output_of([str(self.python), script, self.package]))


STRETCHES: Final = ("interpreter", "imports", "load", "first run")

VARIANTS: Final[Mapping[str, str]] = MappingProxyType({"minilm": "int8", "bert-base": "fp32"})
"""Model → which of our variants starts."""

OURS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "edgebert_{}": "edgebert {}",
        "edgebert_{}_kept": "edgebert {}, after `edgebert-run warm`",
        "bare_{}": "numpy, onnxruntime and tokenizers on the same file, nothing checked",
    }
)
"""Engine → its title, both but for the variant."""

NATIVE: Final = ("edgebert_int8_native", "edgebert_int8_native_kept")
"""Engines of ours that start where edgebert-native runs."""

OF_OTHERS: Final = (
    "sentence_transformers",
    "sentence_transformers_onnx",
    "optimum",
    "fastembed",
    "ctranslate2",
    "openvino",
    "kjarni",
)

NAMES: Final = (
    *(engine.format(variant) for variant in VARIANTS.values() for engine in OURS),
    *NATIVE,
    *OF_OTHERS,
)
"""Of engines that start; ours start whatever is asked for, to be compared with."""


def measure(model: Model, *, rounds: int, only: Sequence[str] = ()) -> Record:
    """Start processes in turn, after a round that fills the system's cache of files.

    MiniLM starts beside everybody else, another model beside the bare libraries.

    Raises:
        PeerError: ours does not start, and there is nothing to compare with.
    """
    command = f"python -m benchmarks start --model {model.name}"
    record = new_record(CASE, model.name, command, rounds)
    starters, failures = _starters(model, only)
    in_turn({name: starter.start for name, starter in starters.items()}, 1)
    outcomes = in_turn({name: starter.start for name, starter in starters.items()}, rounds)
    expected = _expected(outcomes[f"edgebert_{VARIANTS[model.name]}"])
    record |= _sizes(model)
    record["rows"] = [
        *rows_of(outcomes, partial(_described, starters), partial(_joined, expected)),
        *({"engine": name, "system": name, "failure": why} for name, why in failures.items()),
    ]
    for row in record["rows"]:
        if "failure" not in row:
            row["installed_bytes"] = starters[row["engine"]].installed_bytes()
    return record


def _expected(ours: Outcome[dict[str, Any]]) -> np.ndarray:
    if ours.failure:
        raise PeerError(ours.failure)
    return np.array(ours.results[0]["vector"])


def _starters(model: Model, only: Sequence[str]) -> tuple[dict[str, Starter], dict[str, str]]:
    """Who can start, and why others cannot."""
    found = {each.engine: each for each in _ours(model)}
    failures: dict[str, str] = {}
    for name in (*NATIVE, *OF_OTHERS) if model is MODELS["minilm"] else ():
        if only and name not in only:
            continue
        engine = ENGINES[name]
        try:
            found[name] = Starter(
                engine=name,
                title=engine.title,
                python=engine.python(),
                model=engine.opens(),
                package=engine.package,
            )
        except PeerError as error:
            failures[name] = str(error)
    return found, failures


def _ours(model: Model) -> list[Starter]:
    variant = VARIANTS[model.name]
    folder = warm_folder(model, variant, tune=False)
    for installed in edgebert_runtime.__path__:  # pip does this for what it copies
        compileall.compile_dir(installed, quiet=1)
    return [
        Starter(
            engine=engine.format(variant),
            title=title.format(variant),
            python=Path(sys.executable),
            model=folder,
            package=OUR_PACKAGE,
        )
        for engine, title in OURS.items()
    ]


def _sizes(model: Model) -> dict[str, Any]:
    """Of the variant with its weights, in the bundle."""
    bundle: Bundle = our_bundle(model, *(["int8"] if VARIANTS[model.name] == "int8" else []))
    variant = bundle.manifest.variants[FILES[VARIANTS[model.name]]]
    return {"variant": VARIANTS[model.name], "file_bytes": bundle.size_bytes(variant)}


def _described(starters: Mapping[str, Starter], name: str) -> dict[str, Any]:
    return {"engine": name, "system": starters[name].title}


def _joined(expected: np.ndarray, results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Rounds side by side; a wrong answer has no speed."""
    vector = np.array(results[0]["vector"])
    cosine = float(vector @ expected / np.linalg.norm(vector) / np.linalg.norm(expected))
    if not cosine >= SMALLEST_COSINE:
        return {"failure": f"wrong answer: cosine {cosine:.4f} to ours, floor {SMALLEST_COSINE}"}
    return {
        "ms": [each["ms"] for each in results],
        "peak_bytes": [1024 * each["peak_kib"] for each in results],
        "imported_bytes": [1024 * each["imported_kib"] for each in results],
    }
