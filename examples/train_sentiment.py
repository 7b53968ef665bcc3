"""Fine-tune MiniLM to tell good from bad film reviews, in minutes on two cores.

Exports and quantizes the classifier, and prints its accuracy on held-out sentences of the same
kind and on others, as the torch-free runtime answers.
"""

from typing import Final

import torch

import edgebert
from edgebert_runtime import Bundle, load
from edgebert_runtime.engine.threads import usable_cores
from examples.minilm import minilm_folder
from examples.rated import Rated
from examples.train_data import clear, parse_run, split, write_labelled

CONFIG: Final = edgebert.TrainingConfig(
    epochs=2, batch_size=32, learning_rate=1e-4, max_length=64, seed=0
)


def main() -> None:
    """Train, export, judge."""
    run = parse_run(__doc__)
    torch.set_num_threads(usable_cores())
    rest, held_out = split(clear(run.read("movie")), 0.1)
    training, validation = split(rest, 0.1)
    report = edgebert.train(
        minilm_folder(),
        write_labelled(run.folder / "sentiment-train.csv", training),
        run.folder / "sentiment",
        task="classify",
        validation=write_labelled(run.folder / "sentiment-valid.csv", validation),
        config=CONFIG,
        overwrite=True,
        progress=True,
    )
    print(f"{report.steps} steps in {report.seconds:.0f} s, validation {dict(report.metrics)}")
    bundle = edgebert.quantize(
        edgebert.export(run.folder / "sentiment", run.folder / "sentiment-bundle", overwrite=True)
    )
    others = {name: clear(run.read(name)) for name in ("amazon", "nyt")}
    for name, sentences in {"movie, held out": held_out, **others}.items():
        exact, rounded = (_accuracy(bundle, variant, sentences) for variant in ("fp32", "int8"))
        print(f"{name}: {len(sentences)} sentences, accuracy fp32 {exact:.4f}, int8 {rounded:.4f}")


def _accuracy(bundle: Bundle, variant: str, sentences: list[Rated]) -> float:
    """Of the torch-free runtime, whose fp32 graph is held to torch when it is exported."""
    found = load(bundle, variant, task="classify").classify([each.text for each in sentences])
    right = (one.best.label == each.label for one, each in zip(found, sentences, strict=True))
    return sum(right) / len(sentences)


if __name__ == "__main__":
    main()
