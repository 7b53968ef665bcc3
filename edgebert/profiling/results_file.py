"""A profile as `profile --json` wrote it, read back."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any

from edgebert.profiling.products import Product
from edgebert.profiling.report import Operator, ProfileReport
from edgebert.profiling.roofline import MatmulRate
from edgebert_runtime.benchmarking.results import Quartiles
from edgebert_runtime.storage.json_reader import Refusal
from edgebert_runtime.storage.json_values import Array, Integer, Number, Structure, read_structure

COUNT = Integer(1)
TIME = Number(least=0)
POSITIVE = Number(above=0)


@dataclass(frozen=True, kw_only=True)
class _Product:
    kind: str
    m: Annotated[int, COUNT]
    k: Annotated[int, COUNT]
    n: Annotated[int, COUNT]
    batch: Annotated[int, COUNT] = 1

    @property
    def product(self) -> Product:
        return Product(self.kind, self.m, self.k, self.n, self.batch)


@dataclass(frozen=True, kw_only=True)
class _Use(_Product):
    isolated_us: Annotated[float | None, TIME] = None


@dataclass(frozen=True, kw_only=True)
class _Rate:
    product: _Product
    microseconds: Annotated[float, TIME]


@dataclass(frozen=True, kw_only=True)
class _Operator:
    name: str
    kind: str
    region: str
    microseconds: Annotated[float, TIME]
    products: tuple[_Product, ...]
    isolated_us: Annotated[float | None, TIME]

    def operator(self) -> Operator:
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        return Operator(**{**given, "products": tuple(each.product for each in self.products)})


@dataclass(frozen=True, kw_only=True)
class _Quartiles:
    low: Annotated[float, POSITIVE]
    median: Annotated[float, POSITIVE]
    high: Annotated[float, POSITIVE]

    def quartiles(self) -> Quartiles:
        return Quartiles(self.low, self.median, self.high)


@dataclass(frozen=True, kw_only=True)
class _Profile:
    bundle: str
    variant: str
    engine: str
    batch: Annotated[int, COUNT]
    sequence: Annotated[int, COUNT]
    threads: Annotated[int, COUNT]
    runs: Annotated[int, COUNT]
    operators: Annotated[tuple[_Operator, ...], Array(Structure(_Operator), least=1)]
    products: tuple[_Use, ...]
    ceilings: Mapping[str, _Rate]
    outside_us: Annotated[float, TIME]
    plain_us: _Quartiles
    profiled_us: _Quartiles


def read_profile(value: Mapping[str, Any], refusal: Refusal) -> ProfileReport:
    """A profile from the JSON that `profile --json` wrote.

    Args:
        value: the object.
        refusal: makes the error for a problem.

    Raises:
        EdgebertError: what `refusal` makes: a key is missing or does not fit.
    """
    found = read_structure(_Profile, value, refusal)
    if not any(each.microseconds for each in found.operators):
        raise refusal("has no operator that took time")
    alone = {each.product: each.isolated_us for each in found.products}
    return ProfileReport(
        bundle=found.bundle,
        variant=found.variant,
        engine=found.engine,
        batch=found.batch,
        sequence=found.sequence,
        threads=found.threads,
        runs=found.runs,
        operators=tuple(each.operator() for each in found.operators),
        outside_us=found.outside_us,
        plain=found.plain_us.quartiles(),
        profiled=found.profiled_us.quartiles(),
        rates={
            product: MatmulRate(product=product, microseconds=time)
            for product, time in alone.items()
            if time is not None
        },
        ceilings={
            kind: MatmulRate(product=rate.product.product, microseconds=rate.microseconds)
            for kind, rate in found.ceilings.items()
        },
    )
