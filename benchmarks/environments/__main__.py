import argparse

from benchmarks.environments import HERE, arm64_interpreter, interpreter, node_packages

OTHERS = {"arm64": arm64_interpreter, "node": node_packages}

parser = argparse.ArgumentParser(prog="python -m benchmarks.environments")
names = sorted(path.stem for path in HERE.glob("*.txt"))
parser.add_argument("name", choices=[*OTHERS, *names])
name = parser.parse_args().name
print(OTHERS[name]() if name in OTHERS else interpreter(name))
