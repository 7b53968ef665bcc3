"""Real processes on the tiny bundle: sweeps, what is stored, both commands, ctrl-C."""

import html
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from edgebert_runtime import Bundle, load
from edgebert_runtime.benchmarking.api import bench
from edgebert_runtime.benchmarking.options import BenchOptions, plan
from edgebert_runtime.benchmarking.results import Setting, TunedSettings
from edgebert_runtime.benchmarking.sweep import Job, jobs
from edgebert_runtime.benchmarking.tuning_store import store
from edgebert_runtime.cli.main import main
from edgebert_runtime.engine.threads import usable_cores
from edgebert_runtime.errors import EdgebertError
from edgebert_runtime.loading.graph_cache import ENTRY
from edgebert_runtime.warmup.warm import warm
from tests.support.tiny_encoder import TEXTS

PATIENCE: Final = 120
FEW: Final = ("--variant", "int8", "--batches", "1", "--sequences", "8", "--threads", "1")
COMMANDS: Final = {
    "edgebert-run": [sys.executable, "-m", "edgebert_runtime.cli.main"],
    "edgebert": [sys.executable, "-c", "from edgebert.cli.main import main; main()"],
}


def job(variant: str, threads: int | None) -> Job:
    return Job(variant=variant, threads=threads)


def test_processes_take_turns(tiny_bundle: Bundle) -> None:
    options = BenchOptions(variants=("cpu", "int8"), threads=(1,), rounds=3)
    once = [job("cpu", 1), job("cpu", None), job("int8-cpu", 1), job("int8-cpu", None)]
    assert jobs(plan(tiny_bundle, options)) == [*once, *once[::-1], *once]


def test_a_sweep_in_real_processes(tiny_bundle: Bundle) -> None:
    told: list[Job] = []

    def track(jobs: Sequence[Job]) -> Iterable[Job]:
        for each in jobs:
            told.append(each)
            yield each

    options = BenchOptions(
        variants=("cpu", "int8"),
        batches=(1, 3),
        sequences=(7,),
        threads=(1,),
        rounds=2,
        seconds=0.001,
        budget_ms=60_000,
    )
    report = bench(tiny_bundle, options, track=track)
    assert len(told) == 8
    assert report.bundle == tiny_bundle.folder.name
    assert [(each.variant, each.threads, *each.shape) for each in report.timings] == [
        *(("cpu", 1, 1, 7), ("cpu", 1, 3, 7), ("int8-cpu", 1, 1, 7), ("int8-cpu", 1, 3, 7))
    ]
    for each in report.timings:
        assert len(each.rounds) == 2
        assert all(0 < round_.median_ms <= round_.p95_ms for round_ in each.rounds)
        assert all(round_.yardstick_ms > 0 for round_ in each.rounds)
        assert each.samples >= 2
    memory = [each.peak_memory_bytes for each in report.timings]
    assert memory[0] <= memory[1]
    assert [(start.variant, len(start.rounds_ms), start.warm) for start in report.starts] == [
        *(("cpu", 2, False), ("int8-cpu", 2, False))
    ]
    assert all(ms > 1 for start in report.starts for ms in start.rounds_ms)
    assert [len(start.yardsticks_ms) for start in report.starts] == [2, 2]
    settings = tuple(Setting(variant=name, threads=1) for name in ("cpu", "int8-cpu"))
    assert report.latency.groups == (settings,)  # two rounds rank nothing
    assert (report.latency.best, report.tuned) == (None, None)
    assert [each.largest and each.largest.shape for each in report.within] == [(3, 7), (3, 7)]


def test_a_process_that_fails_says_what_it_was_for(bundle: Bundle) -> None:
    path = bundle.path_of(bundle.manifest.variants["int8-cpu"].file)
    path.write_bytes(path.read_bytes()[::-1])
    options = BenchOptions(variants=("int8",), threads=(1,), rounds=2)
    with pytest.raises(EdgebertError, match=r"'int8-cpu', 1 thread: measuring .*BundleError"):
        bench(bundle, options)


# What is stored


def tuned(**fields: Any) -> TunedSettings:
    usual: dict[str, Any] = {"variant": "int8", "threads": usable_cores(), "latency_threads": 1}
    many = {"micro_batch_tokens": 256, "workers": True, "max_padding": 0.1}
    return TunedSettings(**{**usual, **many, **fields})


