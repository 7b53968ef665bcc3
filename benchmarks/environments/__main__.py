import argparse
from typing import Final

from benchmarks.environments import (
    HERE,
    arm64_interpreter,
    interpreter,
    node_packages,
    web_packages,
)

OTHERS: Final = {"arm64": arm64_interpreter, "node": node_packages, "web": web_packages}
"""Environments that no file of pip's requirements describes."""

parser = argparse.ArgumentParser(prog="python -m benchmarks.environments")
parser.add_argument("name", choices=[*OTHERS, *sorted(path.stem for path in HERE.glob("*.txt"))])
name = parser.parse_args().name
print(OTHERS[name]() if name in OTHERS else interpreter(name))
