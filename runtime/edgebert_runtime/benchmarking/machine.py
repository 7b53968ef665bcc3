"""What a measurement runs on."""

import hashlib
import os
from pathlib import Path
from typing import Any, Final

from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import MANIFEST_NAME
from edgebert_runtime.engine.cpu import cpu_fields
from edgebert_runtime.engine.machine import machine_info
from edgebert_runtime.engine.threads import usable_cores

FLAGS: Final = (
    *("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8"),
    *("asimddp", "i8mm", "bf16", "sve"),
)
"""Those that the speed of an encoder depends on, of x86 and of ARM."""

GOVERNOR: Final = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def describe_machine(provider: str) -> dict[str, Any]:
    """What measures; call it before, the load is then somebody else's.

    Raises:
        EngineMissingError: ONNX Runtime is not installed.
    """
    import numpy as np

    fields = cpu_fields()
    present = f"{fields.get('flags', '')} {fields.get('Features', '')}".split()
    return {
        **machine_info(provider),
        "numpy": np.__version__,
        "flags": [flag for flag in FLAGS if flag in present],
        "cores": usable_cores(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "governor": _governor(),
    }


def hash_bundle(bundle: Bundle) -> str:
    """The sha256 of a bundle's manifest."""
    return hashlib.sha256((bundle.folder / MANIFEST_NAME).read_bytes()).hexdigest()


def _governor() -> str | None:
    try:
        return GOVERNOR.read_text(encoding="ascii").strip()
    except OSError:
        return None
