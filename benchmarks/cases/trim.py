"""What a smaller vocabulary costs and gains: MiniLM, trimmed by one half of package descriptions.

The other half is what is measured: tokens, the size of the int8 file, and how often a package's
short description finds its long one among all of them.
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

import edgebert
from benchmarks.cases.accuracy import recall
from benchmarks.models import MODELS
from benchmarks.records import Record, new_record
from benchmarks.texts import package_pairs
from edgebert_runtime import Bundle, load
from edgebert_runtime.tokenization.tokenizer import TextTokenizer

CASE: Final = "trim"
COMMAND: Final = "python -m benchmarks trim"
KEEP: Final = 8000
PAIRS: Final = 15_000
"""Of each half."""
SEARCHED: Final = 2000
"""Pairs of the other half whose descriptions are searched."""

UNTRIMMED: Final = "untrimmed"

Pairs = list[tuple[str, str]]


def measure(*, keep: int = KEEP, pairs: int = PAIRS, searched: int = SEARCHED) -> Record:
    """Trim by one half, and measure the other.

    Args:
        keep: tokens that stay.
        pairs: of each half.
        searched: of the other half, whose descriptions are searched.
    """
    record = new_record(CASE, "", COMMAND, 1) | {"pairs": pairs, "searched": searched}
    drawn = package_pairs(2 * pairs)
    seen, unseen = drawn[:pairs], drawn[pairs:]
    source = MODELS["minilm"].source()
    with TemporaryDirectory() as scratch:
        corpus = Path(scratch) / "corpus.jsonl"
        lines = [json.dumps({"text": text}) for pair in seen for text in pair]
        corpus.write_text("\n".join(lines), encoding="utf-8")
        edgebert.trim(source, Path(scratch) / "trimmed", texts=corpus, keep=keep)
        sources = {UNTRIMMED: source, f"keep {keep:,}": Path(scratch) / "trimmed"}
        for name, folder in sources.items():
            made = edgebert.export(folder, Path(scratch) / name, precision="int8", force=True)
            record["rows"].append({"system": name, **_measured(made, unseen, searched)})
    return record


def _measured(bundle: Bundle, pairs: Pairs, searched: int) -> dict[str, Any]:
    info = bundle.manifest.tokenizer
    tokenizer = TextTokenizer(bundle.path_of(info.file), info)
    texts = [text for pair in pairs for text in pair]
    graph = bundle.manifest.variants["int8-portable"]
    row: dict[str, Any] = {
        "rows": bundle.manifest.architecture["vocabulary"],
        "tokens": sum(len(each.input_ids) for each in tokenizer.encode(texts)),
        "size_bytes": bundle.path_of(graph.file).stat().st_size,
    }
    for precision in ("fp32", "int8"):
        with load(bundle, precision) as model:
            sides = zip(*pairs[:searched], strict=True)
            short, long = (np.asarray(model.embed(list(side))) for side in sides)
        row[f"recall_{precision}"] = recall(short, long)
    return row
