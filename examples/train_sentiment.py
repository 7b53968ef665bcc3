"""Fine-tune MiniLM to tell good from bad film reviews, in minutes on two cores.

Prints accuracy on held-out sentences of the same kind and on others, by torch and, exported, by the
runtime.
"""

from pathlib import Path
from statistics import mean
from typing import Final

import torch

import edgebert
from edgebert.training.job import Request, prepare
from edgebert.training.loop import evaluate
from edgebert_runtime import Classifier, load
from edgebert_runtime.threads import usable_cores
from examples.minilm import minilm_folder
from examples.train_data import FOLDER, Rated, clear, rated, split, write_labelled

OUT: Final = FOLDER / "sentiment"
BUNDLE: Final = FOLDER / "sentiment-bundle"
CONFIG: Final = edgebert.TrainingConfig(
    epochs=2, batch_size=32, learning_rate=1e-4, max_length=64, seed=0
)


def main() -> None:
    """Train, judge, export."""
    torch.set_num_threads(usable_cores())
    rest, held_out = split(clear(rated("movie")), 0.1)
    training, validation = split(rest, 0.1)
    report = edgebert.train(
        minilm_folder(),
        write_labelled(FOLDER / "sentiment-train.csv", training),
        OUT,
        task="classify",
        validation=write_labelled(FOLDER / "sentiment-valid.csv", validation),
        config=CONFIG,
        overwrite=True,
        progress=print,
    )
    print(f"{report.steps} steps in {report.seconds:.0f} s, validation {dict(report.metrics)}")
    bundle = edgebert.export(OUT, BUNDLE, overwrite=True, progress=print)
    classifier = load(bundle, task="classify")
    tests = {"movie, held out": held_out, "amazon": rated("amazon"), "nyt": rated("nyt")}
    for name, sentences in tests.items():
        found = clear(sentences)
        path = write_labelled(FOLDER / "sentiment-test.csv", found)
        print(f"{name}: {len(found)} sentences, accuracy by torch {_accuracy(path):.4f}, ", end="")
        print(f"by the runtime {_runtime_accuracy(classifier, found):.4f}")


def _runtime_accuracy(classifier: Classifier, sentences: list[Rated]) -> float:
    said = classifier.classify([sentence.text for sentence in sentences])
    return mean(
        answer.best.label == sentence.label
        for answer, sentence in zip(said, sentences, strict=True)
    )


def _accuracy(data: Path) -> float:
    """Of what was written, read back."""
    request = Request(
        base=OUT,
        data=data,
        validation=None,
        task="classify",
        problem="single_label",
        config=CONFIG,
        new_head=False,
        from_scratch=False,
    )
    job = prepare(request, progress=lambda _: None)
    return evaluate(job.base.model, job.objective, CONFIG).values["accuracy"]


if __name__ == "__main__":
    main()
