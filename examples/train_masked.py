"""Pretrain a small BERT from nothing on 19,500 sentences: does its masked-LM loss fall?"""

import json
import shutil
from pathlib import Path
from statistics import mean
from typing import Final

import torch

import edgebert
from edgebert_runtime.engine.threads import usable_cores
from examples.minilm import minilm_folder
from examples.rated import Rated
from examples.train_data import parse_run, write_documents

SOURCES: Final = ("movie", "amazon", "nyt")
SMALL: Final = {
    "hidden_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 512,
}
"""BERT-tiny (Turc et al. 2019)."""

CONFIG: Final = edgebert.TrainingConfig(
    epochs=6, batch_size=32, learning_rate=1e-3, max_length=128, seed=0
)


def main() -> None:
    """Train and judge on reviews and editorials that were held out."""
    run = parse_run(__doc__)
    torch.set_num_threads(usable_cores())
    sentences = [
        Rated(text=item.text, score=item.score, review=f"{source} {item.review}")
        for source in SOURCES
        for item in run.read(source)
    ]
    reviews = sorted({item.review for item in sentences})
    held = set(reviews[::20])
    report = edgebert.train(
        _small_bert(run.folder / "small-bert"),
        write_documents(
            run.folder / "masked-train.txt",
            [item for item in sentences if item.review not in held],
        ),
        run.folder / "masked",
        task="fill",
        validation=write_documents(
            run.folder / "masked-test.txt",
            [item for item in sentences if item.review in held],
        ),
        config=CONFIG,
        from_scratch=True,
        overwrite=True,
        progress=True,
    )
    print(f"{report.steps} steps in {report.seconds:.0f} s")
    print(f"training loss, first 10 steps {mean(report.losses[:10]):.2f}, ", end="")
    print(f"last 10 {mean(report.losses[-10:]):.2f}")


def _small_bert(folder: Path) -> Path:
    """A folder with the shape of a small BERT and MiniLM's tokenizer, without weights."""
    folder.mkdir(exist_ok=True)
    source = minilm_folder()
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, **SMALL}), encoding="utf-8")
    for path in [*source.glob("tokenizer*.json"), source / "special_tokens_map.json"]:
        shutil.copy(path, folder)
    return folder


if __name__ == "__main__":
    main()
