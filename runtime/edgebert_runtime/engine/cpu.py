"""What this CPU says of itself, and whether it adds products of integers exactly.

Where x86 has no VNNI, ONNX Runtime multiplies uint8 by int8 with VPMADDUBSW, which adds two
products in 16 bits: 2 · 255 · 127 = 64,770 becomes 32,767, and a graph with 8-bit weights answers
wrong without a word. https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html
"""

from functools import cache
from pathlib import Path
from typing import Final

from edgebert_runtime.engine.onnxruntime import cpu_session, import_engine, session_options

LARGEST: Final = 4 * 255 * 127
"""What the probe gives where sums are exact."""

PROBE: Final = bytes.fromhex(
    "08083a5a0a1a0a01610a0162120179220d4d61744d756c496e74656765723a001201702a0f0804080110032a047f7f"
    "7f7f4201625a130a0161120e0a0c080212080a0208010a02080462130a0179120e0a0c080612080a0208010a020801"
    "42040a00100d"
)
"""An ONNX graph: MatMulInteger of a uint8 row of four with a column of 127."""

ARM64: Final = ("aarch64", "arm64")
"""What Linux and macOS call it."""

CPUINFO: Final = Path("/proc/cpuinfo")

FIRST_PROCESSOR_BYTES: Final = 16384
"""Of `CPUINFO`; what it says of the first core is there, and a hundred cores take long to list."""


def first_processor(cpuinfo: Path = CPUINFO) -> list[bytes]:
    """The lines of /proc/cpuinfo on the first core, as they are; none where there is no such file.

    proc_cpuinfo(5)
    """
    try:
        with cpuinfo.open("rb") as file:
            return file.read(FIRST_PROCESSOR_BYTES).partition(b"\n\n")[0].splitlines()
    except OSError:
        return []


def cpu_fields(cpuinfo: Path = CPUINFO) -> dict[str, str]:
    """What /proc/cpuinfo says of the first core, such as `model name` and `flags`."""
    lines = first_processor(cpuinfo)
    parts = (line.decode(errors="replace").partition(":") for line in lines)
    return {key.strip(): value.strip() for key, _, value in parts}


def cpu_name(cpuinfo: Path = CPUINFO) -> str:
    """What the CPU calls itself, where Linux says so, and its instruction set."""
    import platform

    named = cpu_fields(cpuinfo).get("model name")
    return f"{named}, {platform.machine()}" if named else platform.machine()


@cache
def sums_saturate() -> bool:
    """Ask ONNX Runtime for the largest sum there is; a process asks once.

    Raises:
        EngineMissingError: ONNX Runtime is not installed.
    """
    import numpy as np

    session = cpu_session(PROBE, session_options(import_engine(), threads=1))
    (found,) = session.run(None, {"a": np.full((1, 4), 255, np.uint8)})
    return int(found[0, 0]) != LARGEST


def instruction_sets() -> frozenset[str]:
    """Those of this CPU that variants of a bundle ask for, by their names in manifests.

    Every arm64 has `neon`, whose sums of weights from -127 on are exact, also where there are no
    instructions for dot products (`asimddp`), as on a Raspberry Pi 3 or 4. `vnni` is there where
    ONNX Runtime's sums are exact: on x86 only AVX-512 VNNI and AVX-VNNI make them so.

    Raises:
        EngineMissingError: ONNX Runtime is not installed.
    """
    if sums_saturate():
        return frozenset()
    import platform

    return frozenset({"neon" if platform.machine().lower() in ARM64 else "vnni"})
