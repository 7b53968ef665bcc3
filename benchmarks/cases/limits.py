"""How near an encoder comes to its own matrix products run alone, in the same turns."""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, Final

from benchmarks.cases.encoding import described, joined, time_job
from benchmarks.models import Model
from benchmarks.pairing import in_turn
from benchmarks.records import Record, new_record, rows_of
from benchmarks.systems import encoder
from edgebert.profiling.products import Product
from edgebert.profiling.roofline import isolated_rates
from edgebert_runtime.engine.threads import usable_cores

CASE: Final = "limits"
SHAPES: Final = ("1x32", "1x128", "8x128")
SECONDS: Final = 0.4
RUNS: Final = 5

SYSTEMS: Final = (
    "edgebert fp32",
    "OpenVINO fp32",
    "edgebert int8",
    "edgebert int8 native",
    "optimum int8",
    "OpenVINO int8, f32",
)

BARE: Final = "products alone"


def measure(model: Model, *, rounds: int, shapes: Sequence[str] = SHAPES) -> Record:
    """Time encoders and bare products in turn, on all cores."""
    record = new_record(
        CASE, model.name, f"python -m benchmarks limits --model {model.name}", rounds
    )
    threads, config = usable_cores(), model.config()
    counts = {
        (kind, shape): products_of(config, shape, kind)
        for kind in ("float32", "int8")
        for shape in shapes
    }
    job = time_job(model, shapes, SECONDS)
    distinct = list(dict.fromkeys(chain(*counts.values())))
    runs: dict[str, Any] = {
        name: partial(encoder(name).do, model, threads, "time", **job) for name in SYSTEMS
    }
    runs[BARE] = partial(isolated_rates, distinct, threads, 1, runs=RUNS)
    outcomes = in_turn(runs, rounds)
    bare = outcomes.pop(BARE)
    record["floors"] = [
        {
            "kind": kind,
            "shape": shape,
            "giga_operations": sum(each.operations * n for each, n in found.items()) / 1e9,
            "ms": [
                sum(rates[each].microseconds * n for each, n in found.items()) / 1e3
                for rates in bare.results
            ],
        }
        for (kind, shape), found in counts.items()
    ]
    record["rows"] = rows_of(
        outcomes,
        lambda name: {**described(encoder(name)), "threads": threads},
        joined,
    )
    return record


def products_of(config: Mapping[str, int], shape: str, kind: str) -> dict[Product, int]:
    """Every matrix product of BERT on a batch, and how often: linear layers and attention.

    Args:
        config: config.json of the checkpoint.
        shape: batch x sequence.
        kind: of the linear layers; attention's two products are of float32.
    """
    batch, sequence = map(int, shape.split("x"))
    rows, layers = batch * sequence, config["num_hidden_layers"]
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    heads = config["num_attention_heads"]
    width, matrices = hidden // heads, batch * heads
    return {
        Product(kind, rows, hidden, hidden): 4 * layers,
        Product(kind, rows, hidden, inner): layers,
        Product(kind, rows, inner, hidden): layers,
        Product("float32", sequence, width, sequence, matrices): layers,
        Product("float32", sequence, sequence, width, matrices): layers,
    }
