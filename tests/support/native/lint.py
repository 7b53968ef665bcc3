"""Runs clang-tidy over runtime/native, each file with the flags it is compiled with.

Usage: python -m tests.support.native.lint CLANG_TIDY HEADERS
"""

import platform
import runpy
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

NATIVE: Final = Path(__file__).resolve().parents[3] / "runtime" / "native"


def main(tidy: str, headers: str) -> None:
    build = runpy.run_path(str(NATIVE / "build.py"))
    units = build["units"](platform.machine(), with_ort=True)
    units += [build["Unit"](source=path) for path in sorted((NATIVE / "check").glob("*.cpp"))]

    def failed(unit: object) -> bool:
        flags = ["-std=c++20", "-isystem", headers, f"-I{NATIVE / 'src'}", *unit.flags]  # type: ignore[attr-defined]
        command = [tidy, "--quiet", str(unit.source), "--", *flags]  # type: ignore[attr-defined]
        return subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode != 0

    with ThreadPoolExecutor(2) as pool:
        if any(list(pool.map(failed, units))):
            sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
