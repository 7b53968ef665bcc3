"""Compiles the native encoder: the shared library of the wheel, or the driver of its checks.

    python build.py library                        into edgebert_native/, for this machine
    python build.py library --machine aarch64      the same for another
    python build.py check --compiler g++ --sanitize address --out FOLDER

zig's compiler is that of the Python it runs in (`pip install ziglang`); ONNX Runtime's headers are
in the folder that EDGEBERT_ORT_INCLUDE names, as .ci/fetch-headers prints it.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
SOURCE: Final = HERE / "src"
OBJECTS: Final = HERE / "build"
"""Of the last library, in a folder for each machine; tests look at their names."""

LIBRARY: Final = "libedgebert_native.so"
CHECK: Final = "native_check"

COMMON: Final = ("-std=c++20", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", "-pthread")
WARNINGS: Final = ("-Wall", "-Wextra", "-Werror")
"""Of zig alone: g++ 12 warns of its own headers of AVX-512."""
OLDEST_LIBC: Final = "2.28"
"""Of manylinux_2_28, which the wheels name."""

OF_ORT: Final = frozenset({"library.cpp", "node.cpp", "operator.cpp", "ort.cpp"})
"""Sources that need ONNX Runtime's headers: the driver runs without them."""

MACHINES: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "x86_64": {
        "amx_int8_bf16": (
            "-march=x86-64-v4",
            "-mavx512vnni",
            "-mavx512bf16",
            "-mamx-tile",
            "-mamx-int8",
            "-mamx-bf16",
        ),
        "avx512_vnni_bf16": ("-march=x86-64-v4", "-mavx512vnni", "-mavx512bf16"),
        "avx512_vnni": ("-march=x86-64-v4", "-mavx512vnni"),
        "avx_vnni": ("-march=x86-64-v3", "-mavxvnni"),
        "avx2": ("-march=x86-64-v3",),
    },
    "aarch64": {
        "neon_i8mm": ("-march=armv8.2-a+dotprod+i8mm",),
        "neon_dotprod": ("-march=armv8.2-a+dotprod",),
    },
}
"""The instruction sets of a machine: the file in src/isa, and the flags it is compiled with."""


@dataclass(frozen=True, kw_only=True)
class Compiler:
    """Zig for a machine, or a compiler of this machine.

    Attributes:
        machine: a key of MACHINES.
        command: of another compiler than zig's, such as g++.
        flags: for every file and for the link.
        static: whether to link a program that needs no library: zig has musl for that.
    """

    machine: str
    command: str | None
    flags: tuple[str, ...]
    static: bool = False

    def run(self, arguments: Sequence[str]) -> None:
        """Compile or link.

        Raises:
            SystemExit: the compiler failed, after it said why.
        """
        command = [*self._program(), *self.flags, *arguments]
        if subprocess.run(command, check=False).returncode:
            sys.exit(f"build.py: failed: {' '.join(command)}")

    def _program(self) -> list[str]:
        if self.command:
            return self.command.split()
        system = "musl" if self.static else f"gnu.{OLDEST_LIBC}"
        target = f"{self.machine}-linux-{system}"
        return [sys.executable, "-m", "ziglang", "c++", "-target", target]

    def named(self, flag: str) -> str:
        """A flag as this compiler spells it: zig has names of its own for CPUs."""
        if self.command:
            return flag
        return flag.replace("x86-64-", "x86_64_").replace("-march=armv8.2-a", "-mcpu=generic+v8_2a")


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A source and the flags of its own."""

    source: Path
    flags: tuple[str, ...] = ()


def units(machine: str, *, with_ort: bool) -> list[Unit]:
    """Everything to compile for a machine."""
    others = {f"dispatch_{other}.cpp" for other in MACHINES if other != machine}
    left_out = others if with_ort else others | OF_ORT
    general = [*SOURCE.glob("*.cpp"), *(SOURCE / "kernels").glob("*.cpp")]
    found = [Unit(source=path) for path in sorted(general) if path.name not in left_out]
    for name, flags in MACHINES[machine].items():
        found.append(Unit(source=SOURCE / "isa" / f"{name}.cpp", flags=flags))
    return found


def headers() -> tuple[str, ...]:
    """The flags that name ONNX Runtime's headers.

    Raises:
        SystemExit: the environment does not say where they are.
    """
    folder = os.environ.get("EDGEBERT_ORT_INCLUDE")
    if not folder:
        sys.exit("build.py: EDGEBERT_ORT_INCLUDE names no folder; .ci/fetch-headers prints one")
    return ("-isystem", folder)


def compile_all(
    compiler: Compiler, wanted: list[Unit], flags: Sequence[str], out: Path
) -> list[str]:
    """The objects of all units, compiled side by side."""
    out.mkdir(parents=True, exist_ok=True)

    def compiled(unit: Unit) -> str:
        target = out / f"{unit.source.parent.name}_{unit.source.stem}.o"
        own = [compiler.named(flag) for flag in unit.flags]
        warnings = ("-w",) if compiler.command else WARNINGS
        compiler.run([*COMMON, *warnings, *flags, *own, "-c", str(unit.source), "-o", str(target)])
        return str(target)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(compiled, wanted))


def build_library(compiler: Compiler, out: Path) -> Path:
    """The shared library, stripped of the names of what is not exported."""
    library = out / LIBRARY
    wanted = units(compiler.machine, with_ort=True)
    objects = compile_all(compiler, wanted, headers(), OBJECTS / compiler.machine)
    checked = ("-Wl,-z,defs", f"-Wl,--version-script={HERE / 'exports.map'}")
    compiler.run(["-shared", "-pthread", "-s", *checked, *objects, "-o", str(library)])
    return library


def build_check(compiler: Compiler, out: Path) -> Path:
    """The driver, which needs neither Python nor ONNX Runtime."""
    driver = out / CHECK
    flags = ("-I", str(SOURCE))
    with tempfile.TemporaryDirectory() as scratch:
        wanted = units(compiler.machine, with_ort=False)
        wanted += [Unit(source=path) for path in sorted((HERE / "check").glob("*.cpp"))]
        objects = compile_all(compiler, wanted, flags, Path(scratch))
        compiler.run(["-pthread", *objects, "-o", str(driver)])
    return driver


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What the arguments ask for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=["library", "check"])
    parser.add_argument("--machine", choices=sorted(MACHINES), default=platform.machine())
    parser.add_argument("--compiler", help="another than zig's, for this machine")
    parser.add_argument("--sanitize", help="as -fsanitize has it: address,undefined or thread")
    parser.add_argument("--static", action="store_true", help="for an emulator without libraries")
    parser.add_argument("--out", type=Path, default=HERE / "edgebert_native")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Build what the arguments name, and print its path."""
    given = parsed(arguments)
    flags = ["-O3"]
    if given.sanitize:
        flags = ["-O1", "-g", f"-fsanitize={given.sanitize}", "-fno-sanitize-recover"]
    if given.static:
        flags.append("-static")
    compiler = Compiler(
        machine=given.machine, command=given.compiler, flags=tuple(flags), static=given.static
    )
    given.out.mkdir(parents=True, exist_ok=True)
    build = build_library if given.what == "library" else build_check
    sys.stdout.write(f"{build(compiler, given.out)}\n")


if __name__ == "__main__":
    main()
