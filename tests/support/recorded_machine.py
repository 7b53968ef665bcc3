"""The machine that hand-made records of benchmarks were taken on."""

from typing import Any, Final

MACHINE: Final[dict[str, Any]] = {
    "cpu": "A CPU",
    "cores": 2,
    "flags": [],
    "load": 0.1,
    "libraries": {"onnxruntime": "1.2", "torch": "3.4"},
    "commit": "abc",
    "dirty": False,
}
