"""What a profile found: operators with their times, alone and in groups, beside their floors."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import mean
from typing import Any, Final

from edgebert.profiling.layers import EMBEDDINGS, LAYER, SHARED, UNASSIGNED
from edgebert.profiling.products import Product
from edgebert.profiling.roofline import BareRate, rate
from edgebert_runtime.benchmarking.results import Quartiles

UNSTEADY: Final = 1.25
"""A run over the medians of its parts; on a quiet machine it is below 1.1."""


@dataclass(frozen=True, kw_only=True)
class Operator:
    """One operator of the graph as ONNX Runtime runs it.

    Attributes:
        name: of its node.
        kind: its type.
        region: `embeddings`, `layer 1` …, `pooling` or `head`, `shared`, `unassigned`.
        microseconds: median over the runs.
        products: what of it is matrix products.
        floor_us: what these take alone; 0 without any, None where one of them has no graph of its
            own.
    """

    name: str
    kind: str
    region: str
    microseconds: float
    products: tuple[Product, ...]
    floor_us: float | None

    @property
    def operations(self) -> int:
        """Of its products."""
        return sum(product.operations for product in self.products)


@dataclass(frozen=True, kw_only=True)
class Group:
    """Operators together.

    Attributes:
        name: what they have in common.
        count: how many.
        microseconds: sum of their medians.
        operations: of their products.
        floor_us: what those of their products take alone that have a graph of their own.
    """

    name: str
    count: int
    microseconds: float
    operations: int
    floor_us: float

    @property
    def giga_per_second(self) -> float | None:
        """Operations of products, 10⁹ a second; None without any."""
        return rate(self.operations, self.microseconds) if self.operations else None

    @property
    def fraction(self) -> float | None:
        """Of their time, what their products take alone; None without any."""
        return self.floor_us / self.microseconds if self.floor_us and self.microseconds else None


@dataclass(frozen=True, kw_only=True)
class Use:
    """A product that the graph has.

    Attributes:
        product: which.
        count: how often.
        microseconds: of one in the graph, mean of the medians of operators that are this product
            alone; None where it is part of others.
        bare: the product alone; None where it has no graph of its own.
    """

    product: Product
    count: int
    microseconds: float | None
    bare: BareRate | None

    @property
    def giga_per_second(self) -> float | None:
        """Operations in the graph, 10⁹ a second; None where that is not known."""
        return rate(self.product.operations, self.microseconds) if self.microseconds else None

    @property
    def fraction(self) -> float | None:
        """Of its time in the graph, what it takes alone; None where either is not known."""
        if self.bare is None or not self.microseconds:
            return None
        return self.bare.microseconds / self.microseconds

    @property
    def bare_giga_per_second(self) -> float | None:
        """Operations alone, 10⁹ a second; None where that is not known."""
        return None if self.bare is None else self.bare.giga_per_second


@dataclass(frozen=True, kw_only=True)
class ProfileReport:
    """Where a variant's time goes.

    Times of operators are those under the profiler; `plain` is what a run takes without it.

    Attributes:
        bundle: name of its folder.
        variant: which was measured.
        engine: ONNX Runtime's version.
        batch, sequence: of what ran, texts and tokens.
        threads: intra-operator threads.
        runs: that medians are of.
        operators: in the order of execution.
        outside_us: what a run takes and no operator of it, median.
        profiled, plain: a run as its caller sees it, in µs, with the profiler and without.
        rates: each product of the graph alone, where it has a graph of its own.
        ceilings: kind of product → the fastest of large square ones.
    """

    bundle: str
    variant: str
    engine: str
    batch: int
    sequence: int
    threads: int
    runs: int
    operators: tuple[Operator, ...]
    outside_us: float
    profiled: Quartiles
    plain: Quartiles
    rates: Mapping[Product, BareRate]
    ceilings: Mapping[str, BareRate]

    @property
    def total_us(self) -> float:
        """All operators and what is outside of them."""
        return sum(operator.microseconds for operator in self.operators) + self.outside_us

    @property
    def floor_us(self) -> float:
        """What all products take alone, of those that have a graph of their own."""
        return self.all.floor_us

    @property
    def floor_share(self) -> float:
        """Of a run without the profiler, what its products take alone."""
        return self.floor_us / self.plain.median

    @property
    def profiler_cost(self) -> float:
        """What the profiler adds to a run, over what it takes without."""
        return self.profiled.median / self.plain.median - 1

    @property
    def unsteady(self) -> bool:
        """Whether runs vary so much that the medians of their parts do not add up to theirs."""
        return self.profiled.median > UNSTEADY * self.total_us

    @property
    def all(self) -> Group:
        """All operators together."""
        return _group("all operators", self.operators)

    @property
    def by_kind(self) -> list[Group]:
        """Operators of one type together, what takes longest first."""
        groups = _grouped(self.operators, lambda operator: operator.kind)
        return sorted(groups, key=lambda group: -group.microseconds)

    @property
    def by_region(self) -> list[Group]:
        """Operators of one layer together, in the order in which most of it runs."""
        groups = _grouped(self.operators, lambda operator: operator.region)
        return sorted(groups, key=lambda group: _rank(group.name))

    @property
    def parts(self) -> dict[str, float]:
        """What all of the time under the profiler consists of, in µs.

        What products take beyond their floor is below zero where they were slower alone.
        """
        floored = [operator for operator in self.operators if operator.floor_us]
        floorless = [operator for operator in self.operators if operator.floor_us is None]
        others = [operator for operator in self.operators if operator.floor_us == 0]
        return {
            "products alone": self.floor_us,
            "beyond that, in the same operators": _sum(floored) - self.floor_us,
            "products without a floor": _sum(floorless),
            "other operators": _sum(others),
            "outside operators": self.outside_us,
        }

    @property
    def uses(self) -> list[Use]:
        """The graph's products, what has most operations first."""
        counts = Counter(product for operator in self.operators for product in operator.products)
        found = [self._use(product, count) for product, count in counts.items()]
        return sorted(found, key=lambda use: -use.count * use.product.operations)

    def _use(self, product: Product, count: int) -> Use:
        alone = [item.microseconds for item in self.operators if item.products == (product,)]
        return Use(
            product=product,
            count=count,
            microseconds=mean(alone) if alone else None,
            bare=self.rates.get(product),
        )

    def to_fields(self) -> dict[str, Any]:
        """Everything, for JSON; times in µs, rates in 10⁹ operations a second."""
        how = ("bundle", "variant", "engine", "batch", "sequence", "threads", "runs")
        return {
            **{name: getattr(self, name) for name in how},
            "plain_us": self.plain._asdict(),
            "profiled_us": self.profiled._asdict(),
            "unsteady": self.unsteady,
            "profiler_cost": self.profiler_cost,
            "total_us": self.total_us,
            "floor_us": self.floor_us,
            "floor_share": self.floor_share,
            "parts_us": self.parts,
            "by_kind": [_fields(group) for group in self.by_kind],
            "by_region": [_fields(group) for group in self.by_region],
            "products": [_use_fields(use) for use in self.uses],
            "ceilings": {kind: found.giga_per_second for kind, found in self.ceilings.items()},
            "operators": [_operator_fields(operator) for operator in self.operators],
        }


