"""Models in other processes, threads and loops, each in the real thing."""

import asyncio
import contextlib
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from torch.utils.data import DataLoader, Dataset

from edgebert_runtime import Bundle, load
from edgebert_runtime.engine.onnxruntime import TELEMETRY_OFF
from edgebert_runtime.engine.session import Session
from edgebert_runtime.errors import EngineError, ModelClosedError
from edgebert_runtime.tokenization import fork_safety
from tests.support.tiny_encoder import TEXTS

SECONDS = 60
"""Longer than any of this takes; a child without the engine's threads would hang for ever."""

PROMPT_SECONDS = 10
"""Enough to end on a busy machine, far less than a server waits before it kills."""

ROOT = Path(__file__).resolve().parents[2]

FORKING = """
import os, sys
import numpy as np
from edgebert_runtime import load

model = load(sys.argv[1], threads=2)
texts = ["the small cat", "a dog"] * 20
expected = model.embed(texts)
for _ in range(2):
    child = os.fork()
    if child == 0:
        same = np.array_equal(model.embed(texts), expected)
        same &= os.environ["TOKENIZERS_PARALLELISM"] == sys.argv[3].replace("unset", "false")
        if sys.argv[2] == "close":
            model.close()
        grandchild = os.fork()
        if grandchild == 0:
            os._exit(0)
        os.waitpid(grandchild, 0)
        if not same:
            os._exit(1)
        del model
        sys.exit()
    assert os.waitpid(child, 0)[1] == 0
for _ in range(5):
    child = os.fork()
    if child == 0:
        del model
        sys.exit()
    assert os.waitpid(child, 0)[1] == 0
assert np.array_equal(model.embed(texts), expected)
assert os.environ.get("TOKENIZERS_PARALLELISM", "unset") == sys.argv[3]
"""

CLOSING = """
import os, sys
import numpy, onnxruntime, tokenizers
from edgebert_runtime import load

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

found = [resident()]
model = load(sys.argv[1], "fp32")
model.embed(["a text"])
found.append(resident())
model.close()
print(*found, resident())
"""

ASKING = """
import os
from edgebert_runtime.engine import onnxruntime

onnxruntime.import_engine()
print(os.environ[onnxruntime.TELEMETRY_OFF])
"""

APP = """
import json
from edgebert_runtime import load

model = load({folder!r}, variant="int8")
model.embed(["warm, before the workers are forked"])

def app(environ, respond):
    vector = model.embed(["the small cat"])[0]
    respond("200 OK", [("Content-Type", "application/json")])
    return [json.dumps([int(__import__("os").getpid()), vector.tolist()]).encode()]
"""


@pytest.fixture(scope="module")
def expected(tiny_bundle: Bundle) -> np.ndarray:
    return load(tiny_bundle).embed(TEXTS)


def embed(model: Any) -> np.ndarray:
    vectors: np.ndarray = model.embed(TEXTS)
    return vectors


