"""From the start of a process to one vector, by one engine.

Usage: first_vector.py ENGINE MODEL TEXT. Prints JSON: when it had come how far, in seconds of
`CLOCK_MONOTONIC`, which all processes share; the vector; what the imports take of memory and the
peak, in KiB.
"""

import time

at = {"started": time.clock_gettime(time.CLOCK_MONOTONIC)}


def main() -> None:
    """Nothing is imported before its time: that is what is measured."""
    import os
    import sys

    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    from engines import ENGINES
    from memory import memory_kib

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

    import json

    found = {"at": at, "vector": [float(value) for value in vector]}
    print(json.dumps(found | {"imported_kib": imported_kib, "peak_kib": peak_kib}))


main()
