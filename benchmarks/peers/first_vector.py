"""From the start of a process to one vector, by one engine.

Usage: first_vector.py ENGINE MODEL TEXT. Prints JSON: when it had come how far, in seconds of
`CLOCK_MONOTONIC`, which all processes share; the vector; what the imports take of memory and the
peak, in KiB.
"""

import time

at = {"started": time.clock_gettime(time.CLOCK_MONOTONIC)}

import os  # noqa: E402  nothing may come before the clock
import sys  # noqa: E402

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from engines import ENGINES  # noqa: E402


def memory_kib(name: str) -> int:
    """Of this process, as Linux names it."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name))


name, model, text = sys.argv[1:]
engine = ENGINES[name](model)
next(engine)
at["imported"] = time.clock_gettime(time.CLOCK_MONOTONIC)
imported_kib = memory_kib("VmRSS")
encode = next(engine)
at["loaded"] = time.clock_gettime(time.CLOCK_MONOTONIC)
vector = encode([text])[0]
at["answered"] = time.clock_gettime(time.CLOCK_MONOTONIC)
peak_kib = memory_kib("VmHWM")

import json  # noqa: E402

found = {"at": at, "vector": [float(value) for value in vector]}
print(json.dumps(found | {"imported_kib": imported_kib, "peak_kib": peak_kib}))
