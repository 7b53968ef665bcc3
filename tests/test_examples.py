"""The examples run as their first lines say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
JUDGED = {"train_sentiment": 3, "train_casing": 2, "train_masked": 0}
"""Lines in which the exported model is judged."""

TRAINING = [
    "train_masked",
    pytest.param("train_sentiment", marks=pytest.mark.slow),
    pytest.param("train_casing", marks=pytest.mark.slow),
]


def run_example(name: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", f"examples.{name}", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_a_module_of_ones_own_is_exported(tmp_path: Path) -> None:
    for _ in range(2):  # the second time replaces the bundle
        printed = run_example("own_module", str(tmp_path))
        assert printed == "(3, 64) vectors, 4 fused attentions, equal to torch\n"


@pytest.mark.parametrize("name", TRAINING)
def test_training_runs_to_its_end_on_a_few_sentences(name: str, tmp_path: Path) -> None:
    printed = run_example(name, "--folder", str(tmp_path), "--sentences", "80")
    assert re.search(r"^[1-9]\d* steps in ", printed, re.MULTILINE)
    judged = re.findall(r": (\d+) sentences, accuracy (?:fp32 )?(\d\.\d+)", printed)
    assert len(judged) == JUDGED[name]
    assert all(int(count) > 0 and 0.3 < float(accuracy) <= 1 for count, accuracy in judged)
