"""Matrix products alone, in torch on a GPU: what an encoder's could take at best.

A job is `{"products": [[batch, m, k, n], …], "dtype": "float16", "device": "cuda", "runs": 20}`,
its answer `{"seconds": […]}`, the median of each.
"""

import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.peers import forking


def seconds_of(product: list[int], dtype: torch.dtype, device: str, runs: int) -> float:
    """One product, its operands in the device's memory already."""
    batch, m, k, n = product
    left = torch.randn(batch, m, k, dtype=dtype, device=device)
    right = torch.randn(batch, k, n, dtype=dtype, device=device)
    found = []
    for _ in range(runs + 1):
        begun = time.perf_counter()
        torch.bmm(left, right)
        if device == "cuda":
            torch.cuda.synchronize()
        found.append(time.perf_counter() - begun)
    return median(found[1:])


def act(job: dict[str, Any]) -> dict[str, Any]:
    """Time every product of a job."""
    dtype = getattr(torch, job["dtype"])
    timed = [seconds_of(each, dtype, job["device"], job["runs"]) for each in job["products"]]
    return {"seconds": timed}


if __name__ == "__main__":
    forking.serve(act)
