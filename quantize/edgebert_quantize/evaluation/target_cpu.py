"""The classes of CPU to quantize for, and the largest 8-bit weight that is exact on each."""

import platform
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from edgebert_quantize.weights.grids import LARGEST
from edgebert_runtime.bundle.manifest import NARROW
from edgebert_runtime.engine.cpu import sums_saturate
from edgebert_runtime.errors import ConfigError

CpuName = Literal["avx512_vnni", "arm64", "avx2"]
"""The keys of `LARGEST_WEIGHT`."""

LARGEST_WEIGHT: Final[Mapping[CpuName, int]] = MappingProxyType(
    {"avx512_vnni": LARGEST, "arm64": LARGEST, NARROW: 64}
)
"""Class of CPU → the largest weight. Without VNNI sums of two products are held in 16 bits, and
2 · 255 · 64 = 32,640 fits."""

ARM: Final = ("aarch64", "arm64")


def choose_cpu(asked: CpuName | None) -> CpuName:
    """The class to quantize for: the one asked for, or this machine's.

    Raises:
        ConfigError: an unknown class, or one whose files cannot be measured on this machine.
    """
    if asked is None:
        return this_cpu()
    if asked not in LARGEST_WEIGHT:
        raise ConfigError(f"cpu must be one of {', '.join(LARGEST_WEIGHT)}; got {asked!r}")
    if asked != NARROW and sums_saturate():
        raise ConfigError(
            f"a file for {asked} cannot be measured here: this CPU adds integer products in 16 "
            f"bits, where 8-bit weights overflow; quantize for {NARROW}, which is exact "
            "everywhere, or use another machine"
        )
    return asked


def this_cpu() -> CpuName:
    """This machine's class."""
    if sums_saturate():
        return NARROW
    return "arm64" if platform.machine().lower() in ARM else "avx512_vnni"
