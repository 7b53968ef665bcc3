"""Writes models, inputs and expected outputs for the driver in runtime/native/check.

`python -m tests.support.native.case_file FOLDER` writes those that CI runs.
"""

import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tests.support.native.model import Constant, Floats, Model
from tests.support.native.models import BFLOAT16_ATTENTION, MODELS, random_inputs
from tests.support.native.reference import encode

MAGIC: Final = b"EBCASE01"
TYPES: Final = {np.dtype("f4"): 0, np.dtype("i1"): 1, np.dtype("u1"): 2, np.dtype("i8"): 3}
"""ElementType of config.h."""

INTEGERS: Final = ("layers", "hidden", "heads", "head_size", "ffn", "gated")
FLOATS: Final = ("epsilon", "scale")
TEXTS: Final = ("scheme", "norm", "norm_place", "activation")
LISTS: Final = ("windows", "roles")


@dataclass(frozen=True, kw_only=True)
class Run:
    hidden: Floats
    mask: NDArray[np.int64]
    expected: Floats
    tolerance: float


def _list(values: Constant) -> bytes:
    return struct.pack("<q", values.size) + values.tobytes()


def _tensor(constant: Constant) -> bytes:
    data = np.ascontiguousarray(constant)
    shape = np.array(constant.shape, np.int64)
    return struct.pack("<q", TYPES[data.dtype]) + _list(shape) + _list(data.view(np.uint8).ravel())


def case_bytes(model: Model, runs: list[Run]) -> bytes:
    """The file of a model and its runs."""
    attributes = model.attributes()
    parts = [MAGIC, *(struct.pack("<q", attributes[name]) for name in INTEGERS)]
    parts += [struct.pack("<f", attributes[name]) for name in FLOATS]
    for name in TEXTS:
        text = str(attributes[name]).encode()
        parts += [struct.pack("<q", len(text)), text]
    parts += [_list(np.array(attributes[name], np.int64)) for name in LISTS]
    constants = model.constants()
    parts += [struct.pack("<q", len(constants)), *map(_tensor, constants)]
    parts += [struct.pack("<q", len(runs)), *map(_run, runs)]
    return b"".join(parts)


def _run(run: Run) -> bytes:
    numbers = struct.pack("<qq", *run.mask.shape)
    lists = [_list(each) for each in (run.hidden, run.mask, run.expected)]
    return b"".join([numbers, *lists, struct.pack("<d", run.tolerance)])


def write_cases(folder: Path) -> None:
    """One file for each of MODELS, with the outputs of the reference."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, model in MODELS.items():
        runs = []
        for hidden, mask in random_inputs(model.shape.hidden):
            expected = encode(model, hidden, mask)
            runs.append(
                Run(hidden=hidden, mask=mask, expected=expected, tolerance=BFLOAT16_ATTENTION)
            )
        (folder / f"{name}.case").write_bytes(case_bytes(model, runs))


if __name__ == "__main__":
    write_cases(Path(sys.argv[1]))
