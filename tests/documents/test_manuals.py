"""The how-to pages about making, measuring and running a bundle, run as a reader would.

A block of `output` shows what a command printed on a model that is too large for a test. The
commands run on a small one here, and numbers may be others.
"""

import csv
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
import torch

import edgebert
from edgebert import TrainingConfig
from edgebert.model.encoder import Encoder
from edgebert_runtime import Bundle
from examples.minilm import minilm_folder
from tests.support.families import SAMPLES, build, save
from tests.support.page_blocks import run_page
from tests.support.tiny_encoder import WIDER, WORDS, save_tiny

pytestmark = pytest.mark.documents

PAGES: Final = Path(__file__).parents[2] / "docs" / "how-to"
OUTPUT: Final = re.compile(r"^```output\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NUMBER: Final = re.compile(r"\S*\d\S*")
FROM_NUMBER: Final = re.compile(r"\S*\d.*$", re.MULTILINE)
NUMBERED_LINE: Final = re.compile(r"^.*\d.*$", re.MULTILINE)


def page(name: str, varies: re.Pattern[str] = NUMBER) -> str:
    """A page whose blocks of `output` are compared but for what varies."""

    def compared(match: re.Match[str]) -> str:
        return f"```text\n...{varies.sub('...', match[1]).rstrip()}...\n```"

    return OUTPUT.sub(compared, (PAGES / f"{name}.md").read_text(encoding="utf-8"))


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def texts(count: int) -> list[str]:
    """So many different texts of the tiny vocabulary."""
    words = WORDS.split()
    return [f"{words[n % 20]} {words[n * 7 % 19]} {words[n * 3 % 17]}" for n in range(count)]


def write_labelled(path: Path, count: int) -> None:
    """So many texts, half of them positive, which a single word tells."""
    labels = ["positive", "negative"] * (count // 2)
    told = {"positive": "cat", "negative": "dog"}
    rows = [
        (f"{told[label]} {text}", label) for label, text in zip(labels, texts(count), strict=True)
    ]
    write_csv(path, ("text", "label"), rows)


def save_base(folder: Path) -> None:
    """A checkpoint of one layer that takes texts as long as the pages say."""
    torch.manual_seed(0)
    folder.parent.mkdir(parents=True)
    save_tiny(Encoder(replace(WIDER, positions=128)).eval(), folder)


def run(text: str, folder: Path) -> int:
    """How many blocks of a page ran."""
    return len(list(run_page(text, folder)))


def test_own_module(tmp_path: Path) -> None:
    torch.manual_seed(0)
    save(build(SAMPLES["bert"]), tmp_path / "path/to/checkpoint")
    (tmp_path / "path/to/tokenizer").mkdir()
    tokenizer = "path/to/tokenizer/tokenizer.json"
    shutil.copyfile(minilm_folder() / "tokenizer.json", tmp_path / tokenizer)
    assert run(page("own-module"), tmp_path) == 4


def test_quantize(tmp_path: Path) -> None:
    base, checkpoint = tmp_path / "bases/base", tmp_path / "my-checkpoint"
    save_base(base)
    for name in ("labelled.csv", "new.csv"):
        write_labelled(tmp_path / name, 200)
    write_csv(tmp_path / "reviews.csv", ("review",), [(text,) for text in texts(100)])
    pairs = [(text, f"{text} cat") for text in texts(100)]
    write_csv(tmp_path / "pairs.csv", ("text", "positive"), pairs)
    labels = tmp_path / "labelled.csv"
    edgebert.train(base, labels, checkpoint, task="classify", config=TrainingConfig(epochs=1))
    edgebert.export(checkpoint, tmp_path / "my-classifier")
    bundle = edgebert.export(base, tmp_path / "my-model")
    (tmp_path / "theirs").mkdir()
    shutil.copy(bundle.folder / "tokenizer.json", tmp_path / "theirs")
    shutil.copy(bundle.folder / "onnx/model.onnx", tmp_path / "theirs")
    assert run(page("quantize", FROM_NUMBER), tmp_path) == 9


def test_train(tmp_path: Path) -> None:
    save_base(tmp_path / "path/to/minilm")
    write_labelled(tmp_path / "train.csv", 40)
    write_labelled(tmp_path / "valid.csv", 20)
    assert run(page("train"), tmp_path) == 3


def test_gpu(tmp_path: Path) -> None:
    save_base(tmp_path / "path/to/minilm")
    assert run(page("gpu"), tmp_path) == 1
    assert {"cuda", "fp16", "fp16-packed"} <= Bundle.open(
        tmp_path / "my-model"
    ).manifest.variants.keys()


def test_small_device(tmp_path: Path, tiny_bundle: Bundle) -> None:
    shutil.copytree(tiny_bundle.folder, tmp_path / "my-model")
    assert run(page("small-device"), tmp_path) == 2


def test_compress(tmp_path: Path, tiny_bundle: Bundle) -> None:
    shutil.copytree(tiny_bundle.folder, tmp_path / "my-model")
    assert run(page("compress"), tmp_path) == 1  # without the search, which runs for minutes


def test_benchmark(tmp_path: Path, tiny_bundle: Bundle) -> None:
    shutil.copytree(tiny_bundle.folder, tmp_path / "my-model")
    assert run(page("benchmark", FROM_NUMBER), tmp_path) == 6


def test_profile(tmp_path: Path, tiny_bundle: Bundle) -> None:
    shutil.copytree(tiny_bundle.folder, tmp_path / "my-model")
    assert run(page("profile", NUMBERED_LINE), tmp_path) == 4
