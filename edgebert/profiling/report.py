"""A profile: times of operators and groups of them, and of their matrix products alone."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import mean
from typing import Any, Final

from edgebert.profiling.layers import EMBEDDINGS, LAYER, SHARED, UNASSIGNED
from edgebert.profiling.products import Product
from edgebert.profiling.roofline import MatmulRate, rate
from edgebert_runtime.benchmarking.results import Quartiles
from edgebert_runtime.inference.reports import Report
from edgebert_runtime.reporting.text_table import table_lines

COLUMNS: Final = ("operators", "count", "ms", "share")
KIND: Final = "profile"
VERSION: Final = 1
"""Of the results as JSON: what they are of, and their format."""

UNSTEADY: Final = 1.25
"""Largest ratio of a run to the medians of its parts; on an idle machine it is below 1.1."""


@dataclass(frozen=True, kw_only=True)
class Operator:
    """One operator of the graph as ONNX Runtime runs it.

    Attributes:
        name: of its node.
        kind: its type.
        region: `embeddings`, `layer 1` …, `pooling` or `head`, `shared`, `unassigned`.
        microseconds: median over the runs.
        products: its matrix products.
        isolated_us: time of these alone; 0 without any, None if one of them cannot be isolated.
    """

    name: str
    kind: str
    region: str
    microseconds: float
    products: tuple[Product, ...]
    isolated_us: float | None

    @property
    def operations(self) -> int:
        """Operations of its products."""
        return sum(product.operations for product in self.products)


@dataclass(frozen=True, kw_only=True)
class Group:
    """A group of operators.

    Attributes:
        name: what they have in common.
        count: how many.
        microseconds: sum of their medians.
        operations: of their products.
        isolated_us: time of their products alone, of those that can be isolated.
    """

    name: str
    count: int
    microseconds: float
    operations: int
    isolated_us: float

    @property
    def giga_per_second(self) -> float | None:
        """Operations of products, 10⁹ per second; None without any."""
        return rate(self.operations, self.microseconds) if self.operations else None

    @property
    def fraction(self) -> float | None:
        """Time of their products alone over their own; None without any."""
        return (
            self.isolated_us / self.microseconds if self.isolated_us and self.microseconds else None
        )


@dataclass(frozen=True, kw_only=True)
class Use:
    """A matrix product of the graph.

    Attributes:
        product: that is used.
        count: of uses.
        microseconds: of one use, mean over the operators that are this product and nothing else;
            None if there are none.
        isolated: the product alone; None if it cannot be isolated.
    """

    product: Product
    count: int
    microseconds: float | None
    isolated: MatmulRate | None

    @property
    def giga_per_second(self) -> float | None:
        """Rate in the graph, 10⁹ operations per second; None if unknown."""
        return rate(self.product.operations, self.microseconds) if self.microseconds else None

    @property
    def fraction(self) -> float | None:
        """Time alone over time in the graph; None if either is unknown."""
        if self.isolated is None or not self.microseconds:
            return None
        return self.isolated.microseconds / self.microseconds

    @property
    def isolated_giga_per_second(self) -> float | None:
        """Rate alone, 10⁹ operations per second; None if unknown."""
        return None if self.isolated is None else self.isolated.giga_per_second


@dataclass(frozen=True, kw_only=True, repr=False)
class ProfileReport(Report):
    """The times of a variant's operators and matrix products.

    Times of operators are those under the profiler; `plain` is what a run takes without it.

    Attributes:
        bundle: name of its folder.
        variant: that was measured.
        engine: ONNX Runtime's version.
        batch, sequence: of what ran, texts and tokens.
        threads: intra-operator threads.
        runs: of each measurement.
        operators: in the order of execution.
        outside_us: time of a run outside operators, median.
        profiled, plain: wall time of a run in µs, with the profiler and without.
        rates: of products of the graph alone, of those that can be isolated.
        ceilings: kind of product → the fastest large square product.
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
    rates: Mapping[Product, MatmulRate]
    ceilings: Mapping[str, MatmulRate]

    @property
    def total_us(self) -> float:
        """Time of all operators and outside them."""
        return sum(operator.microseconds for operator in self.operators) + self.outside_us

    @property
    def isolated_us(self) -> float:
        """Time of all products alone, of those that can be isolated."""
        return self.all.isolated_us

    @property
    def isolated_share(self) -> float:
        """Time of all products alone over that of a run without the profiler."""
        return self.isolated_us / self.plain.median

    @property
    def profiler_cost(self) -> float:
        """Overhead of the profiler, as a share of a run without it."""
        return self.profiled.median / self.plain.median - 1

    @property
    def unsteady(self) -> bool:
        """Whether runs took much longer than the sum of the medians of their parts."""
        return self.profiled.median > UNSTEADY * self.total_us

    @property
    def all(self) -> Group:
        """All operators together."""
        return _group("all operators", self.operators)

    @property
    def by_kind(self) -> list[Group]:
        """Operators grouped by type, the longest time first."""
        groups = _grouped(self.operators, lambda operator: operator.kind)
        return sorted(groups, key=lambda group: -group.microseconds)

    @property
    def by_region(self) -> list[Group]:
        """Operators grouped by layer, in order of execution."""
        groups = _grouped(self.operators, lambda operator: operator.region)
        return sorted(groups, key=lambda group: _rank(group.name))

    @property
    def parts(self) -> dict[str, float]:
        """Parts of the profiled time, in µs.

        The rest of an operator is negative if its products were slower alone.
        """
        isolated = [operator for operator in self.operators if operator.isolated_us]
        not_isolated = [operator for operator in self.operators if operator.isolated_us is None]
        others = [operator for operator in self.operators if operator.isolated_us == 0]
        return {
            "products alone": self.isolated_us,
            "rest of the same operators": _sum(isolated) - self.isolated_us,
            "products not measured alone": _sum(not_isolated),
            "other operators": _sum(others),
            "outside operators": self.outside_us,
        }

    @property
    def uses(self) -> list[Use]:
        """The graph's products, most operations first."""
        counts = Counter(product for operator in self.operators for product in operator.products)
        found = [self._use(product, count) for product, count in counts.items()]
        return sorted(found, key=lambda use: -use.count * use.product.operations)

    def _use(self, product: Product, count: int) -> Use:
        alone = [item.microseconds for item in self.operators if item.products == (product,)]
        return Use(
            product=product,
            count=count,
            microseconds=mean(alone) if alone else None,
            isolated=self.rates.get(product),
        )

    def lines(self, width: int | None = None) -> Iterator[str]:
        """A row for each layer, each type of operator, and all of them."""
        rows = [
            (each.name, str(each.count), f"{each.microseconds / 1000:.3f}", self._share(each))
            for each in (*self.by_region, *self.by_kind, self.all)
        ]
        return table_lines(COLUMNS, rows, width)

    def _share(self, group: Group) -> str:
        return f"{100 * group.microseconds / self.total_us:.1f} %"

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON; times in µs, rates in 10⁹ operations a second."""
        how = ("bundle", "variant", "engine", "batch", "sequence", "threads", "runs")
        return {
            "kind": KIND,
            "version": VERSION,
            **{name: getattr(self, name) for name in how},
            "outside_us": self.outside_us,
            "plain_us": self.plain._asdict(),
            "profiled_us": self.profiled._asdict(),
            "unsteady": self.unsteady,
            "profiler_cost": self.profiler_cost,
            "total_us": self.total_us,
            "isolated_us": self.isolated_us,
            "isolated_share": self.isolated_share,
            "parts_us": self.parts,
            "by_kind": [_fields(group) for group in self.by_kind],
            "by_region": [_fields(group) for group in self.by_region],
            "products": [_use_fields(use) for use in self.uses],
            "ceilings": {kind: _rate_fields(found) for kind, found in self.ceilings.items()},
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
        "isolated_us": use.isolated.microseconds if use.isolated else None,
        "isolated_giga_per_second": use.isolated_giga_per_second,
        "fraction": use.fraction,
    }


def _rate_fields(found: MatmulRate) -> dict[str, Any]:
    return {
        "product": found.product._asdict(),
        "microseconds": found.microseconds,
        "giga_per_second": found.giga_per_second,
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
        isolated_us=sum(operator.isolated_us or 0.0 for operator in operators),
    )


def _sum(operators: Sequence[Operator]) -> float:
    return sum(operator.microseconds for operator in operators)


def _rank(region: str) -> tuple[int, int]:
    """Order: embeddings, shared, the layers by number, what follows them, unassigned."""
    if region.startswith(LAYER):
        return 2, int(region.removeprefix(LAYER))
    return {EMBEDDINGS: 0, SHARED: 1, UNASSIGNED: 4}.get(region, 3), 0
