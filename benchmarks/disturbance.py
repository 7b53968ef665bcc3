"""What `compare` says of one bundle while another program comes and goes.

`python -m benchmarks.disturbance BUNDLE` measures the same bundle again and again with
`bench --json --quick`, while a process for each core computes for some seconds, and not for some
seconds. It compares each record with the next: nothing may be called slower. Then it stops the
other program and compares int8 with fp32, which is slower, by records and in alternating rounds.
"""

import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread
from typing import Annotated, Final

import typer

from benchmarks.machine import describe
from edgebert_runtime.benchmarking.comparison import Measured, Measurements, compare, read_record
from edgebert_runtime.cli.compare import AT_MOST
from edgebert_runtime.engine.threads import usable_cores

PROGRAM: Final = (sys.executable, "-m", "edgebert_runtime.cli.main")
QUICK: Final = ("--quick", "--sequences", "32")
SHORTEST_SECONDS: Final = 1.0
LONGEST_SECONDS: Final = 6.0
VERDICTS: Final = {0: "not slower", 1: "slower", 3: "the machine changed"}

FAST: Final = "int8"
SLOW: Final = "cpu"


@contextmanager
def coming_and_going(seed: int) -> Iterator[None]:
    """A process for each core that computes for random seconds, and rests for random seconds."""
    ended = Event()
    thread = Thread(target=_come_and_go, args=(random.Random(seed), ended))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _come_and_go(chance: random.Random, ended: Event) -> None:
    command = [sys.executable, "-c", "while True: pass"]
    while not ended.is_set():
        busy = [subprocess.Popen(command) for _ in range(usable_cores())]
        ended.wait(chance.uniform(SHORTEST_SECONDS, LONGEST_SECONDS))
        for process in busy:
            process.kill()
            process.wait()
        ended.wait(chance.uniform(SHORTEST_SECONDS, LONGEST_SECONDS))


def record(bundle: Path, variant: str, to: Path) -> Path:
    """A record of `bench`, in which every variant is called `FAST`."""
    command = [*PROGRAM, "bench", str(bundle), "--variant", variant, *QUICK, "--json", str(to)]
    subprocess.run(command, check=True, capture_output=True)
    text = to.read_text(encoding="utf-8").replace(f'"variant": "{variant}"', f'"variant": "{FAST}"')
    to.write_text(text, encoding="utf-8")
    return to


def verdict(*arguments: object) -> str:
    """What `compare` ends with."""
    command = [*PROGRAM, "compare", *map(str, arguments)]
    return VERDICTS[subprocess.run(command, check=False, capture_output=True).returncode]


def verdict_without_yardstick(before: Path, after: Path) -> str:
    """What it would end with if the records had no yardsticks."""
    changes = compare(*(_bare(read_record(path)) for path in (before, after)))
    return VERDICTS[int(any(change.is_slower(AT_MOST) for change in changes))]


def _bare(measurements: Measurements) -> Measurements:
    return {name: Measured(each.times) for name, each in measurements.items()}


def main(
    bundle: Annotated[Path, typer.Argument(help=f"a bundle with {FAST} and {SLOW}")],
    trials: Annotated[int, typer.Option(min=1, help="comparisons of two records")] = 20,
    paired: Annotated[int, typer.Option(min=0, help="comparisons in alternating rounds")] = 2,
    seed: Annotated[int, typer.Option(help="of the other program's seconds")] = 1,
) -> None:
    """Print the verdicts as JSON, a line each, and how often each was given."""
    begun = time.monotonic()
    _say(machine=describe(), trials=trials, paired=paired)
    with tempfile.TemporaryDirectory() as folder:
        with coming_and_going(seed):
            paths = [record(bundle, FAST, Path(folder, f"{at}.json")) for at in range(trials + 1)]
            for what, judged in (("with", verdict), ("without", verdict_without_yardstick)):
                counted = Counter(judged(*pair) for pair in pairwise(paths))
                _say(same_bundle=f"records {what} yardsticks", **counted)
            same = Counter(
                verdict(bundle, bundle, "--variant", FAST, *QUICK) for _ in range(paired)
            )
            _say(same_bundle="alternating rounds", **same)
            _say_slower(bundle, "other program on")
        fast = record(bundle, FAST, Path(folder, "fast.json"))
        slow = record(bundle, SLOW, Path(folder, "slow.json"))
        _say(slower_bundle="records, other program off", verdict=verdict(fast, slow))
        _say_slower(bundle, "other program off")
    _say(minutes=round((time.monotonic() - begun) / 60, 1))


def _say_slower(bundle: Path, when: str) -> None:
    found = verdict(bundle, bundle, "--variant", f"{FAST},{SLOW}", *QUICK)
    _say(slower_bundle=f"alternating rounds, {when}", verdict=found)


def _say(**fields: object) -> None:
    print(json.dumps(fields, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    typer.run(main)
