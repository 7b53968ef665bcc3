"""How a program ends while its threads work, and threads that have no core."""

import subprocess
import sys
import time
from typing import Final

import pytest

from edgebert_runtime import Bundle, load
from edgebert_runtime.engine.threads import usable_cores
from tests.support.tiny_encoder import TEXTS

SECONDS: Final = 60
"""Longer than any of this takes."""

ENDING = """
import asyncio, contextlib, sys, threading, time
from edgebert_runtime import load

folder, way = sys.argv[1:]
model = load(folder, threads=2)
texts = ["the small cat", "a dog that has seen the small cat and the red house"] * 50
begun = threading.Event()

async def several():
    with contextlib.suppress(RuntimeError):  # at the end, asyncio's executor takes nothing new
        await asyncio.gather(*(model.aembed(texts) for _ in range(3)))

WAYS = {
    "embed": lambda: model.embed(texts),
    "load": lambda: load(folder),
    "async": lambda: asyncio.run(several()),
}

def work():
    while True:
        begun.set()
        WAYS[way]()

for _ in range(2):
    threading.Thread(target=work, daemon=True).start()
begun.wait()
time.sleep(0.1)
sys.exit(7)
"""


@pytest.mark.parametrize("way", ["embed", "load", "async"])
def test_a_program_ends_while_daemon_threads_work(tiny_bundle: Bundle, way: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENDING, str(tiny_bundle.folder), way],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert (done.returncode, done.stdout, done.stderr) == (7, "", "")


def test_threads_without_a_core_do_not_spin(tiny_bundle: Bundle) -> None:
    """That they sleep is seen in the processor's time, which other processes do not take."""
    load(tiny_bundle).embed(TEXTS)
    before = time.process_time()
    load(tiny_bundle, threads=usable_cores() + 64).embed(TEXTS)
    assert time.process_time() - before < 1
