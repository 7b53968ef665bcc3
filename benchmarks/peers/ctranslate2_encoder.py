"""CTranslate2's encoder.

Options: `compute_type`, as its documentation names them.
"""

import sys
from pathlib import Path

import ctranslate2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.encoder_jobs import Feeds, Run, serve


def open_model(model: str, options: dict[str, str], threads: int) -> Run:
    """One worker with all threads; it takes tokens as lists and pads them itself."""
    encoder = ctranslate2.Encoder(
        model, device="cpu", compute_type=options["compute_type"], intra_threads=threads
    )

    def run(feeds: Feeds) -> NDArray[np.float32]:
        lengths = feeds["attention_mask"].sum(axis=1)
        rows = zip(feeds["input_ids"], lengths, strict=True)
        output = encoder.forward_batch([ids[:length].tolist() for ids, length in rows])
        hidden = np.array(output.last_hidden_state, np.float32)
        missing = feeds["input_ids"].shape[1] - hidden.shape[1]
        return np.pad(hidden, ((0, 0), (0, missing), (0, 0))) if missing else hidden

    return run


if __name__ == "__main__":
    serve(open_model)
