"""Train MiniLM to give lower-cased words their capitals back: tags with exact gold for free."""

from typing import Final

import torch

import edgebert
from edgebert_runtime.threads import usable_cores
from examples.minilm import minilm_folder
from examples.train_data import FOLDER, rated, split, write_tagged

OUT: Final = FOLDER / "casing"
CONFIG: Final = edgebert.TrainingConfig(
    epochs=2, batch_size=32, learning_rate=1e-4, max_length=64, seed=0
)


def main() -> None:
    """Train and judge on news editorials."""
    torch.set_num_threads(usable_cores())
    training, held_out = split(rated("nyt"), 0.1)
    report = edgebert.train(
        minilm_folder(),
        write_tagged(FOLDER / "casing-train.jsonl", training),
        OUT,
        task="tag",
        validation=write_tagged(FOLDER / "casing-test.jsonl", held_out),
        config=CONFIG,
        overwrite=True,
        progress=print,
    )
    print(f"{report.steps} steps in {report.seconds:.0f} s")


if __name__ == "__main__":
    main()
