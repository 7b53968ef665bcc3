"""The small programs of `examples/`, each run as its first lines say."""

import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from edgebert_runtime import Bundle, Embedder, load
from edgebert_runtime.errors import ModelClosedError
from examples import desktop, service
from examples.desktop import Answer, Worker
from examples.search import Index
from tests.support.tiny_encoder import TEXTS

ROOT = Path(__file__).parents[1]
SECONDS = 60
"""Longer than any of this takes."""

LINES = 80
APPS = ("service", "search", "batch", "desktop")


@pytest.fixture(scope="module")
def model(tiny_bundle: Bundle) -> Embedder:
    return load(tiny_bundle)


def run_app(name: str, *arguments: object) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", f"examples.{name}", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("name", APPS)
def test_an_app_is_small(name: str) -> None:
    text = (ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) < LINES


# The service: a real server on a port that the system chooses.


def server(bundle: Path | None) -> tuple[list[str], dict[str, str]]:
    """The command and its environment."""
    variables = {name: value for name, value in os.environ.items() if "EDGEBERT" not in name}
    if bundle is not None:
        variables["EDGEBERT_BUNDLE"] = str(bundle)
    command = [sys.executable, "-m", "uvicorn", "examples.service:app", "--port", "0"]
    return [*command, "--no-access-log"], variables


@contextmanager
def serving(bundle: Path) -> Iterator[str]:
    command, variables = server(bundle)
    with subprocess.Popen(
        command, cwd=ROOT, env=variables, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = threading.Timer(SECONDS, process.kill)  # ends the wait for a line
        deadline.start()
        try:
            assert process.stderr is not None
            words = (word for line in process.stderr for word in line.split())
            yield next(word for word in words if word.startswith("http://"))
        finally:
            deadline.cancel()
            process.terminate()


@pytest.fixture(scope="module")
def url(tiny_bundle: Bundle) -> Iterator[str]:
    with serving(tiny_bundle.folder) as address:
        yield address


def ask(url: str, body: object = None) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_the_service_embeds(url: str, model: Embedder) -> None:
    status, answer = ask(f"{url}/embed", {"texts": TEXTS[:3]})
    assert status == 200
    np.testing.assert_allclose(answer["vectors"], model.embed(TEXTS[:3]), atol=1e-6)
    assert ask(f"{url}/embed", {"texts": []}) == (200, {"vectors": []})


def test_requests_side_by_side_get_their_own_vectors(url: str, model: Embedder) -> None:
    texts = [[text] for text in TEXTS[:3]] * 8
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda one: ask(f"{url}/embed", {"texts": one}), texts))
    found = [answer["vectors"][0] for status, answer in answers if status == 200]
    np.testing.assert_allclose(found, np.tile(model.embed(TEXTS[:3]), (8, 1)), atol=1e-6)


def test_the_service_says_what_runs(url: str, model: Embedder) -> None:
    status, answer = ask(f"{url}/health")
    info = model.info()
    assert status == 200
    assert answer["sha256"] == dict(info.sha256)
    assert (answer["variant"], answer["dimensions"]) == (info.variant, info.dimensions)


@pytest.mark.parametrize(
    ("texts", "status", "message"),
    [
        (["a"] * (service.MOST_TEXTS + 1), 413, "65 texts, at most 64 a request"),
        (["a" * 60_000] * 2, 413, "120000 characters, at most 100000 a request"),
        (["a", "b\ud800"], 422, "item 1 holds a lone surrogate"),
        ("a", 422, "Input should be a valid list"),
        ([1], 422, "Input should be a valid string"),
    ],
)
def test_the_service_refuses(url: str, texts: object, status: int, message: str) -> None:
    found, answer = ask(f"{url}/embed", {"texts": texts})
    assert found == status
    assert message in str(answer["detail"])


def test_the_service_takes_as_much_as_it_says(url: str) -> None:
    texts = ["a"] * service.MOST_TEXTS
    status, answer = ask(f"{url}/embed", {"texts": texts})
    assert (status, len(answer["vectors"])) == (200, service.MOST_TEXTS)


