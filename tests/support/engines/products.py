"""Products of 8-bit integers on the ONNX Runtime of this environment, of many widths."""

from collections.abc import Iterator

import numpy as np

from edgebert_runtime.engine.cpu import TILE_PROBE, WHOLE_TILE, tiles_go_wrong
from edgebert_runtime.engine.onnxruntime import cpu_session, import_engine, session_options

ROWS = (1, 32, 64, 200)
LENGTH = 48
WIDTHS = range(1, 161)
THREADS = (1, 2, 4)


def unexpected_products() -> list[str]:
    """What contradicts the runtime: a wrong product it would run, or none where it refuses.

    A width that is a multiple of `WHOLE_TILE` must be right everywhere. Another one may be wrong
    only where `tiles_go_wrong` says so.
    """
    wrong = list(wrong_products())
    if tiles_go_wrong():
        found = [each for each in wrong if each[2] % WHOLE_TILE == 0]
        refused = [] if wrong else ["all products are right, and graphs are refused"]
    else:
        found, refused = wrong, []
    return refused + [
        f"wrong: {rows} rows, {width} columns, {n} threads" for n, rows, width in found
    ]


def wrong_products() -> Iterator[tuple[int, int, int]]:
    """Threads, rows and columns of every product that is not exact."""
    random = np.random.default_rng(0)
    for threads in THREADS:
        session = cpu_session(TILE_PROBE, session_options(import_engine(), threads))
        for rows in ROWS:
            for width in WIDTHS:
                a = random.integers(0, 256, (rows, LENGTH), dtype=np.uint8)
                b = random.integers(-127, 128, (LENGTH, width), dtype=np.int8)
                (found,) = session.run(None, {"a": a, "b": b})
                if not np.array_equal(found, a.astype(np.int32) @ b.astype(np.int32)):
                    yield threads, rows, width
