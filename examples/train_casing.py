"""Train MiniLM to give lower-cased words their capitals back: tags with exact gold for free.

Exports and quantizes the tagger, and prints accuracy and F1 over the words of held-out sentences,
as the torch-free runtime answers.
"""

from typing import Final

import torch
from sklearn.metrics import accuracy_score, f1_score

import edgebert
from edgebert_runtime import Bundle, load
from edgebert_runtime.engine.threads import usable_cores
from examples.minilm import minilm_folder
from examples.rated import Rated
from examples.train_data import parse_run, split, write_tagged

CONFIG: Final = edgebert.TrainingConfig(
    epochs=2, batch_size=32, learning_rate=1e-4, max_length=64, seed=0
)
CAPITAL: Final = "CAPITAL"
PLAIN: Final = "O"

Row = tuple[list[str], list[str]]
"""Words in lower case, and what they were."""


def main() -> None:
    """Train, export, judge on news editorials."""
    run = parse_run(__doc__)
    torch.set_num_threads(usable_cores())
    training, held_out = ([*map(_row, part)] for part in split(run.read("nyt"), 0.1))
    report = edgebert.train(
        minilm_folder(),
        write_tagged(run.folder / "casing-train.jsonl", training),
        run.folder / "casing",
        task="tag",
        validation=write_tagged(run.folder / "casing-test.jsonl", held_out),
        config=CONFIG,
        overwrite=True,
        progress=True,
    )
    print(f"{report.steps} steps in {report.seconds:.0f} s, held out {dict(report.metrics)}")
    bundle = edgebert.quantize(
        edgebert.export(run.folder / "casing", run.folder / "casing-bundle", overwrite=True)
    )
    for variant in ("fp32", "int8"):
        accuracy, f1 = _judge(bundle, variant, held_out)
        print(f"{variant}: {len(held_out)} sentences, accuracy {accuracy:.4f}, F1 {f1:.4f}")


def _row(sentence: Rated) -> Row:
    words = sentence.text.split()
    labels = [CAPITAL if word[0].isupper() else PLAIN for word in words]
    return [word.lower() for word in words], labels


def _judge(bundle: Bundle, variant: str, rows: list[Row]) -> tuple[float, float]:
    """Accuracy and F1 over words, of the torch-free runtime."""
    model = load(bundle, variant, task="tag")
    found = model.tag([" ".join(words) for words, _ in rows], aggregation="first")
    expected: list[str] = []
    answered: list[str] = []
    for (words, labels), entities in zip(rows, found, strict=True):
        expected += labels
        start = 0
        for word in words:
            inside = any(entity.start <= start < entity.end for entity in entities)
            answered.append(CAPITAL if inside else PLAIN)
            start += len(word) + 1
    f1 = f1_score(expected, answered, pos_label=CAPITAL, zero_division=0.0)
    return float(accuracy_score(expected, answered)), float(f1)


if __name__ == "__main__":
    main()
