"""Check a bundle on every least ONNX Runtime that its variants name, and on the newest.

Usage: python -m tests.support.engines.run BUNDLE
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.environments import interpreter
from edgebert_runtime import Bundle
from tests.support.engines.check_bundle import numbers

NEWEST: Final = "1.32.0"
"""The newest of PyPI when this was written; a change of it is a change of this line."""

NUMPY_2_FROM: Final = (1, 19, 0)
"""The first ONNX Runtime whose wheels take numpy 2."""

ROOT: Final = Path(__file__).resolve().parents[3]


def requirements(version: str) -> str:
    """What the environment of an ONNX Runtime has."""
    numpy = "2.4.6" if numbers(version) >= NUMPY_2_FROM else "1.26.4"
    return f"onnxruntime=={version}\nnumpy=={numpy}\ntokenizers==0.23.3\n"


def main(folder: str) -> None:
    variants = Bundle.open(folder).manifest.variants.values()
    versions = {each.min_onnxruntime for each in variants} | {NEWEST}
    failed = []
    with tempfile.TemporaryDirectory() as scratch:
        for version in sorted(versions, key=numbers):
            name = f"onnxruntime-{version}"
            (Path(scratch) / f"{name}.txt").write_text(requirements(version), encoding="utf-8")
            python = interpreter(name, Path(scratch))
            command = [str(python), "-m", "tests.support.engines.check_bundle", folder, version]
            environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'runtime'}:{ROOT}"}
            if subprocess.run(command, check=False, cwd=ROOT, env=environment).returncode:
                failed.append(version)
    if failed:
        sys.exit(f"not as the manifest says on ONNX Runtime {', '.join(failed)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
