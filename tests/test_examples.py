"""The examples run as their first lines say."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_a_module_of_ones_own_is_exported(tmp_path: Path) -> None:
    for _ in range(2):  # the second time replaces the bundle
        done = subprocess.run(
            [sys.executable, "-m", "examples.own_module", str(tmp_path)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == "(3, 64) vectors, 4 fused attentions, equal to torch\n"
