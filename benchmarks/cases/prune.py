"""What fewer heads and neurons cost and gain: MiniLM, pruned by package descriptions.

Other descriptions are what is measured: a package's short one searches its long one among all.
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

import edgebert
from benchmarks.cases.accuracy import recall
from benchmarks.models import MODELS
from benchmarks.records import Record, new_record
from benchmarks.texts import apart, package_pairs
from edgebert_runtime import Bundle, load

CASE: Final = "prune"
COMMAND: Final = "python -m benchmarks prune"
SPEEDS: Final = (1.5, 2.0)
PAIRS: Final = 1_500
"""To prune by; a short and a long text each."""
SEARCHED: Final = 2000
"""Pairs that are measured."""

WHOLE: Final = "whole"


def measure(*, pairs: int = PAIRS, searched: int = SEARCHED) -> Record:
    """Prune to some speeds, and measure the whole model and the others in int8.

    Args:
        pairs: to prune by.
        searched: pairs that are measured.
    """
    record = new_record(CASE, "", COMMAND, 5) | {"texts": 2 * pairs, "searched": searched}
    drawn = apart(package_pairs(2 * (pairs + searched)))
    unseen, seen = drawn[:searched], drawn[searched : searched + pairs]
    source = MODELS["minilm"].source()
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        texts = folder / "texts.jsonl"
        lines = [json.dumps({"text": text}) for pair in seen for text in pair]
        texts.write_text("\n".join(lines), encoding="utf-8")
        whole = _recalls(edgebert.export(source, folder / WHOLE, precision="int8"), unseen)
        record["rows"].append({"system": WHOLE, **whole})
        for speed in SPEEDS:
            pruned, bundle = folder / f"pruned-{speed}", folder / f"bundle-{speed}"
            report = edgebert.prune(source, pruned, speed=speed, texts=texts)
            made = edgebert.export(pruned, bundle, precision="int8")
            record["rows"].append(
                {
                    "system": f"{speed:g}x",
                    "multiplications": report.multiplications,
                    "heads": report.heads,
                    "neurons": report.neurons,
                    "speedups": dict(report.speedups),
                    **_recalls(made, unseen),
                }
            )
    return record


def _recalls(bundle: Bundle, pairs: list[tuple[str, str]]) -> dict[str, float]:
    found = {}
    for precision in ("fp32", "int8"):
        with load(bundle, precision) as model:
            short, long = (np.asarray(model.embed(list(side))) for side in zip(*pairs, strict=True))
        found[f"recall_{precision}"] = recall(short, long)
    return found
