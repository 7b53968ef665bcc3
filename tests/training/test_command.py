"""`edgebert train` as a process, from a CSV to a folder that transformers and export take."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import transformers

from tests.support import training_data
from tests.support.commands import edgebert

PROBE = """
import sys
import edgebert
assert "torch" not in sys.modules
edgebert.train
assert "torch" in sys.modules
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return training_data.write_base(tmp_path_factory.mktemp("base") / "tiny")


def test_from_a_csv_to_a_bundle(base: Path, tmp_path: Path) -> None:
    data, out = training_data.classify_file(tmp_path), tmp_path / "out"
    options = ["--task", "classify", "--data", data, "--validation", data, "--base", base]
    numbers = ["--epochs", 30, "--batch-size", 4, "--learning-rate", 0.002, "--device", "cpu"]
    done = edgebert("train", *options, *numbers, "--json", out)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["metrics"]["accuracy"] == 1.0
    assert told["confusion"] == [[2, 0, 0], [0, 2, 0], [0, 0, 2]]
    assert told["by_label"]["colour"] == {"precision": 1, "recall": 1, "f1": 1, "count": 2}
    assert f"next: edgebert export {out} my-model" in " ".join(done.stderr.split())
    assert "done in 0:" in done.stderr
    assert "6 rows to train on" in done.stderr
    model = transformers.AutoModelForSequenceClassification.from_pretrained(out)
    assert model.config.label2id == {"animal": 0, "colour": 1, "size": 2}
    exported = edgebert("export", out, tmp_path / "bundle")
    assert exported.returncode == 0, exported.stderr
    assert "task classify" in exported.stderr
    assert "texts are cut to" not in exported.stderr


def test_mistakes_end_with_2_and_one_line(base: Path, tmp_path: Path) -> None:
    bad = training_data.write_csv(tmp_path / "bad.csv", ("text", "label"), [("a", "b"), ("c",)])
    done = edgebert("train", "--task", "classify", "--data", bad, "--base", base, tmp_path / "out")
    assert done.returncode == 2
    assert "line 3 has 1 cells" in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_the_old_option_of_autocast_is_taken_and_says_so(base: Path, tmp_path: Path) -> None:
    data = training_data.classify_file(tmp_path)
    options = ["--task", "classify", "--data", data, "--base", base, "--precision", "fp8"]
    done = edgebert("train", *options, tmp_path / "out")
    assert done.returncode == 2
    said = " ".join(done.stderr.split())
    assert "--precision is now --autocast" in said
    assert "autocast='fp8', expected one of auto, fp32, bf16, fp16" in said


def test_naming_train_loads_torch_and_importing_edgebert_does_not() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_train_is_found_where_programs_import_it_from() -> None:
    from edgebert import train, training

    assert training.train is train
    with pytest.raises(AttributeError, match="has no attribute 'sing'"):
        _ = training.sing
