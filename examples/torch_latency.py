"""Torch's own latency on the demo's shapes, in a process of its own; prints JSON."""

import json
import sys
from statistics import median

import torch

from edgebert.sources import open_source
from edgebert_runtime.bench import SHAPES, time_runs
from edgebert_runtime.threads import usable_cores


def main(source: str) -> None:
    """Time the torch module of a checkpoint folder."""
    torch.set_num_threads(usable_cores())
    module = open_source(source).module
    latency = {}
    with torch.inference_mode():
        for batch, sequence in SHAPES:
            ids = torch.ones((batch, sequence), dtype=torch.int64)
            feeds = (ids, ids, torch.zeros_like(ids))
            times = time_runs(lambda feeds=feeds: module(*feeds))
            latency[f"{batch}x{sequence}"] = 1000 * median(times)
    print(json.dumps(latency))


if __name__ == "__main__":
    main(sys.argv[1])