@pytest.mark.parametrize(
    ("bundle", "message"),
    [(None, "EDGEBERT_BUNDLE is not set"), (ROOT / "nothing", "nothing an edgebert bundle?")],
)
def test_the_service_does_not_start_without_a_bundle(bundle: Path | None, message: str) -> None:
    command, variables = server(bundle)
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 3  # uvicorn's for a start that failed
    assert message in done.stderr


# The search, in a process of its own.


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text("the small cat\n sat on the mat\n\n\na dog ran\n", "utf-8")
    (folder / "deep" / "b.md").write_text("\nred and blue\n", "utf-8")
    (folder / "folder.txt").mkdir()
    (folder / "deep" / "c.bin").write_text("it is red", "utf-8")
    return folder


def test_a_folder_is_searched(tiny_bundle: Bundle, model: Embedder, notes: Path) -> None:
    texts = ["the small cat sat on the mat", "a dog ran", "red and blue"]
    places = [f"{notes / 'a.txt'}:1", f"{notes / 'a.txt'}:5", f"{notes / 'deep' / 'b.md'}:2"]
    scores = model.embed(texts, normalize=True) @ model.embed(["the dog"], normalize=True)[0]
    expected = [f"{scores[i]:.3f}  {places[i]}  {texts[i]}" for i in np.argsort(-scores)]
    before = sorted(notes.rglob("*"))
    code, printed, said = run_app("search", notes, tiny_bundle.folder, "the dog")
    assert (code, said) == (0, "")
    assert printed.splitlines() == expected
    assert sorted(notes.rglob("*")) == before


def test_the_best_come_first_and_no_more_than_five(model: Embedder, tmp_path: Path) -> None:
    for number, text in enumerate(["red", "a cat", "dogs ran", "a mat", "it", "blue", "far"]):
        (tmp_path / f"{number}.txt").write_text(text, "utf-8")
    found = Index(model, tmp_path).search("a cat")
    scores = [score for score, _ in found]
    assert len(found) == 5
    assert scores == sorted(scores, reverse=True)
    assert (found[0][1].text, round(scores[0], 5)) == ("a cat", 1)