@pytest.fixture
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than there may be, so that settings differ."""
    for module in ("loading.options", "engine.session"):
        monkeypatch.setattr(f"edgebert_runtime.{module}.usable_cores", lambda: 4)


def shown(bundle: Bundle, cache: Path, **how: Any) -> tuple[int, int, int, int]:
    info = load(bundle, "int8", cache_dir=cache, **how).info()
    return info.threads, info.micro_batch_tokens, info.workers, info.worker_threads


@pytest.mark.usefixtures("four_cores")
def test_what_is_stored_is_what_load_does(tiny_bundle: Bundle, tmp_path: Path) -> None:
    store(tiny_bundle, tuned(threads=4, latency_threads=2), tmp_path)
    assert shown(tiny_bundle, tmp_path) == (2, 256, 4, 1)
    assert load(tiny_bundle, "int8", cache_dir=tmp_path).info().max_padding == 0.1
    assert shown(tiny_bundle, tmp_path, threads=4) == (4, 256, 4, 1)  # the user's word
    assert shown(tiny_bundle, tmp_path, threads=3) == (3, 512, 1, 3)  # nobody measured that
    assert shown(tiny_bundle, tmp_path, share_threads=True) == (4, 256, 1, 4)
    assert load(tiny_bundle, cache_dir=tmp_path).info().threads == 4  # another variant
    store(tiny_bundle, tuned(threads=4, latency_threads=1, workers=False), tmp_path)
    assert shown(tiny_bundle, tmp_path) == (1, 256, 1, 4)


@pytest.mark.usefixtures("four_cores")
@pytest.mark.parametrize("workers", [True, False])
def test_few_and_many_texts_are_answered_alike(
    tiny_bundle: Bundle, tmp_path: Path, workers: bool
) -> None:
    import pickle

    import numpy as np

    kept = store(tiny_bundle, tuned(threads=4, micro_batch_tokens=20, workers=workers), tmp_path)
    texts = [f"the cat {'sat ' * (number % 9)}" for number in range(40)]
    model = load(tiny_bundle, "int8", cache_dir=tmp_path)
    expected = load(tiny_bundle, "int8", threads=1, cache_dir=False)
    np.testing.assert_allclose(model.embed(TEXTS), expected.embed(TEXTS), atol=2e-6)
    np.testing.assert_allclose(model.embed(texts), expected.embed(texts), atol=2e-6)
    again = pickle.loads(pickle.dumps(model))  # noqa: S301  it is our own
    assert again.info() == model.info()
    assert kept == warm(tiny_bundle, "int8", cache_dir=tmp_path)


def test_storing_again_keeps_what_is_known_of_other_numbers(
    tiny_bundle: Bundle, tmp_path: Path
) -> None:
    store(tiny_bundle, tuned(threads=7, latency_threads=3), tmp_path)
    store(tiny_bundle, tuned(threads=9), tmp_path)
    tunings = warm(tiny_bundle, "int8", cache_dir=tmp_path).tunings
    assert {threads: found.latency_threads for threads, found in tunings.items()} == {7: 3, 9: 1}


def edit_entry(bundle: Bundle, cache: Path, **fields: object) -> None:
    kept = store(bundle, tuned(), cache)
    entry = json.loads((kept.folder / ENTRY).read_text())
    (tuning,) = entry["tunings"].values()
    tuning |= fields
    for name in [name for name, value in fields.items() if value == "gone"]:
        del tuning[name]
    (kept.folder / ENTRY).write_text(json.dumps(entry))


def test_an_entry_of_before_is_read(tiny_bundle: Bundle, tmp_path: Path) -> None:
    edit_entry(tiny_bundle, tmp_path, latency_threads="gone")
    info = load(tiny_bundle, "int8", cache_dir=tmp_path).info()
    assert (info.warm, info.micro_batch_tokens, info.threads) == (True, 256, usable_cores())


@pytest.mark.parametrize("wrong", [0, -1, "2", 1.5, [1]])
def test_an_entry_that_makes_no_sense_is_passed_over(
    tiny_bundle: Bundle, tmp_path: Path, wrong: object
) -> None:
    edit_entry(tiny_bundle, tmp_path, latency_threads=wrong)
    info = load(tiny_bundle, "int8", cache_dir=tmp_path).info()
    assert (info.warm, info.threads) == (False, usable_cores())


# The commands


@pytest.mark.parametrize("name", COMMANDS)
def test_both_commands_print_one_table_and_write_one_record(
    name: str, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    out, drawn = tmp_path / "out.json", tmp_path / "out.html"
    out.write_text("before")
    options = [*FEW, "--rounds", "2", "--quick", "--json", str(out), "--budget-ms", "60000"]
    options += ["--html", str(drawn)]
    command = [*COMMANDS[name], "bench", str(tiny_bundle.folder), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    drawn_here = name == "edgebert"
    assert ("`edgebert report`" in done.stderr) != drawn_here
    assert done.stdout.startswith(
        "tiny, task embed: 2 rounds, about 0.05 s per shape; each setting"
    )
    assert re.search(r"^int8-cpu +1 +1 +8 ", done.stdout, re.MULTILINE)
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["within"][0]["largest"]["sequence"] == 8
    shown = drawn.read_text(encoding="utf-8")
    assert "<h1>How fast tiny is on this machine</h1>" in shown
    assert ("<svg" in shown) == drawn_here
    assert html.escape(shlex.join([name, "bench", str(tiny_bundle.folder)])) in shown
    assert sorted(os.listdir(tmp_path)) == ["out.html", "out.json"]


def test_a_budget_that_nothing_keeps_ends_with_1(
    tiny_bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tiny_bundle.folder)
    assert main(["bench", folder, *FEW, "--rounds", "2", "--quick", "--budget-ms", "1e-6"]) == 1
    out, err = capsys.readouterr()
    assert "over budget" in out
    assert err.startswith("edgebert-run: no measured input is within 1e-06 ms;")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--threads", "1,x"], "threads must be whole numbers with commas"),
        (["--rounds", "1"], "rounds must be at least 2"),
        (["--sequences", "8,4000"], "sequence 4000 exceeds the bundle's limit of 40 tokens"),
        (["--variant", "int8,int3"], "has no variant 'int3'"),
        (["--variant", ""], "has no variant ''"),
        (["--json", "no/where.json"], "cannot be written: No such file or directory"),
        (["--html", "."], ". is not a file"),
        (["--budget-ms", "-1"], "must be a positive number of milliseconds, got -1"),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", COMMANDS)
def test_mistakes_are_one_line_and_nothing_is_measured(
    name: str,
    arguments: list[str],
    message: str,
    tiny_bundle: Bundle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from edgebert.cli.main import main as edgebert_main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.executable", "/nowhere")  # no process can be started
    given = ["bench", str(tiny_bundle.folder), *arguments]
    if name == "edgebert-run":
        code = main(given)
    else:
        monkeypatch.setattr("sys.argv", ["edgebert", *given])
        with pytest.raises(SystemExit) as ended:
            edgebert_main()
        code = ended.value.code  # type: ignore[assignment]
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.startswith(f"{name}: ")
    assert err.count("\n") == 1
    assert message in err


def test_the_command_stores_and_says_how_to_load(
    tiny_bundle: Bundle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("EDGEBERT_CACHE", str(tmp_path))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)  # one core
    assert main(["bench", str(tiny_bundle.folder), *FEW, "--quick", "--store"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "  best choice: int8-cpu with 1 thread" in lines
    assert "  few texts: int8-cpu with 1 thread" in lines
    last = lines[-1]
    assert last.startswith(f"saved in {tmp_path}")
    assert last.endswith(
        f"; `edgebert-run run {tiny_bundle.folder} --variant int8-cpu` uses these settings"
    )
    info = load(tiny_bundle, "int8").info()
    assert (info.warm, info.threads) == (True, 1)
    (entry,) = tmp_path.rglob(ENTRY)
    (tuning,) = json.loads(entry.read_text())["tunings"].values()
    assert info.micro_batch_tokens == tuning["micro_batch_tokens"]
    assert (tuning["workers"], tuning["latency_threads"]) == (False, 1)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="children are found in /proc")
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("everybody", [True, False], ids=["as a terminal", "the command alone"])
@pytest.mark.parametrize("name", COMMANDS)
def test_ctrl_c_ends_all_processes_and_writes_nothing(
    name: str, everybody: bool, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    options = [*FEW, "--rounds", "500", "--json", str(tmp_path / "out.json")]
    process = subprocess.Popen(
        [*COMMANDS[name], "bench", str(tiny_bundle.folder), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    until(lambda: children(process.pid))
    (os.killpg if everybody else os.kill)(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (130, b"")
    assert err.decode() == f"{name}: interrupted\n"
    until(lambda: not in_session(process.pid))
    assert not os.listdir(tmp_path)


def until(happened: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)


def children(parent: int) -> list[int]:
    return [pid for pid, fields in processes() if int(fields[1]) == parent]


def in_session(leader: int) -> list[int]:
    return [pid for pid, fields in processes() if int(fields[3]) == leader]


def processes() -> Iterator[tuple[int, list[str]]]:
    """Process → state, parent, group, session … proc_pid_stat(5)"""
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                line = (folder / "stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue  # it has ended
            yield int(folder.name), line.rpartition(")")[2].split()