def _fields(group: Group) -> dict[str, Any]:
    computed = {"giga_per_second": group.giga_per_second, "fraction": group.fraction}
    return asdict(group) | computed


def _use_fields(use: Use) -> dict[str, Any]:
    return {
        **use.product._asdict(),
        "operations": use.product.operations,
        "count": use.count,
        "microseconds": use.microseconds,
        "giga_per_second": use.giga_per_second,
        "bare_us": use.bare.microseconds if use.bare else None,
        "bare_giga_per_second": use.bare_giga_per_second,
        "fraction": use.fraction,
    }


def _operator_fields(operator: Operator) -> dict[str, Any]:
    return asdict(operator) | {"products": [item._asdict() for item in operator.products]}


def _grouped(operators: Sequence[Operator], key: Callable[[Operator], str]) -> list[Group]:
    members: dict[str, list[Operator]] = {}
    for operator in operators:
        members.setdefault(key(operator), []).append(operator)
    return [_group(name, found) for name, found in members.items()]


def _group(name: str, operators: Sequence[Operator]) -> Group:
    return Group(
        name=name,
        count=len(operators),
        microseconds=_sum(operators),
        operations=sum(operator.operations for operator in operators),
        floor_us=sum(operator.floor_us or 0.0 for operator in operators),
    )


def _sum(operators: Sequence[Operator]) -> float:
    return sum(operator.microseconds for operator in operators)


def _rank(region: str) -> tuple[int, int]:
    """Embeddings, what all share, the layers by their number, what follows them, the rest."""
    if region.startswith(LAYER):
        return 2, int(region.removeprefix(LAYER))
    return {EMBEDDINGS: 0, SHARED: 1, UNASSIGNED: 4}.get(region, 3), 0