def test_a_search_that_cannot_be(tiny_bundle: Bundle, notes: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    bundle = tiny_bundle.folder
    for folder, opened, message in (
        (tmp_path / "none", bundle, "none is not a folder"),
        (empty, bundle, "empty has no text in files that end in .md or .txt"),
        (notes, notes, "notes an edgebert bundle?"),
    ):
        code, printed, said = run_app("search", folder, opened, "the dog")
        assert (code, printed) == (2, "")
        assert message in said
        assert "Traceback" not in said


# The batch job, in processes of its own.


def test_rows_of_a_file_get_vectors(tiny_bundle: Bundle, model: Embedder, tmp_path: Path) -> None:
    table, out = tmp_path / "in.parquet", tmp_path / "out"
    texts = ["the small cat", "a dog", None, "", "it ran far"]
    pq.write_table(pa.table({"id": range(5), "text": texts}), table, row_group_size=2)
    for rows, bad in ((5, 1), (0, 0)):  # the second time there is nothing left to do
        code, printed, said = run_app("batch", tiny_bundle.folder, table, out)
        told = f"{rows} rows in {out}, {bad} of them without a vector\n"
        assert (code, printed, said) == (0, told, "")
    (shard,) = out.glob("part-*.parquet")
    rows = pq.read_table(shard)
    assert rows.drop_columns(["embedding", "_error"]) == pq.read_table(table)
    vectors = rows["embedding"].to_pylist()
    assert vectors.pop(2) is None
    expected = model.embed(["the small cat", "a dog", "", "it ran far"])
    np.testing.assert_allclose(vectors, expected, atol=1e-6)


def test_rows_that_cannot_be_read(tiny_bundle: Bundle, tmp_path: Path) -> None:
    code, printed, said = run_app("batch", tiny_bundle.folder, tmp_path / "none", tmp_path / "out")
    assert (code, printed) == (2, "")
    assert "none cannot be read: No such file or directory" in said
    assert "Traceback" not in said


# The desktop's worker, in real threads, held up where an order matters.


class Held:
    """Stands in for an index: its searches wait until they are let go."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()
        self.searched: list[str] = []

    def search(self, text: str) -> list[object]:
        self.searched.append(text)
        self.begun.set()
        assert self.go.wait(SECONDS)
        return [(1.0, text)]


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    index = Held()
    monkeypatch.setattr(desktop, "Index", lambda *_: index)
    return index


def poll_until(worker: Worker, reached: Callable[[], bool]) -> None:
    """As an interface does, until something has come of it."""
    tick = threading.Event()
    for _ in range(SECONDS * 100):
        worker.poll()
        if reached():
            return
        tick.wait(0.01)
    pytest.fail(f"nothing came in {SECONDS} s")


def test_a_worker_answers_on_the_thread_that_polls(
    tiny_bundle: Bundle, model: Embedder, notes: Path
) -> None:
    answers: list[tuple[Answer, threading.Thread]] = []
    worker = Worker(notes, tiny_bundle.folder)
    worker.submit("the dog", lambda answer: answers.append((answer, threading.current_thread())))
    poll_until(worker, lambda: bool(answers))
    ((answer, thread),) = answers
    assert thread is threading.current_thread()
    assert answer.result() == Index(model, notes).search("the dog")
    worker.close()


def test_the_latest_question_supersedes_those_that_wait(
    tiny_bundle: Bundle, notes: Path, held: Held
) -> None:
    called: list[str] = []
    worker = Worker(notes, tiny_bundle.folder)
    worker.submit("t", lambda _: called.append("t"))
    assert held.begun.wait(SECONDS)
    for text in ("te", "tex", "text"):  # none of these waits for the one under way
        worker.submit(text, lambda _, text=text: called.append(text))
        worker.poll()
    assert called == []
    held.go.set()
    poll_until(worker, lambda: len(called) == 2)
    assert called == held.searched == ["t", "text"]
    worker.close()


def test_closing_drops_what_waits_and_ends_what_runs(
    tiny_bundle: Bundle, notes: Path, held: Held
) -> None:
    called: list[Answer] = []
    worker = Worker(notes, tiny_bundle.folder)
    worker.submit("t", called.append)
    assert held.begun.wait(SECONDS)
    waiting = worker.submit("te", called.append)
    waiting.add_done_callback(lambda _: held.go.set())  # the first runs until this is dropped
    worker.close()
    worker.close()
    worker.poll()
    assert waiting.cancelled()
    assert (called, held.searched) == ([], ["t"])
    with pytest.raises(RuntimeError, match="after shutdown"):
        worker.submit("tex", called.append)


def test_a_closed_worker_leaves_no_thread_and_no_open_model(
    tiny_bundle: Bundle, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, answers = load(tiny_bundle), []
    monkeypatch.setattr(desktop, "load", lambda *_, **__: model)
    before = threading.active_count()
    worker = Worker(notes, tiny_bundle.folder)
    worker.submit("the dog", answers.append)
    poll_until(worker, lambda: bool(answers))
    assert threading.active_count() == before + 1
    worker.close()
    assert threading.active_count() == before
    with pytest.raises(ModelClosedError):
        model.embed(["a"])


def test_the_interface_hears_what_went_wrong(tiny_bundle: Bundle, tmp_path: Path) -> None:
    answers: list[Answer] = []
    worker = Worker(tmp_path / "none", tiny_bundle.folder)
    worker.submit("a", answers.append)
    poll_until(worker, lambda: bool(answers))
    with pytest.raises(NotADirectoryError, match="none is not a folder"):
        answers[0].result()
    worker.close()
