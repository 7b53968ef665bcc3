"""Writers of checkpoints that are killed; the child process of `test_saving`.

    crashing.py FOLDER EXCHANGE    save over FOLDER/<step>/NAME and die at step 0, 1, …

EXCHANGE is `yes`, or `no` for a system that cannot exchange two folders in one step. FOLDER/old and
FOLDER/new are what is replaced, and by what. A step is an event of Python's audit hooks.
"""

import json
import shutil
import signal
import sys
from pathlib import Path
from typing import Final

import torch

from edgebert.checkpoints.families.bert import BERT
from edgebert.checkpoints.saving import CheckpointParts, save_checkpoint
from edgebert.model.encoder import Encoder
from edgebert_runtime.storage import new_folder
from tests.support.crashing_writers import survives
from tests.support.training_data import CALM, tokenizer_in

NAME: Final = "checkpoint"


def parts(folder: Path, seed: int) -> CheckpointParts:
    """A random tiny model, with the tokenizer that is in a folder."""
    torch.manual_seed(seed)
    return CheckpointParts(
        family=BERT, encoder=Encoder(CALM).eval(), tokenizer=tokenizer_in(folder)
    )


def sweep(folder: Path) -> int:
    """How many steps it takes to save over a checkpoint."""
    newer = parts(folder, seed=1)
    save_checkpoint(folder / "old", parts(folder, seed=0))
    save_checkpoint(folder / "new", newer)
    step = 0
    while True:
        place = folder / str(step) / NAME
        shutil.copytree(folder / "old", place)
        if survives(
            lambda at=place: save_checkpoint(at, newer, overwrite=True), signal.SIGKILL, step
        ):
            return step
        step += 1


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[2] == "no":
        vars(new_folder)["swap"] = lambda *_: False  # what it answers without renameat2(2)
    sys.stdout.write(json.dumps(sweep(Path(sys.argv[1]))))
