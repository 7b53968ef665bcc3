"""A tiny model to train, and a small file of every task's data that it can learn by heart."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import torch

from edgebert import TrainingConfig, TrainingReport, train
from edgebert.checkpoints.families.bert import BERT
from edgebert.checkpoints.saving import CheckpointParts, save_checkpoint
from edgebert.checkpoints.tokenizer.read import (
    TokenizerFiles,
    TokenizerRequirements,
    read_tokenizer,
)
from edgebert.model.encoder import Encoder
from tests.support.tiny_encoder import SPECIALS, TINY, WORDS

CALM: Final = replace(TINY, hidden_dropout=0.0, attention_dropout=0.0, initializer_range=0.1)
"""Without dropout: what is learnt by heart stays learnt."""

QUICK: Final = TrainingConfig(
    epochs=40, batch_size=4, learning_rate=2e-3, weight_decay=0.0, device="cpu"
)

DROPPING: Final = replace(QUICK, epochs=4, batch_size=2, save_every=5, weight_decay=0.01)
"""Twelve steps, saved after the fifth, the tenth and each validation."""

ROWS: Final = (
    ("the cat sat on the mat .", "a dog ran far", "animal"),
    ("a dog ran far over the mat", "the cat sat", "animal"),
    ("red and blue", "is it red", "colour"),
    ("it is red on blue .", "the blue mat", "colour"),
    ("small and far", "a small cat", "size"),
    ("the small un ##able dog", "far over it", "size"),
)


def write_base(folder: Path, *, dropout: float = 0.0) -> Path:
    """A random tiny BERT; the same each time."""
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(f"{SPECIALS} {WORDS}".split()), encoding="utf-8")
    config = replace(CALM, hidden_dropout=dropout, attention_dropout=dropout)
    torch.manual_seed(0)
    encoder = Encoder(config).eval()
    parts = CheckpointParts(family=BERT, encoder=encoder, tokenizer=tokenizer_in(folder))
    save_checkpoint(folder / "base", parts)
    return folder / "base"


def tokenizer_in(folder: Path, *, max_length: int | None = None) -> TokenizerFiles:
    demands = TokenizerRequirements(
        vocabulary=CALM.vocabulary,
        positions=CALM.positions,
        asked=max_length,
        settings=None,
        lowercase=False,
        default_class="BertTokenizer",
    )
    return read_tokenizer(folder, demands)[0]


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def write_lines(path: Path, objects: Iterable[Mapping[str, Any]]) -> Path:
    lines = [json.dumps(value) for value in objects]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def classify_file(folder: Path) -> Path:
    rows = [(text, label) for text, _, label in ROWS]
    return write_csv(folder / "classify.csv", ("text", "label"), rows)


def several_file(folder: Path) -> Path:
    labels = ("animal|far", "animal", "", "colour", "size|far", "size")
    rows = [(text, label) for (text, _, _), label in zip(ROWS, labels, strict=True)]
    return write_csv(folder / "several.csv", ("text", "label"), rows)


def regression_file(folder: Path) -> Path:
    rows = [(text, number / 4) for number, (text, _, _) in enumerate(ROWS)]
    return write_csv(folder / "numbers.csv", ("text", "label"), rows)


def rank_file(folder: Path) -> Path:
    rows = [(text, pair, int(label == "colour")) for text, pair, label in ROWS]
    return write_csv(folder / "rank.csv", ("text", "text_pair", "label"), rows)


def tag_file(folder: Path) -> Path:
    return write_lines(folder / "tag.jsonl", map(_tagged, ROWS))


def _tagged(row: tuple[str, str, str]) -> dict[str, Any]:
    kinds = {"cat": "B-ANIMAL", "dog": "B-ANIMAL", "red": "B-COLOUR", "blue": "B-COLOUR"}
    tokens = row[0].replace("un ##able", "unable").split()
    return {"tokens": tokens, "labels": [kinds.get(token, "O") for token in tokens]}


def answer_file(folder: Path) -> Path:
    found = [("is it red", "the cat sat on the red mat", "red mat"), ("far", "a dog ran", "")]
    found += [("the dog", "it is a small dog .", "small dog"), ("on it", "on the mat", "the mat")]
    return write_lines(
        folder / "answer.jsonl",
        [
            {"question": q, "context": c, "answer": a, "start": c.index(a) if a else 0}
            for q, c, a in found
        ],
    )


def embed_file(folder: Path) -> Path:
    rows = [(text, pair) for text, pair, _ in ROWS]
    return write_csv(folder / "embed.csv", ("text", "positive"), rows)


def scored_file(folder: Path) -> Path:
    rows = [(text, pair, 5) for text, pair, _ in ROWS]
    rows += [(text, pair, 0) for (text, _, _), (_, pair, _) in zip(ROWS, ROWS[2:], strict=False)]
    return write_csv(folder / "scored.csv", ("text", "text_pair", "score"), rows)


def documents_file(folder: Path) -> Path:
    path = folder / "documents.txt"
    texts = [f"{text}\n{pair}\nit ran\n" for text, pair, _ in ROWS]
    path.write_text("\n".join(texts), encoding="utf-8")
    return path


FILES: Final = {
    "classify": classify_file,
    "rank": rank_file,
    "tag": tag_file,
    "answer": answer_file,
    "embed": embed_file,
    "fill": documents_file,
    "pretrain": documents_file,
}


def train_dropping(
    base: Path, data: Path, out: Path, task: str, **arguments: Any
) -> TrainingReport:
    return train(base, data, out, task=task, validation=data, config=DROPPING, **arguments)
