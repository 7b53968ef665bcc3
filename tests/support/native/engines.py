"""The operator on the oldest, on a middle and on the newest ONNX Runtime: the same bits on all.

`python -m tests.support.native.engines`; with FOLDER it is the part that runs on one of them.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import numpy as np

ROOT: Final = Path(__file__).resolve().parents[3]
MIDDLE: Final = "1.24.4"
OLDEST: Final = "1.17.3"
NAME: Final = "post"


def check_here(folder: Path) -> None:
    """Run each of the inputs, and compare the bits with the stored ones."""
    import onnxruntime

    import edgebert_native

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.register_custom_ops_library(edgebert_native.library())
    session = onnxruntime.InferenceSession(
        str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
    )
    files = sorted(folder.glob("*.npz"))
    for path in files:
        with np.load(path) as stored:
            feeds = {name: stored[name] for name in ("hidden_states", "attention_mask")}
            np.testing.assert_array_equal(session.run(None, feeds)[0], stored["encoded"])
    print(f"ONNX Runtime {onnxruntime.__version__}: {len(files)} inputs, the same bits")


def write(folder: Path) -> None:
    """The model, and what it gives on this environment's engine."""
    from tests.support.native.graph import write_model
    from tests.support.native.models import MODELS, random_inputs
    from tests.support.native.sessions import open_session, run

    session = open_session(write_model(MODELS[NAME], folder / "model.onnx"))
    for index, each in enumerate(random_inputs(MODELS[NAME].shape.hidden)):
        hidden, mask = each
        np.savez(
            folder / f"{index}.npz",
            hidden_states=hidden,
            attention_mask=mask,
            encoded=run(session, hidden, mask),
        )


def main() -> None:
    import edgebert_native
    from benchmarks.environments import interpreter
    from tests.support.engines.run import NEWEST, requirements

    library = Path(edgebert_native.library()).parents[1]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{library}"}
    failed = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write(folder)
        for version in (OLDEST, MIDDLE, NEWEST):
            name = f"onnxruntime-{version}"
            (folder / f"{name}.txt").write_text(requirements(version), encoding="utf-8")
            command = [str(interpreter(name, folder)), "-m", __spec__.name, str(folder)]
            if subprocess.run(command, check=False, cwd=ROOT, env=environment).returncode:
                failed.append(version)
    if failed:
        sys.exit(f"not the same on ONNX Runtime {', '.join(failed)}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        check_here(Path(sys.argv[1]))
    else:
        main()
