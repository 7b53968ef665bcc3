import sys

from benchmarks.environments import interpreter

print(interpreter(sys.argv[1]))
