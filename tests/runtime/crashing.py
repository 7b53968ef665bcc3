"""Run one operation on a bundle and die at a chosen step; a child process of test_staging.

Usage: crashing.py OPERATION FOLDER STEP. Every call that changes the disk is a step.
"""

import os
import signal
import sys
from pathlib import Path

from edgebert_runtime import renaming, staging
from edgebert_runtime.manifest import read_manifest
from tests.runtime.tiny_manifest import tiny_manifest, write_bundle

OPERATION, FOLDER, STEP = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
STEPS = iter(range(10**6))


def dying(function: object) -> object:
    """Die just before the call when it is the chosen step."""

    def call(*arguments: object, **options: object) -> object:
        if next(STEPS) == STEP:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)  # type: ignore[operator]

    return call


for name in ("rename", "replace", "fsync", "mkdir"):
    setattr(os, name, dying(getattr(os, name)))
staging.shutil.rmtree = dying(staging.shutil.rmtree)  # type: ignore[assignment]
staging.swap = dying(renaming.swap if "fallback" not in OPERATION else lambda *_: False)  # type: ignore[assignment]
staging.rename_new = dying(renaming.rename_new)  # type: ignore[assignment]

if OPERATION == "add":
    with staging.staging_area(FOLDER) as area:
        (area / "model_new.onnx").write_bytes(b"new graph")
        manifest = read_manifest(FOLDER)
        info = staging.hash_file(area / "model_new.onnx")
        extended = tiny_manifest({**manifest.files, "onnx/model_new.onnx": info})
        staging.add_to_bundle(FOLDER, area, {"onnx/model_new.onnx": "model_new.onnx"}, extended)
else:
    with staging.new_bundle(FOLDER, overwrite=OPERATION != "new") as area:
        write_bundle(area, b"second")
