"""What half of MiniLM's layers learn from package descriptions, measured on others.

Short descriptions search long ones, as in the case of trimming; none of the texts was learnt from.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import edgebert
from benchmarks.cases.accuracy import recall
from benchmarks.models import MODELS
from benchmarks.records import Record, new_record
from benchmarks.texts import apart, package_pairs
from edgebert_runtime import load

CASE: Final = "distil"
COMMAND: Final = "python -m benchmarks distil"
LAYERS: Final = 3
PAIRS: Final = 36_000
"""To learn from; a short and a long text each."""
EPOCHS: Final = 3
VALIDATED: Final = 500
"""Pairs that choose the best weights."""
SEARCHED: Final = 2000
"""Pairs that are measured."""
LEARNING_RATE: Final = 5e-4
MAX_LENGTH: Final = 128
SEED: Final = 7

TEACHER: Final = "teacher"

Pairs = list[tuple[str, str]]
Floats = NDArray[np.float32]


def measure(
    *, layers: int = LAYERS, pairs: int = PAIRS, epochs: int = EPOCHS, searched: int = SEARCHED
) -> Record:
    """Distil, and measure teacher, untrained student and student.

    Args:
        layers: of the student.
        pairs: to learn from.
        epochs: passes through them.
        searched: pairs that are measured.
    """
    config = edgebert.TrainingConfig(
        epochs=epochs,
        batch_size=64,
        learning_rate=LEARNING_RATE,
        max_length=MAX_LENGTH,
        validate_every=500,
        device="cpu",
        seed=SEED,
    )
    record = new_record(CASE, "", COMMAND, 1)
    drawn = apart(package_pairs(pairs + VALIDATED + searched))
    unseen, validated = drawn[:searched], drawn[searched : searched + VALIDATED]
    learnt = drawn[searched + VALIDATED :]
    source = MODELS["minilm"].source()
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        report = edgebert.distil(
            source,
            folder / "student",
            student=f"layers={layers}",
            data=_written(folder / "learnt.jsonl", learnt),
            validation=_written(folder / "validated.jsonl", validated),
            config=config,
        )
        record |= {
            "texts": report.examples,
            "steps": report.steps,
            "seconds": report.seconds,
            "searched": searched,
            "untrained": dict(report.untrained),
        }
        expected = _vectors(source, folder / "teacher-bundle", unseen)
        found = _vectors(folder / "student", folder / "student-bundle", unseen)
        record["rows"].append({"system": TEACHER, **_compared(expected, expected)})
        record["rows"].append({"system": f"{layers} layers", **_compared(found, expected)})
    return record


def _written(path: Path, pairs: Iterable[tuple[str, str]]) -> Path:
    lines = [json.dumps({"text": text}) for pair in pairs for text in pair]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _vectors(source: Path, bundle: Path, pairs: Pairs) -> tuple[Floats, Floats]:
    """Of the short texts and the long ones, by the fp32 graph."""
    with load(edgebert.export(source, bundle), "fp32") as model:
        short, long = (np.asarray(model.embed(list(side))) for side in zip(*pairs, strict=True))
    return short, long


def _compared(found: tuple[Floats, Floats], expected: tuple[Floats, Floats]) -> dict[str, Any]:
    from edgebert.training.metrics import spearman

    mine, theirs = np.concatenate(found), np.concatenate(expected)
    similarities = [(short * long).sum(axis=1) for short, long in (found, expected)]
    return {
        "cosine": float((mine * theirs).sum(axis=1).mean()),
        "spearman": spearman(*similarities),
        "recall": recall(*found),
    }
