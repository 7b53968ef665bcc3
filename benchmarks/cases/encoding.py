"""Encoders timed in turn: what the cases of fixed shapes share."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from benchmarks.artifacts import FOLDER
from benchmarks.contenders import REFERENCE, Encoder
from benchmarks.models import Model
from benchmarks.pairing import in_turn
from benchmarks.records import rows_of
from edgebert_runtime.threads import usable_cores


def time_encoders(
    model: Model,
    encoders: Sequence[Encoder],
    *,
    shapes: Sequence[str],
    threads: Sequence[int],
    rounds: int,
    seconds: float,
    reference: Encoder = REFERENCE,
) -> list[dict[str, Any]]:
    """A row for each encoder and number of threads.

    Args:
        model: what they run.
        encoders: in the order of the rows.
        shapes: batch x sequence each, in tokens.
        threads: so many cores and threads at a time.
        rounds: how often each has its turn.
        seconds: for a shape in a round.
        reference: whose answers all are compared with.

    Raises:
        PeerError: the reference has no answers.
    """
    job = time_job(model, shapes, seconds, reference)
    keys = [(each.name, count) for count in threads for each in encoders]
    named = {each.name: each for each in encoders}
    outcomes = in_turn(
        {key: partial(named[key[0]].do, model, key[1], "time", **job) for key in keys}, rounds
    )
    return rows_of(
        outcomes,
        lambda key: {**described(named[key[0]]), "threads": key[1]},
        lambda results: joined(results, shapes),
    )


def time_job(
    model: Model, shapes: Sequence[str], seconds: float, reference: Encoder = REFERENCE
) -> dict[str, Any]:
    """What every encoder is asked, once the reference has answered.

    Raises:
        PeerError: it cannot.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    answers = {"shapes": list(shapes), "reference": str(FOLDER / f"{model.name}-reference")}
    reference.do(model, usable_cores(), "reference", **answers)
    return answers | {"seconds": seconds}


def described(each: Encoder) -> dict[str, str]:
    """What tells a contender's row apart."""
    return {
        "contender": each.name,
        "maker": each.maker,
        "precision": each.precision,
        "setting": each.setting,
    }


def joined(results: Sequence[dict[str, Any]], shapes: Sequence[str]) -> dict[str, Any]:
    """Samples by shape, one list a round; answers are the same in all rounds."""
    return {
        "samples_us": {shape: [each["samples_us"][shape] for each in results] for shape in shapes},
        "cosines": results[0]["cosines"],
    }
