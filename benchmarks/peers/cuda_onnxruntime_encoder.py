"""Our graph on a GPU, to its sentence vectors on the CPU, through our runtime's session.

Options: `provider`: cuda, or cpu to try it out; `capture`: 1 to replay captured runs.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "runtime"))  # not installed there
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.encoder_jobs import Feeds, Run, serve
from edgebert_runtime.engine.session import Session

LONGEST = 512


def open_model(graph: str, options: dict[str, str], threads: int) -> Run:
    """A graph in ONNX Runtime."""
    given = {"enable_cuda_graph": "1"} if options["capture"] == "1" else {}
    session = Session(
        Path(graph),
        provider=options["provider"],
        provider_options=given,
        threads=threads,
        longest=LONGEST,
    )

    def run(feeds: Feeds) -> NDArray[np.float32]:
        wanted = {name: feeds[name] for name in session.inputs}
        (vectors,) = session.run(["sentence_embedding"], wanted)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: NDArray[np.float32] = vectors / lengths
        return unit

    return run


if __name__ == "__main__":
    serve(open_model)
