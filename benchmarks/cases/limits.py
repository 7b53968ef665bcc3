"""How near an encoder comes to its own matrix products run alone, in the same turns."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from math import prod
from typing import Any, Final

from benchmarks import native_products
from benchmarks.cases.encoding import described, joined, time_job
from benchmarks.models import Model
from benchmarks.pairing import in_turn
from benchmarks.records import Record, new_record, rows_of
from benchmarks.systems import encoder
from edgebert.profiling.products import Product
from edgebert.profiling.roofline import MatmulRate, isolated_rates
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
NATIVE: Final = "edgebert-native"
"""The kind of its own products."""

BARE_NATIVE: Final = f"{BARE}, {NATIVE}"


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
    own = {shape: native_products_of(config, shape) for shape in shapes}
    job = time_job(model, shapes, SECONDS)
    runs: dict[str, Any] = {
        name: partial(encoder(name).do, model, threads, "time", **job) for name in SYSTEMS
    }
    runs[BARE] = partial(isolated_rates, _distinct(counts.values()), threads, 1, runs=RUNS)
    runs[BARE_NATIVE] = partial(native_products.rates, _distinct(own.values()), threads)
    outcomes = in_turn(runs, rounds)
    bare, bare_native = outcomes.pop(BARE), outcomes.pop(BARE_NATIVE)
    record["floors"] = [
        _floor(kind, shape, found, [_microseconds(rates) for rates in bare.results])
        for (kind, shape), found in counts.items()
    ]
    record["rows"] = rows_of(
        outcomes,
        lambda name: {**described(encoder(name)), "threads": threads},
        joined,
    )
    if bare_native.failure:
        record["rows"].append({"system": BARE_NATIVE, "failure": bare_native.failure})
    else:
        record["floors"] += [
            _floor(NATIVE, shape, found, bare_native.results) for shape, found in own.items()
        ]
    return record


def _distinct(counts: Iterable[Mapping[Any, int]]) -> list[Any]:
    return list(dict.fromkeys(chain(*counts)))


def _microseconds(rates: Mapping[Product, MatmulRate]) -> dict[Product, float]:
    return {product: rate.microseconds for product, rate in rates.items()}


def _floor(
    kind: str, shape: str, counts: Mapping[Any, int], rounds: Sequence[Mapping[Any, float]]
) -> dict[str, Any]:
    """The products of a batch alone: operations, and milliseconds of each round.

    Args:
        counts: each product, and how often.
        rounds: microseconds of each product.
    """
    return {
        "kind": kind,
        "shape": shape,
        "giga_operations": sum(operations(each) * n for each, n in counts.items()) / 1e9,
        "ms": [sum(times[each] * n for each, n in counts.items()) / 1e3 for times in rounds],
    }


def operations(product: Product | native_products.Shape) -> int:
    """Multiplications and additions."""
    return product.operations if isinstance(product, Product) else 2 * prod(product)


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


def native_products_of(config: Mapping[str, int], shape: str) -> dict[native_products.Shape, int]:
    """The linear layers of BERT on a batch as edgebert-native runs them, and how often.

    Attention is not among them: it is one step there, which has no product alone.
    """
    batch, sequence = map(int, shape.split("x"))
    rows, layers = batch * sequence, config["num_hidden_layers"]
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    return {
        (rows, hidden, 3 * hidden): layers,
        (rows, hidden, hidden): layers,
        (rows, hidden, inner): layers,
        (rows, inner, hidden): layers,
    }
