"""The classes of CPU to quantize for, and the largest 8-bit weight that is exact on each."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from edgebert_quantize.weights.grids import LARGEST
from edgebert_runtime.bundle.manifest_values import AVX2, DOTPROD, EXACT_SUMS
from edgebert_runtime.engine.cpu import sums_saturate
from edgebert_runtime.errors import ConfigError

CpuName = Literal["dotprod", "avx2"]
"""The keys of `LARGEST_WEIGHT`."""

LARGEST_WEIGHT: Final[Mapping[CpuName, int]] = MappingProxyType({DOTPROD: LARGEST, AVX2: 64})
"""Class of CPU → the largest weight. Without VNNI sums of two products are held in 16 bits, and
2 · 255 · 64 = 32,640 fits."""

INSTRUCTION_SETS: Final[Mapping[CpuName, tuple[str, ...]]] = MappingProxyType(
    {DOTPROD: EXACT_SUMS, AVX2: ()}
)
"""Class of CPU → the instruction sets of which it has at least one; none for every CPU."""

FORMER: Final = ("avx512_vnni", "arm64")
"""What `dotprod` was called, which made the same file under both names."""


def choose_cpu(asked: CpuName | None) -> CpuName:
    """The class to quantize for: the one asked for, or this machine's.

    Raises:
        ConfigError: an unknown class, or one whose files cannot be measured on this machine.
    """
    if asked is None:
        return this_cpu()
    if asked in FORMER:
        raise ConfigError(f"cpu {asked!r} is called {DOTPROD!r} now, for x86 with VNNI and arm64")
    if asked not in LARGEST_WEIGHT:
        raise ConfigError(f"cpu must be one of {', '.join(LARGEST_WEIGHT)}; got {asked!r}")
    if asked != AVX2 and sums_saturate():
        raise ConfigError(
            f"a file for {asked} cannot be measured here: this CPU adds integer products in 16 "
            f"bits, where 8-bit weights overflow; quantize for {AVX2}, which is exact "
            "everywhere, or use another machine"
        )
    return asked


def this_cpu() -> CpuName:
    """This machine's class."""
    return AVX2 if sums_saturate() else DOTPROD
