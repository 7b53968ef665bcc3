"""Times of calls and of processes, and the memory of this one."""

import math
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from edgebert_runtime.errors import EdgebertError

WARM_UP_RUNS: Final = 3
SECONDS_PER_SHAPE: Final = 1.0


def time_runs(run: Callable[[], object], seconds: float = SECONDS_PER_SHAPE) -> list[float]:
    """Seconds of each call, for about `seconds` after a warm-up of at most as long; at least one.

    What takes longer than `seconds` is warmed up by one call.
    """
    begun = time.perf_counter()
    for _ in range(WARM_UP_RUNS):
        run()
        if time.perf_counter() - begun >= seconds:
            break
    times: list[float] = []
    while not times or sum(times) < seconds:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return times


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that at least this share of them do not exceed.

    The nearest-rank percentile: of fewer than twenty values the 95th is the largest.

    Args:
        values: at least one.
        share: above 0, at most 1.
    """
    return sorted(values)[math.ceil(share * len(values)) - 1]


def peak_memory_bytes(status: Path = Path("/proc/self/status")) -> int:
    """Peak resident memory of this process; 0 where the system does not say.

    Linux's VmHWM rather than getrusage, whose ru_maxrss also counts the process that started
    this one (getrusage(2), proc_pid_status(5)).
    """
    try:
        lines = status.read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def seconds_of(command: Sequence[str]) -> float:
    """Wall time of a process, from its start to its end.

    Raises:
        EdgebertError: it failed; its last line is in the text.
    """
    start = time.perf_counter()
    output_of(command)
    return time.perf_counter() - start


def output_of(command: Sequence[str]) -> str:
    """Standard output of a process that measures; it is ended if this one is interrupted.

    Raises:
        EdgebertError: it failed; its last line is in the text.
    """
    done = subprocess.run(
        command, capture_output=True, check=False, encoding="utf-8", errors="replace"
    )
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no output"
        raise EdgebertError(f"measuring failed with exit code {done.returncode}: {reason}")
    return done.stdout
