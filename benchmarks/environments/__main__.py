import argparse
from typing import Final

from benchmarks.environments import HERE, interpreter, node_packages, web_packages

FOLDERS: Final = {"node": node_packages, "web": web_packages}
"""Environments of npm, printed as the folder of their `node_modules`."""

parser = argparse.ArgumentParser(prog="python -m benchmarks.environments")
parser.add_argument("name", choices=[*FOLDERS, *sorted(path.stem for path in HERE.glob("*.txt"))])
name = parser.parse_args().name
print(FOLDERS[name]() if name in FOLDERS else interpreter(name))
