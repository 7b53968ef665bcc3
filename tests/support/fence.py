"""A process in which torch and everything that needs it cannot be imported."""

import subprocess
import sys

FENCE = """
import sys

class Fence:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "transformers", "onnx", "onnx_ir", "onnxscript"}:
            raise ImportError(f"the runtime must not import {name}")

sys.meta_path.insert(0, Fence())
"""


def run_fenced(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", FENCE + code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)
