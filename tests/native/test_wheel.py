"""The wheels that `make native` and .ci/native built: a library each, for the machine they name."""

import os
import platform
import shutil
import struct
import subprocess
from collections import Counter
from pathlib import Path
from typing import Final
from zipfile import ZipFile

import pytest

from tests.support.wheels import Distribution, differences, metadata

NATIVE: Final = Path(__file__).resolve().parents[2] / "runtime" / "native"
LIBRARY: Final = "edgebert_native/libedgebert_native.so"
MACHINES: Final = {"x86_64": 0x3E, "aarch64": 0xB7}
"""e_machine of an ELF file."""


def left_out(reason: str) -> None:
    """CI builds everything."""
    assert not os.environ.get("CI"), reason
    pytest.skip(reason)


@pytest.fixture(params=sorted(MACHINES))
def machine(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def wheel_of(machine: str) -> Path:
    wheels = sorted((NATIVE / "dist").glob(f"*-py3-none-manylinux_2_28_{machine}.whl"))
    if not wheels:
        left_out(f"there is no wheel for {machine}; .ci/native-wheels {machine} builds it")
    return wheels[-1]


def test_a_wheel_holds_the_package_and_a_library_of_its_machine(machine: str) -> None:
    wheel = wheel_of(machine)
    sources = Distribution(folder=NATIVE, package="edgebert_native").sources | {LIBRARY}
    assert differences(wheel, sources) == {"missing": [], "unexpected": []}
    with ZipFile(wheel) as archive:
        library = archive.read(LIBRARY)
    assert struct.unpack_from("<H", library, 18) == (MACHINES[machine],)


def test_a_wheel_says_what_it_is(machine: str) -> None:
    found = metadata(wheel_of(machine))
    assert (found["Name"], found["License-Expression"]) == ("edgebert-native", "Apache-2.0")
    assert "Typing :: Typed" in found.get_all("Classifier", [])
    assert found.get_payload().startswith("# edgebert-native\n")


def test_no_code_of_an_instruction_set_can_stand_in_for_another() -> None:
    """A linker keeps one weak function of a name: for an older CPU it may be the wrong one."""
    objects = sorted((NATIVE / "build" / platform.machine()).glob("*.o"))
    if not objects or shutil.which("nm") is None:
        left_out("there are no objects or no nm; .ci/native-wheels builds and reads them")
    weak = {path.name: weak_functions(path) for path in objects}
    of_sets = {name for path, names in weak.items() if path.startswith("isa_") for name in names}
    assert of_sets
    copies = Counter(name for names in weak.values() for name in names)
    assert [name for name in sorted(of_sets) if copies[name] > 1] == []


def weak_functions(path: Path) -> set[str]:
    command = ["nm", "--defined-only", str(path)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return {line.split()[-1] for line in lines if line.split()[-2] == "W"}
