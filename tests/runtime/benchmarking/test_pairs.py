"""Two bundles in alternating rounds: the test, what counts, and both in real processes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert_runtime import Bundle
from edgebert_runtime.benchmarking import pairs
from edgebert_runtime.benchmarking.options import BenchOptions, Plan
from edgebert_runtime.benchmarking.pairs import (
    PairedChange,
    Timed,
    measure_pair,
    paired_rows,
    plan_pair,
    require_no_slower_pair,
    rounds_needed,
)
from edgebert_runtime.benchmarking.sweep import Job
from edgebert_runtime.cli.main import main
from edgebert_runtime.errors import CheckFailedError, ConfigError, MachineChangedError

FEW = BenchOptions(batches=(1,), sequences=(8,), threads=(1,))


def change(
    ratios: Sequence[float], machine: Sequence[float] | None = None, needed: int = 5
) -> PairedChange:
    beside = machine or [1.0] * len(ratios)
    return PairedChange(
        name="a",
        a=[Timed(10.0, 1.0)] * len(ratios),
        b=[Timed(10 * ratio, each) for ratio, each in zip(ratios, beside, strict=True)],
        needed=needed,
    )


@pytest.mark.parametrize(
    ("ratios", "slower"),
    [
        ([1.2, 1.3, 1.2, 1.5, 1.2], True),
        ([1.2, 1.3, 1.2, 1.5, 1.05], False),  # one round is within the limit
        ([1.1] * 5, False),  # at the limit, which is allowed
        ([1.2] * 4, False),  # too few rounds
        ([0.5] * 5, False),
    ],
)
def test_slower_is_beyond_the_limit_in_every_round(ratios: list[float], slower: bool) -> None:
    assert change(ratios).is_slower(1.1) is slower


def test_a_round_whose_yardsticks_differ_does_not_count() -> None:
    found = change([9.0, 1.0, 1.0, 1.0, 1.0, 1.0], [2.0, 1.0, 1.2, 1.0, 1.0, 1.0])
    assert (len(found.counted), found.ratio, found.is_known) == (5, 1.0, True)
    found = change([2.0, 1.2, 1.2, 1.2, 1.2, 1.2], [0.5, 1.0, 1.0, 1.0, 1.0, 1.0])
    assert found.is_slower(1.1)
    found = change([9.0] * 5, [2.0] * 5)
    assert (found.ratio, found.is_known, found.is_slower(1.1)) == (None, False, False)


@given(measurements=st.integers(1, 500))
def test_all_measurements_together_are_wrong_once_in_16_times(measurements: int) -> None:
    rounds = rounds_needed(measurements)
    assert rounds >= 5
    assert measurements * 0.5**rounds <= 1 / 16
    if rounds > 5:
        assert measurements * 0.5 ** (rounds - 1) > 1 / 16


def test_everything_is_said() -> None:
    slower, unknown, level = change([2.0] * 5), change([1.0] * 4), change([1.0] * 5)
    assert paired_rows([slower, unknown, level], 1.1) == [
        ["a", "10.00", "20.00", "2.00", "5 of 5", "slower"],
        ["a", "10.00", "10.00", "1.00", "4 of 4", "unknown"],
        ["a", "10.00", "10.00", "1.00", "5 of 5", ""],
    ]
    require_no_slower_pair([level], 1.1)
    with pytest.raises(CheckFailedError, match=r"1 of 3 take more than 1\.1 times as long with B"):
        require_no_slower_pair([slower, unknown, level], 1.1)
    with pytest.raises(MachineChangedError, match=r"fewer than 5 rounds count.* 1 of 2"):
        require_no_slower_pair([unknown, level], 1.1)


def test_rounds_alternate_until_enough_count(tiny_bundle: Bundle) -> None:
    """A and B of a setting are neighbours; a disturbed round is made up for."""
    ran: list[str] = []

    def run_job(plan: Plan, job: Job) -> Any:
        ran.append(f"{job.variant} {job.threads}")
        disturbed = len(ran) == 1
        if job.threads is None:
            return 100.0, 1.0
        return {"shapes": [{"median_ms": 1.0, "yardstick_ms": 3.0 if disturbed else 1.0}]}

    plans = plan_pair((tiny_bundle.folder, tiny_bundle.folder), ("int8", "cpu"), FEW)
    shape, start = measure_pair(plans, run=run_job)
    once = ["int8-cpu 1", "cpu 1", "int8-cpu None", "cpu None"]
    assert ran == [*once, *once[::-1], *once, *once[::-1], *once, *once[::-1]]
    assert (shape.name, start.name) == ("int8-cpu → cpu, 1×8, 1 thread", "int8-cpu → cpu, start")
    assert (len(shape.counted), len(shape.a), len(start.counted)) == (5, 6, 6)


def test_a_machine_that_is_never_steady_ends(tiny_bundle: Bundle) -> None:
    times = iter(range(1, 1000))
    plans = plan_pair((tiny_bundle.folder, tiny_bundle.folder), ("int8", "int8"), FEW)
    starts_only = tuple(each.__class__(**{**vars(each), "threads": ()}) for each in plans)
    (start,) = measure_pair(
        (starts_only[0], starts_only[1]), run=lambda _plan, _job: (1.0, 2.0 ** next(times))
    )
    assert (len(start.a), start.is_known) == (10, False)


def test_variants_and_shapes_that_both_have(tiny_bundle: Bundle) -> None:
    folders = (tiny_bundle.folder, tiny_bundle.folder)
    one, other = plan_pair(folders, None, BenchOptions())
    assert (
        list(one.variants)
        == list(other.variants)
        == ["portable", "cpu", "int8-portable", "int8-cpu"]
    )
    assert one.shapes == other.shapes != []
    one, other = plan_pair(folders, ("int8", "fp32"), BenchOptions())
    assert (list(one.variants), list(other.variants)) == (["int8-cpu"], ["cpu"])


def test_both_are_measured_in_real_processes(
    tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pairs, "rounds_needed", lambda _: 1)
    monkeypatch.setattr(pairs, "MOST_REPEATS", 1)
    few = ("--batches", "1", "--sequences", "8", "--threads", "1", "--quick")
    folder = str(tiny_bundle.folder)
    code = main(["compare", folder, folder, "--variant", "int8", "--at-most", "99", *few])
    rows = capsys.readouterr().out.splitlines()
    assert rows[0].split() == ["A,", "ms", "B,", "ms", "ratio", "rounds"]
    assert [row.partition("  ")[0] for row in rows[1:]] == [
        "int8-cpu, 1×8, 1 thread",
        "int8-cpu, start",
    ]
    assert code in {0, 3}  # other programs may run beside the tests


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("{bundle}", "{record}"), "is a folder and"),
        (("{record}", "{record}", "--variant", "int8"), "--variant is for two bundles"),
        (("{bundle}", "{bundle}", "--variant", "a,b,c"), "one name or two, got 'a,b,c'"),
        (("{bundle}", "{bundle}", "--variant", "int9"), "no variant 'int9'"),
        (("{bundle}", "{bundle}", "--at-most", "0.5"), "at least 1, got 0.5"),
    ],
)
def test_a_callers_mistake_ends_with_2(
    arguments: Sequence[str],
    message: str,
    tiny_bundle: Bundle,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    record = tmp_path / "a.json"
    record.write_text('{"timings": [], "starts": []}', encoding="utf-8")
    given = [each.format(bundle=tiny_bundle.folder, record=record) for each in arguments]
    assert main(["compare", *given]) == 2
    assert message in capsys.readouterr().err


def test_bundles_without_a_common_shape_are_refused(tiny_bundle: Bundle) -> None:
    folders = (tiny_bundle.folder, tiny_bundle.folder)
    with pytest.raises(ConfigError, match="sequence 999 exceeds"):
        plan_pair(folders, None, BenchOptions(sequences=(999,)))
