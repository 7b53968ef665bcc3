"""Three programs of a user, run as they are; their types are checked with ours."""

import csv
import io
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import edgebert
from edgebert_runtime import Bundle, load
from tests.support.made_once import MadeOnce
from tests.support.task_bundles import BERT, build

ROOT = Path(__file__).parents[1]
SECONDS = 60
TEXTS = ["the cat sat on the mat", "a dog ran", "paris is in france"]


@pytest.fixture(scope="module")
def folders(made_once: MadeOnce) -> dict[str, Path]:
    return {task: build(BERT[task], made_once).folder for task in ("classify", "tag")}


def run(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", f"tests.programs.{name}"]
    return subprocess.run(
        [*command, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS,
    )


@contextmanager
def serving(bundle: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "tests.programs.classify_service:app"]
    environment = {**os.environ, "CLASSIFIER": str(bundle)}
    with subprocess.Popen([*command, "--port", str(port)], cwd=ROOT, env=environment) as process:
        try:
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()


def ask(url: str, texts: list[str] | None = None) -> object:
    """The answer of a service, which may still be starting."""
    body = None if texts is None else json.dumps(texts).encode()
    asked = urllib.request.Request(url, body, {"content-type": "application/json"})
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            with urllib.request.urlopen(asked, timeout=SECONDS) as answer:
                return json.load(answer)
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def test_a_classifier_behind_a_web_framework(folders: dict[str, Path]) -> None:
    with load(folders["classify"], task="classify") as model:
        expected = [each.best for each in model.classify(TEXTS)]
        labels = list(model.labels)
    with serving(folders["classify"]) as url:
        about = ask(url)
        answers = ask(f"{url}classify", TEXTS)
    assert about == {"variant": "portable", "precision": "fp32", "labels": labels}
    assert isinstance(answers, list)
    assert [each["label"] for each in answers] == [each.label for each in expected]
    scores = [each["score"] for each in answers]
    np.testing.assert_allclose(scores, [each.score for each in expected], atol=1e-6)


def test_five_thousand_rows_and_a_search(bundle: Bundle, tmp_path: Path) -> None:
    """After `quantize`, what answers is int8, though the program asks for nothing."""
    edgebert.set_default(bundle, "int8")
    words = ["cat", "dog", "bird", "fish", "sat", "ran", "sang", "swam"]
    rows = [f"the {words[n % 4]} {words[4 + n // 4 % 4]} {n}" for n in range(4_999)]
    file, vectors = tmp_path / "rows.csv", tmp_path / "vectors.npy"
    with file.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([["id", "text"], *enumerate(rows), [4_999, "the last, quoted"]])
    done = run("embed_and_search", bundle.folder, file, vectors, rows[1_234])
    assert done.stderr == "int8-cpu\n"
    stored = np.load(vectors)
    assert (stored.shape, stored.dtype) == ((5_000, 48), np.float32)
    found = [line.split("\t") for line in done.stdout.splitlines()]
    scores = stored @ stored[1_234]
    assert [float(score) for _, score in found] == pytest.approx(np.sort(scores)[:-4:-1], abs=1e-4)
    assert [scores[int(row)] for row, _ in found] == pytest.approx([1.0] * 3, abs=1e-3)


def test_a_batch_of_a_tagger(folders: dict[str, Path], tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    records = [{"id": number, "text": text} for number, text in enumerate(TEXTS)]
    file.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    table = list(csv.DictReader(io.StringIO(run("tag_batch", folders["tag"], file).stdout)))
    with load(folders["tag"], task="tag") as model:
        expected = [(n, each) for n, found in enumerate(model.tag(TEXTS)) for each in found]
    assert expected
    assert [(int(row["id"]), row["label"], row["text"]) for row in table] == [
        (number, each.label, each.text) for number, each in expected
    ]
