"""Torch's own latency on shapes such as 1x128, in a process of its own; prints JSON."""

import json
import sys
from functools import partial
from statistics import median

import torch

from edgebert.workflow.sources import open_source
from edgebert_runtime.engine.threads import usable_cores
from edgebert_runtime.measurement.timing import time_runs


def main(source: str, *shapes: str) -> None:
    """Time the torch module of a checkpoint folder on batch x sequence each."""
    torch.set_num_threads(usable_cores())
    module = open_source(source).module
    latency = {}
    with torch.inference_mode():
        for shape in shapes:
            batch, sequence = map(int, shape.split("x"))
            ids = torch.ones((batch, sequence), dtype=torch.int64)
            feeds = (ids, ids, torch.zeros_like(ids))
            times = time_runs(partial(module, *feeds))
            latency[shape] = 1000 * median(times)
    print(json.dumps(latency))


if __name__ == "__main__":
    main(*sys.argv[1:])
