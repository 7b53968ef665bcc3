"""What this CPU says of itself, and whether the engine multiplies integers exactly on it.

Where x86 has no VNNI, ONNX Runtime multiplies uint8 by int8 with VPMADDUBSW, which adds two
products in 16 bits: 2 · 255 · 127 = 64,770 becomes 32,767, and a graph with 8-bit weights answers
wrong without a word. https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html
Where x86 has AMX, some versions multiply some widths wrongly, docs/concepts/engines.md.
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

TILE_PROBE: Final = bytes.fromhex(
    "08083a500a180a01610a0162120179220d4d61744d756c496e74656765721201705a0f0a0161120a0a08080212040a"
    "000a005a0f0a0162120a0a08080312040a000a00620f0a0179120a0a08080612040a000a0042040a00100d"
)
"""An ONNX graph: MatMulInteger of `a`, uint8, with `b`, int8, both of any shape."""

TILE: Final = (32, 4, 31)
"""Rows, length and columns of a product that AMX computes in one tile and a part of one."""

WHOLE_TILE: Final = 16
"""Columns of which every multiple is multiplied right, on any number of threads."""

WRONG_TILES: Final = ((1, 21), (1, 25))
"""The first ONNX Runtime that may multiply part of a tile wrongly, and the first that is right
again (https://github.com/microsoft/onnxruntime/pull/27671)."""

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


@cache
def tiles_go_wrong() -> bool:
    """Ask ONNX Runtime for a product whose last columns fill a part of a tile; a process asks once.

    Raises:
        EngineMissingError: ONNX Runtime is not installed.
    """
    engine = import_engine()
    version = tuple(int(part) for part in engine.__version__.split(".")[:2])
    first_wrong, first_right = WRONG_TILES
    if not first_wrong <= version < first_right:
        return False
    import numpy as np

    rows, length, columns = TILE
    a = (np.arange(rows * length) * 37 % 256).astype(np.uint8).reshape(rows, length)
    b = (np.arange(length * columns) * 73 % 255 - 127).astype(np.int8).reshape(length, columns)
    session = cpu_session(TILE_PROBE, session_options(engine, threads=1))
    (found,) = session.run(None, {"a": a, "b": b})
    return not np.array_equal(found, a.astype(np.int32) @ b.astype(np.int32))


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
