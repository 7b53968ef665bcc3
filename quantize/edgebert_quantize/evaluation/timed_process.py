"""Times a graph in a process of its own.

Usage: python PATH_OF_THIS_FILE GRAPH FEEDS SECONDS WAY. Prints the median time of a run in ms.
It is run as a file, because the package it lies in takes longer to import than the graph to be
timed.
"""

import sys
from pathlib import Path
from statistics import median

import numpy as np

from edgebert_runtime.bundle.manifest_values import NATIVE
from edgebert_runtime.engine.native import find_native
from edgebert_runtime.engine.session import Session
from edgebert_runtime.measurement.timing import time_runs


def main(graph: str, arrays: str, seconds: str, way: str) -> None:
    """Time a graph in this process.

    Args:
        graph: its path.
        arrays: path of an `.npz` file with its inputs.
        seconds: for how long.
        way: `stock`, or `native` with the library.
    """
    library = find_native().library if way == NATIVE else None
    session = Session(Path(graph), provider="cpu", library=library)
    with np.load(arrays) as loaded:
        feeds = {name: loaded[name] for name in session.inputs}
    times = time_runs(lambda: session.run(session.outputs, feeds), float(seconds))
    sys.stdout.write(str(1000 * median(times)))


if __name__ == "__main__":
    main(*sys.argv[1:])
