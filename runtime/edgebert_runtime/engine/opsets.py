"""Which opset and IR version each ONNX Runtime reads."""

from collections.abc import Mapping
from typing import Final

from edgebert_runtime.errors import ConfigError

ENGINES: Final[Mapping[str, tuple[int, int]]] = {
    "1.17.0": (20, 9),
    "1.18.0": (21, 10),
    "1.21.0": (22, 10),
    "1.23.0": (23, 11),
    "1.25.0": (26, 13),
}
"""ONNX Runtime version → newest opset and IR version it reads
(https://onnxruntime.ai/docs/reference/compatibility.html)."""

OLDEST_ENGINE: Final = "1.17.0"
"""January 2024, the default minimum of graphs in standard operators."""


def engine_limits(version: str) -> tuple[int, int]:
    """The opset and IR version that ONNX Runtime `version` reads.

    Raises:
        ConfigError: the version is older than any this build writes for, or not a version.
    """
    try:
        asked = _ordered(version)
    except ValueError as error:
        raise ConfigError(f"{version!r} is not a version of ONNX Runtime such as 1.23.0") from error
    readable = [limits for known, limits in ENGINES.items() if _ordered(known) <= asked]
    if not readable:
        raise ConfigError(f"ONNX Runtime {version} is too old; the oldest is {OLDEST_ENGINE}")
    return readable[-1]


def oldest_engine(opset: int) -> str:
    """The oldest ONNX Runtime of `ENGINES` that reads an opset.

    Raises:
        StopIteration: none does.
    """
    return next(version for version, (newest, _) in ENGINES.items() if newest >= opset)


def _ordered(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
