import argparse

from benchmarks.environments import HERE, interpreter, node_packages

NODE = "node"

parser = argparse.ArgumentParser(prog="python -m benchmarks.environments")
parser.add_argument("name", choices=[NODE, *sorted(path.stem for path in HERE.glob("*.txt"))])
name = parser.parse_args().name
print(node_packages() if name == NODE else interpreter(name))
