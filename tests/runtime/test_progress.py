"""Who sees progress, when, and in which words. The time is injected, nothing sleeps."""

import io
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgebert_runtime import Bundle, Embedder, load
from edgebert_runtime.cli.main import main
from edgebert_runtime.cli.progress import counted, progress_at_once
from edgebert_runtime.inference.call import CHUNK_TEXTS, Call
from edgebert_runtime.progress import (
    MINUTE,
    SHORT,
    Heart,
    Meter,
    ProgressEvent,
    bar_view,
    line_view,
    steps,
    view_of,
)


class Terminal(io.StringIO):
    """Standard error where a person looks."""

    def isatty(self) -> bool:
        return True


class Clock:
    """Time that a test moves on."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def a_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Put it in place of standard error; in the test itself, as pytest does the same before it."""
    found = Terminal()
    monkeypatch.setattr("sys.stderr", found)
    return found


@pytest.fixture(scope="module")
def model(tiny_bundle: Bundle) -> Embedder:
    return load(tiny_bundle, task="embed")


def test_a_log_has_a_line_a_minute() -> None:
    lines: list[str] = []
    clock = Clock()
    with Meter(48_000, line_view(lines.append), clock=clock) as meter:
        for minute in range(4):
            for second in (1, 30, 59):
                clock.seconds = minute * MINUTE + second
                meter.update(minute * 12_000 + second * 200)
        assert lines == [
            "12,200 of 48,000 texts, 200 texts/s",
            "24,200 of 48,000 texts, 200 texts/s",
            "36,200 of 48,000 texts, 200 texts/s",
        ]
        clock.seconds = 240
        meter.update(48_000)
    assert lines[3:] == ["48,000 of 48,000 texts, 200 texts/s"]


def test_a_bar_is_drawn_ten_times_a_second_once_a_call_is_long() -> None:
    clock, stream = Clock(), Terminal()
    with Meter(100, bar_view(stream, delay=SHORT), clock=clock) as meter:
        for tenth in range(0, 101, 5):
            clock.seconds = tenth / 40
            meter.update(tenth)
        assert stream.getvalue().count("\r") == 5  # at 2, 2.125, 2.25, 2.375 and 2.5 seconds
    assert stream.getvalue().rstrip().endswith("100% 100/100 texts, 40 texts/s")
    assert stream.getvalue().endswith("\n")


def test_a_short_call_draws_nothing() -> None:
    stream = Terminal()
    with Meter(100, bar_view(stream, delay=SHORT), clock=Clock()) as meter:
        meter.update(100)
    assert stream.getvalue() == ""


def test_counts_never_fall_and_an_unknown_total_is_asked_for_once() -> None:
    asked: list[int] = []
    events: list[ProgressEvent] = []
    view = view_of(events.append)
    assert view is not None

    def total() -> int:
        asked.append(1)
        return 9

    clock = Clock()
    with Meter(total, view, clock=clock) as meter:
        for done in (3, 2, 5):
            clock.seconds += 1
            meter.update(done, "loss 1")
    assert [(event.done, event.total) for event in events] == [(3, 9), (3, 9), (5, 9)]
    assert events[0] == "3 of 9 texts, 3.0 texts/s, loss 1"
    assert asked == [1]


def test_a_step_that_goes_on_says_so_once_a_minute() -> None:
    lines: list[str] = []
    clock = Clock()
    heart = Heart(lines.append, "", clock)
    waits = iter([60.0, 90.0, 150.0, 215.0])

    def stopped(seconds: float) -> bool:
        assert seconds == MINUTE
        clock.seconds = next(waits, 0.0)
        if clock.seconds == 90.0:
            heart.tell("tracing")
        return clock.seconds == 0.0

    heart.beat(stopped)
    assert lines == ["tracing", "tracing: 1:00 so far", "tracing: 2:05 so far"]


@pytest.mark.parametrize("progress", [None, False])
def test_a_program_says_nothing_without_a_terminal(
    progress: bool | None, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), steps(progress) as tell:
        tell("tracing")
        assert view_of(progress) is None
    assert capsys.readouterr() == ("", "")
    assert not caplog.records


def test_true_shows_steps_in_a_log_too(capsys: pytest.CaptureFixture[str]) -> None:
    with steps(True) as tell:
        tell("tracing")
    assert capsys.readouterr().err == "tracing\ndone in 0:00\n"


def test_a_terminal_shows_steps_and_false_hides_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = a_terminal(monkeypatch)
    with steps(None) as tell:
        tell("tracing")
    assert terminal.getvalue().split() == ["tracing", "done", "in", "0:00"]
    with steps(False) as tell:
        tell("fusing")
    assert "fusing" not in terminal.getvalue()


