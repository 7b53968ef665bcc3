"""Compile the libraries of CUDA that compute nothing.

Usage: python -m tests.dry_cuda.make HEADERS PROVIDER FOLDER

HEADERS is the folder of cuda_runtime_api.h, PROVIDER is libonnxruntime_providers_cuda.so. What it
needs and no source here has is written down as unexpected when it is called, and refused.
"""

import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Final

SOURCES: Final = Path(__file__).parent / "libraries"
DRIVER: Final = "libcuda.so.1"
FLAGS: Final = ("-std=gnu11", "-O1", "-fPIC", "-Wall", "-Wextra", "-Werror")
NOT_SUPPORTED: Final = 801
"""cudaErrorNotSupported."""


def main(headers: str, provider: str, folder: str) -> None:
    needed = needed_by(Path(provider))
    Path(folder).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for library, symbols in needed.items():
            _make(Path(scratch), Path(folder) / library, symbols, headers)


def needed_by(provider: Path) -> dict[str, set[str]]:
    """Library → what ONNX Runtime's CUDA provider takes from it; the driver's have no version."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for name in re.findall(r"NEEDED.*\[(lib(?:cu|nv)[^\]]+)\]", _said("readelf", "-d", provider)):
        found[name] = set()
    for symbol in _said("nm", "-D", "--undefined-only", provider).split():
        name, _, library = symbol.partition("@")
        if library in found:
            found[library].add(name)
        elif re.fullmatch(r"cu[A-Z]\w+", name):
            found[DRIVER].add(name)
    return dict(found)


def _make(scratch: Path, library: Path, symbols: set[str], headers: str) -> None:
    objects = []
    source = SOURCES / f"{library.name.removeprefix('lib').partition('.')[0]}.c"
    if source.exists():
        objects.append(_compile(source, scratch, headers))
    defined = _said("nm", "--defined-only", *objects).split() if objects else []
    missing = sorted(symbols - set(defined))
    rest = scratch / f"rest_of_{library.name}.c"
    rest.write_text("\n".join(['#include "trace.h"', *map(_refused, missing), ""]))
    objects.append(_compile(rest, scratch, headers))
    versions = scratch / "versions"
    versions.write_text(f"{library.name} {{ *; }};\n", encoding="utf-8")
    version = () if library.name == DRIVER else (f"-Wl,--version-script={versions}",)
    _said("gcc", "-shared", *version, f"-Wl,-soname,{library.name}", "-o", library, *objects)


def _refused(name: str) -> str:
    return f'int {name}(void) {{ trace("unexpected {name}"); return {NOT_SUPPORTED}; }}'


def _compile(source: Path, scratch: Path, headers: str) -> Path:
    made = scratch / f"{source.stem}.o"
    _said("gcc", *FLAGS, f"-isystem{headers}", f"-I{SOURCES}", "-c", source, "-o", made)
    return made


def _said(*command: object) -> str:
    done = subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE)
    return done.stdout.decode()


if __name__ == "__main__":
    main(*sys.argv[1:])
