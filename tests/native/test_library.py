"""The shared library: what it exports and needs, and what it says of this CPU."""

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

import edgebert_native
from tests.support.native.graph import write_model
from tests.support.native.models import MODELS
from tests.support.native.sessions import KERNELS, available

EXPORTED: Final = {"RegisterCustomOps", "edgebert_native_kernel", "edgebert_native_packing"}
NEEDED: Final = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "ld-linux-x86-64.so.2"}
OLDEST_LIBC: Final = (2, 28)

ROOT: Final = Path(__file__).resolve().parents[2]
EMULATOR: Final = shutil.which("qemu-x86_64") or shutil.which(
    "qemu-x86_64-static", path=ROOT / ".cache" / "emulator" / "usr" / "bin"
)


def tool(*command: str) -> str:
    if shutil.which(command[0]) is None:
        pytest.skip(f"there is no {command[0]}; what has it: apt-get install binutils")
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def python(code: str, arguments: Sequence[str] = (), **environment: str) -> str:
    """What a process prints that starts with the variables."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_exports_its_functions_and_no_more() -> None:
    lines = tool("nm", "--dynamic", "--defined-only", edgebert_native.library()).splitlines()
    assert {line.split()[-1] for line in lines} == EXPORTED


def test_it_needs_the_system_alone() -> None:
    dynamic = tool("readelf", "--dynamic", "--wide", edgebert_native.library())
    assert set(re.findall(r"Shared library: \[(.+)\]", dynamic)) <= NEEDED
    symbols = tool("nm", "--dynamic", "--undefined-only", edgebert_native.library())
    versions = re.findall(r"@GLIBC_(\d+)\.(\d+)", symbols)
    assert versions
    assert max((int(major), int(minor)) for major, minor in versions) <= OLDEST_LIBC


def test_it_names_its_kernels() -> None:
    assert edgebert_native.kernel() in KERNELS[platform.machine()]
    assert edgebert_native.packing()


def test_kernels_can_be_forced_and_none_of_another_name_runs() -> None:
    code = "import edgebert_native as n; print(repr(n.kernel()), repr(n.packing()))"
    assert available()[0] == edgebert_native.kernel()
    for name in available():
        assert python(code, EDGEBERT_NATIVE_KERNEL=name).split()[0] == repr(name)
    assert python(code, EDGEBERT_NATIVE_KERNEL="vax").split() == ["''", "''"]


@pytest.mark.skipif(EMULATOR is None, reason="no qemu-x86_64: .ci/emulator unpacks one")
@pytest.mark.parametrize(
    ("cpu", "forced", "expected"),
    [("Haswell", "", ""), ("Haswell", "avx2", "avx2"), ("Haswell", "avx512_vnni", "")],
)
def test_a_cpu_gets_what_it_has(cpu: str, forced: str, expected: str) -> None:
    assert EMULATOR is not None
    code = "import edgebert_native; print(edgebert_native.kernel())"
    folder = str(Path(edgebert_native.library()).parents[1])
    environment = {"PYTHONPATH": folder}
    if forced:
        environment["EDGEBERT_NATIVE_KERNEL"] = forced
    done = subprocess.run(
        [EMULATOR, "-cpu", cpu, sys.executable, "-S", "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.stdout == f"{expected}\n"


OPEN = """
import sys, onnxruntime, edgebert_native
options = onnxruntime.SessionOptions()
options.register_custom_ops_library(edgebert_native.library())
try:
    onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
except Exception as error:
    print(error)
"""


def test_without_kernels_nothing_is_registered(tmp_path: Path) -> None:
    path = str(write_model(MODELS["post"], tmp_path / "model.onnx"))
    assert python(OPEN, [path]) == ""
    said = python(OPEN, [path], EDGEBERT_NATIVE_KERNEL="vax")
    assert "Int8Encoder" in said
