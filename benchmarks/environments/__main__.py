import argparse

from benchmarks.environments import HERE, interpreter

parser = argparse.ArgumentParser(prog="python -m benchmarks.environments")
parser.add_argument("name", choices=sorted(path.stem for path in HERE.glob("*.txt")))
print(interpreter(parser.parse_args().name))