@pytest.mark.parametrize(
    ("way", "parallelism"), [("go", "unset"), ("close", "unset"), ("go", "true"), ("go", "false")]
)
def test_a_forked_child_works_and_nobody_says_a_word(
    tiny_bundle: Bundle, way: str, parallelism: str
) -> None:
    variables = {name: value for name, value in os.environ.items() if name != fork_safety.VARIABLE}
    if parallelism != "unset":
        variables[fork_safety.VARIABLE] = parallelism
    done = subprocess.run(
        [sys.executable, "-c", FORKING, str(tiny_bundle.folder), way, parallelism],
        env=variables,  # transformers sets it, where another test has run one of its pipelines
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("shared", [True, False])
def test_models_that_share_threads_take_turns(
    tiny_bundle: Bundle, expected: np.ndarray, monkeypatch: pytest.MonkeyPatch, shared: bool
) -> None:
    """Two runs at once meet at the barrier; where they take turns, the first waits in vain."""
    both = threading.Barrier(2)

    class Session(onnxruntime.InferenceSession):  # type: ignore[misc]
        def run(self, *arguments: Any) -> Any:
            with contextlib.suppress(threading.BrokenBarrierError):
                both.wait(0.5)
            return super().run(*arguments)

    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    models = [load(tiny_bundle, share_threads=shared) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(embed, models, timeout=SECONDS):
            np.testing.assert_allclose(found, expected, atol=1e-6)
    assert both.broken == shared
    assert pickle.loads(pickle.dumps(models[0])).session.shared == shared  # noqa: S301  our own


@pytest.mark.parametrize(("before", "after"), [(None, "1"), ("0", "0")])
def test_the_engine_reports_to_nobody_unless_told_to(before: str | None, after: str) -> None:
    variables = {name: value for name, value in os.environ.items() if name != TELEMETRY_OFF}
    done = subprocess.run(
        [sys.executable, "-c", ASKING],
        env=variables if before is None else {**variables, TELEMETRY_OFF: before},
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS,
    )
    assert done.stdout.strip() == after


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_pool_of_processes_takes_models_as_arguments(
    tiny_bundle: Bundle, expected: np.ndarray, method: str
) -> None:
    model = load(tiny_bundle, threads=1)
    embed(model)
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        for found in pool.map(embed, [model] * 4, timeout=SECONDS):
            np.testing.assert_allclose(found, expected, atol=1e-6)


class Vectors(Dataset[np.ndarray]):
    """Embeds in the worker, with a model that was loaded and used before."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> np.ndarray:
        vectors: np.ndarray = self._model.embed([TEXTS[index % len(TEXTS)]])
        return vectors[0]


def test_workers_of_a_data_loader(tiny_bundle: Bundle, expected: np.ndarray) -> None:
    model = load(tiny_bundle)
    embed(model)
    loader = DataLoader(Vectors(model), batch_size=2, num_workers=2, timeout=SECONDS)
    found = np.concatenate([batch.numpy() for batch in loader])
    np.testing.assert_allclose(found, expected[[0, 1, 2, 3, 0, 1]], atol=1e-6)


@contextlib.contextmanager
def serving(folder: Path, tmp_path: Path) -> Iterator[str]:
    """A server of two workers forked from one that has loaded and run the model."""
    (tmp_path / "served.py").write_text(APP.format(folder=str(folder)))
    port = 20000 + os.getpid() % 20000
    command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", "2"]
    command += ["--graceful-timeout", str(10 * PROMPT_SECONDS)]
    address = f"127.0.0.1:{port}"
    server = subprocess.Popen(
        [*command, "--bind", address, "--log-level", "error", "served:app"], cwd=tmp_path
    )
    try:
        yield f"http://{address}"
    finally:
        server.terminate()
        server.wait(timeout=PROMPT_SECONDS)  # workers end by themselves, nobody has to kill them


def test_a_server_that_forks_its_workers(tiny_bundle: Bundle, tmp_path: Path) -> None:
    import json

    (vector,) = load(tiny_bundle, "int8").embed(["the small cat"])
    seen: set[int] = set()
    with serving(tiny_bundle.folder, tmp_path) as url:
        end = time.monotonic() + SECONDS
        while len(seen) < 2 and time.monotonic() < end:
            try:
                with urllib.request.urlopen(url, timeout=10) as answer:
                    process, found = json.load(answer)
            except OSError:
                time.sleep(0.2)  # it is still starting
                continue
            np.testing.assert_allclose(found, vector, atol=1e-6)
            seen.add(process)
    assert len(seen) >= 1


def test_pickled_by_path(tiny_bundle: Bundle, expected: np.ndarray) -> None:
    model = load(tiny_bundle, "fp32", threads=1, verify="once")
    pickled = pickle.dumps(model)
    assert len(pickled) < 1000
    again = pickle.loads(pickled)  # noqa: S301  it is our own
    assert again.info() == model.info()
    np.testing.assert_array_equal(embed(again), expected)


def test_many_threads_share_one_model(tiny_bundle: Bundle, expected: np.ndarray) -> None:
    model = load(tiny_bundle)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(embed, [model] * 64, timeout=SECONDS):
            np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_loop_goes_on_while_a_model_works(
    tiny_bundle: Bundle, expected: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop keeps counting while the engine is held up in another thread."""
    model = load(tiny_bundle)
    held, ticks = threading.Event(), 0
    run = model.session.run

    def slow(*arguments: Any) -> Any:
        held.wait(SECONDS)
        return run(*arguments)

    async def main() -> np.ndarray:
        nonlocal ticks
        answer = asyncio.create_task(model.aembed(TEXTS, normalize=None))
        for _ in range(5):
            await asyncio.sleep(0.01)
            ticks += 1
        assert not answer.done()
        held.set()
        return await answer

    monkeypatch.setattr(model.session, "run", slow)
    np.testing.assert_allclose(asyncio.run(main()), expected, atol=1e-6)
    assert ticks == 5
    assert model.aembed.__doc__ == model.embed.__doc__


def test_a_closed_model_gives_most_of_its_memory_back(minilm_bundle: Bundle) -> None:
    command = [sys.executable, "-c", CLOSING, str(minilm_bundle.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=SECONDS)
    bare, opened, closed = map(int, done.stdout.split())
    assert opened - bare > 40 * 2**20
    assert opened - closed > 0.5 * (opened - bare)


def test_a_closed_model_says_so(tiny_bundle: Bundle) -> None:
    with load(tiny_bundle) as model:
        model.embed(["a text"])
    model.close()
    for call in (lambda: model.embed(["a text"]), lambda: model.session.run([], {})):
        with pytest.raises(ModelClosedError, match="this model is closed; load it again"):
            call()


def test_what_the_engine_says_is_translated(tiny_bundle: Bundle) -> None:
    session = Session(tiny_bundle.path_of("onnx/model_cpu.onnx"), provider="cpu")
    feeds = {name: np.full((1, 3), 10**9, np.int64) for name in session.inputs}
    with pytest.raises(EngineError, match=r"cannot run .*model_cpu.onnx on input_ids \(1, 3\)"):
        session.run(session.outputs, feeds)
