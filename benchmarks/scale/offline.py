"""Embed texts without a server: what a server's answers and its CPU time are set beside.

Usage: python -m benchmarks.scale.offline BUNDLE TEXTS, a file with a JSON list.
"""

import json
import sys
import time
from pathlib import Path

from edgebert_runtime import load


def main() -> None:
    texts = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    with load(sys.argv[1], task="embed") as model:
        model.embed(texts, progress=False)
        begun, cpu = time.perf_counter(), time.process_time()
        model.embed(texts, progress=False)
        seconds, cpu_s = time.perf_counter() - begun, time.process_time() - cpu
        alone = []
        for text in texts[:600]:
            start = time.perf_counter()
            model.embed([text], progress=False)
            alone.append(int((time.perf_counter() - start) * 1e6))
    json.dump({"seconds": seconds, "cpu_s": cpu_s, "samples_us": alone}, sys.stdout)


if __name__ == "__main__":
    main()
