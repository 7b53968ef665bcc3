"""The tag of the wheel: any Python 3, and the machine that the library was built for."""

import struct
from pathlib import Path
from typing import Final

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel

LIBRARY: Final = Path(__file__).resolve().parent / "edgebert_native" / "libedgebert_native.so"
MACHINES: Final = {0x3E: "x86_64", 0xB7: "aarch64"}
"""e_machine of an ELF file."""


def machine(library: Path) -> str:
    """What a shared library was built for.

    Raises:
        SystemExit: there is no library.
    """
    if not library.is_file():
        raise SystemExit(f"{library} is not there; `python build.py library` builds it")
    (number,) = struct.unpack_from("<H", library.read_bytes(), 18)
    return MACHINES[number]


class PlatformWheel(bdist_wheel):
    """A wheel for one machine and any Python."""

    def get_tag(self) -> tuple[str, str, str]:
        """Python, ABI and platform."""
        return "py3", "none", f"manylinux_2_28_{machine(LIBRARY)}"


class WithLibrary(Distribution):
    """Has a binary, though no extension module."""

    def has_ext_modules(self) -> bool:
        """So that its files lie in the wheel as they are installed."""
        return True


setup(distclass=WithLibrary, cmdclass={"bdist_wheel": PlatformWheel})
