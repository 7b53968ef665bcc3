"""Encoders timed in turn: what the cases of fixed shapes share."""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from benchmarks.artifacts import FOLDER
from benchmarks.models import Model
from benchmarks.pairing import in_turn
from benchmarks.records import rows_of
from benchmarks.systems import REFERENCE, Encoder
from edgebert_runtime.engine.threads import usable_cores


def time_encoders(
    model: Model,
    encoders: Sequence[Encoder],
    *,
    shapes: Mapping[int, Sequence[str]],
    rounds: int,
    seconds: float,
    reference: Encoder = REFERENCE,
    folder: Path = FOLDER,
) -> list[dict[str, Any]]:
    """A row for each encoder and number of threads.

    Args:
        encoders: in the order of the rows.
        shapes: so many cores and threads at a time → batch x sequence each, in tokens.
        seconds: for a shape in a round.
        reference: whose answers all are compared with.
        folder: where these are written.

    Raises:
        PeerError: the reference has no answers.
    """
    every = list(dict.fromkeys(chain(*shapes.values())))
    job = time_job(model, every, seconds, reference, folder)
    named = {each.name: each for each in encoders}

    def timed(name: str, count: int) -> dict[str, Any]:
        return named[name].do(model, count, "time", **job | {"shapes": list(shapes[count])})

    keys = [(name, count) for count in shapes for name in named]
    return rows_of(
        in_turn({key: partial(timed, *key) for key in keys}, rounds),
        lambda key: {**described(named[key[0]]), "threads": key[1]},
        joined,
    )


def time_job(
    model: Model,
    shapes: Sequence[str],
    seconds: float,
    reference: Encoder = REFERENCE,
    folder: Path = FOLDER,
) -> dict[str, Any]:
    """What every encoder is asked, once the reference has answered.

    Raises:
        PeerError: it cannot.
    """
    folder.mkdir(parents=True, exist_ok=True)
    answers = {"shapes": list(shapes), "reference": str(folder / f"{model.name}-reference")}
    reference.do(model, usable_cores(), "reference", **answers)
    return answers | {"seconds": seconds}


def described(each: Encoder) -> dict[str, str]:
    """What tells a system's row apart."""
    return {
        "system": each.name,
        "maker": each.maker,
        "precision": each.precision,
        "setting": each.setting,
    }


def joined(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Samples by shape, one list a round; answers are the same in all rounds."""
    shapes = list(results[0]["samples_us"])
    return {
        "samples_us": {shape: [each["samples_us"][shape] for each in results] for shape in shapes},
        "cosines": results[0]["cosines"],
    }