def test_a_function_is_called_with_events() -> None:
    events: list[ProgressEvent] = []
    with steps(events.append) as tell, steps(tell) as inner:
        inner("tracing")
    assert events == ["tracing"]
    assert (events[0].done, events[0].total) == (None, None)


def test_a_bar_of_another_thread_stands_on_no_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = a_terminal(monkeypatch)
    from concurrent.futures import ThreadPoolExecutor

    assert view_of(None) is not None
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(view_of, None).result() is None
        assert pool.submit(view_of, True).result() is not None
    assert terminal.getvalue() == ""


def test_a_call_says_how_many_texts_have_their_answer(model: Embedder) -> None:
    events: list[ProgressEvent] = []
    texts = ["a cat sat"] * (2 * CHUNK_TEXTS + 5)
    model.embed(texts, progress=events.append)
    assert (events[-1].done, events[-1].total) == (len(texts), len(texts))
    done = [event.done or 0 for event in events]
    assert done == sorted(done)
    streamed: list[ProgressEvent] = []
    list(model.embed(iter(texts[:7]), progress=streamed.append))
    assert (streamed[-1].done, streamed[-1].total) == (7, None)


def test_micro_batches_count_before_their_chunk_is_done(model: Embedder) -> None:
    clock, events = Clock(), list[ProgressEvent]()
    texts = ["a cat sat on the mat"] * 640

    def watch(done: int) -> None:
        clock.seconds += 1  # a caller is told once a second
        meter.update(done)

    call, encoded = Call(model.info().max_length, watch), model.encode(texts)
    call.encoded(encoded)
    with Meter(len(texts), view_of(events.append), clock=clock) as meter:
        model.run(encoded, call=call)
    assert 1 < len({event.done for event in events}) < 64
    assert events[-1].done == 640


SHOWN: list[Callable[[Embedder, Any], object]] = [
    lambda model, shown: model.embed(["a cat"], progress=shown),
    lambda model, shown: model.predict(["a cat"], progress=shown),
]


@pytest.mark.parametrize("call", SHOWN)
def test_true_counts_in_a_log_and_none_is_silent(
    call: Callable[[Embedder, Any], object], model: Embedder, capsys: pytest.CaptureFixture[str]
) -> None:
    call(model, None)
    assert capsys.readouterr().err == ""
    call(model, True)
    assert capsys.readouterr().err.startswith("1 of 1 texts, ")


def test_a_command_counts_once_a_minute_outside_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    import sys

    clock = Clock()
    for _ in counted(range(200), lambda: 200, sys.stderr, clock=clock):
        clock.seconds += 1
    assert capsys.readouterr().err.splitlines() == [
        "60 of 200 texts, 1.0 texts/s",
        "120 of 200 texts, 1.0 texts/s",
        "180 of 200 texts, 1.0 texts/s",
    ]


def test_documents_that_are_ranked_at_once_count_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = a_terminal(monkeypatch)
    clock = Clock()
    assert progress_at_once(terminal, clock) is None
    show = progress_at_once(io.StringIO(), clock)
    assert callable(show)
    for seconds in (1, 59, 61, 100, 121):
        clock.seconds = seconds
        show(ProgressEvent(f"{seconds} of 200 texts"))
    assert terminal.getvalue().split("\r")[1:] == [
        "61 of 200 texts".ljust(79) + "\n",
        "121 of 200 texts".ljust(79) + "\n",
    ]


@pytest.mark.filterwarnings("always::edgebert_runtime.errors.TruncationWarning")
def test_a_job_that_wrote_a_file_ends_with_a_summary(
    tiny_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "in.txt", tmp_path / "out.jsonl"
    source.write_text("a cat\nthe dog\n" + "cat " * 100 + "\n", encoding="utf-8")
    command = ["embed", str(tiny_bundle.folder), "--variant", "int8", "--input", str(source)]
    assert main([*command, "--output", str(out)]) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    warning, summary = printed.err.splitlines()
    assert "1 of 3 texts were cut to 40 tokens" in warning
    assert summary.startswith(
        "edgebert-run: 3 rows, 1 cut to 40 tokens, variant 'int8-cpu' (int8) on cpu, "
    )
    assert summary.endswith(" texts/s")
    quiet = [*command, "--output", str(out), "--overwrite", "--quiet"]
    assert main(quiet) == 0
    assert "rows" not in capsys.readouterr().err
