"""How many threads a process may really use."""

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

CGROUP_ROOT: Final = Path("/sys/fs/cgroup")
OWN_CGROUPS: Final = Path("/proc/self/cgroup")


def usable_cores(root: Path = CGROUP_ROOT, own: Path = OWN_CGROUPS) -> int:
    """Cores this process may use: its affinity, cut by the CPU quotas of its cgroups.

    Reads `cpu.max` (cgroup v2) or `cpu.cfs_quota_us` and `cpu.cfs_period_us` (v1) of the group it
    is in, as under systemd, and of all above it, as in a container; a quota of one and a half
    cores counts as two threads. cgroups(7)
    """
    quotas = [_quota_v2(group) or _quota_v1(group) for group in _groups(root, own)]
    limits = [math.ceil(quota) for quota in quotas if quota is not None]
    return max(1, min([_affinity(), *limits]))


def _groups(root: Path, own: Path) -> Iterator[Path]:
    """The folders of the groups that hold this process, and the root, which a container sees."""
    yield root
    yield root / "cpu"
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return
    for line in lines:
        controllers, _, path = line.partition(":")[2].partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        group = PurePosixPath(path.lstrip("/"))
        for part in (group, *group.parents)[:-1]:
            yield (root / "cpu" if controllers else root) / part


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quota_v2(cgroup: Path) -> float | None:
    try:
        quota, period = (cgroup / "cpu.max").read_text(encoding="ascii").split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None


def _quota_v1(cgroup: Path) -> float | None:
    try:
        quota = int((cgroup / "cpu.cfs_quota_us").read_text(encoding="ascii"))
        period = int((cgroup / "cpu.cfs_period_us").read_text(encoding="ascii"))
        return quota / period if quota > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None
