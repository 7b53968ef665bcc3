"""A profile as a page; the terminal prints its tables."""

from collections.abc import Callable, Sequence
from typing import Final

from edgebert.profiling.report import Group, Operator, ProfileReport, Use
from edgebert.reporting.bars import Bar, Bars, Part
from edgebert.reporting.plots import Plot, Point, Series
from edgebert_runtime.reporting.document import Page, Section, Table

NAMED: Final = 6
"""Types of operators with their own segment in a bar; the others share one."""

EXACT_BELOW: Final = 100
"""Rates below it are shown with three digits, others as whole numbers."""

REST: Final = "others"
OUTSIDE: Final = "outside operators"
UNSTEADY: Final = (
    "Runs took much longer than the sum of the medians of their operators: other programs were "
    "running. Measure again on an idle machine."
)


def page_of(report: ProfileReport) -> Page:
    """The page of a profile: the whole, then operators, layers and products."""
    sections = [_whole(report), _by_region(report), _by_kind(report)]
    if report.uses:
        sections.append(_products(report))
    return Page(
        title=f"Where the time of {report.variant} goes in {report.bundle}",
        answer=_answer(report),
        chart=_parts_bar(report),
        lead=_lead(report),
        sections=sections,
    )


def _lead(report: ProfileReport) -> str:
    plain = report.plain
    unsteady = f" {UNSTEADY}" if report.unsteady else ""
    threads = "one thread" if report.threads == 1 else f"{report.threads} threads"
    return (
        f"{report.batch} × {report.sequence} tokens on {threads} take {_ms(plain.median)} ms "
        f"(quartiles {_ms(plain.low)}…{_ms(plain.high)}). Matrix products measured alone: "
        f"{report.isolated_us / 1000:.3g} ms ({_whole_percent(report.isolated_share)} of the "
        f"run). The profiler adds {_whole_percent(report.profiler_cost)}; the operator times "
        f"below include that. Medians of {report.runs} runs with ONNX Runtime "
        f"{report.engine}.{unsteady}"
    )


def _whole(report: ProfileReport) -> Section:
    parts = {name: value for name, value in report.parts.items() if value}
    rows = [(name, _ms(value), _share(value, report)) for name, value in parts.items()]
    total = ("total", _ms(report.total_us), _share(report.total_us, report))
    return Section(
        title="The whole",
        text="Products alone are the roofline: only fewer or smaller products, or faster kernels, "
        "take less. The rest of their operators is softmax, scales, biases and memory access.",
        command=_command(report),
        blocks=(Table(columns=("part", "ms", "share"), rows=[*rows, total]),),
    )


def _parts_bar(report: ProfileReport) -> Bars:
    parts = [_part(name, value) for name, value in report.parts.items() if value]
    return Bars(unit="ms", bars=[Bar(name=report.variant, parts=parts)])


def _answer(report: ProfileReport) -> str:
    texts = "One text" if report.batch == 1 else f"{report.batch} texts"
    return (
        f"{texts} of {report.sequence} tokens: {_ms(report.plain.median)} ms, of which matrix "
        f"products alone take {_whole_percent(report.isolated_share)}."
    )


def _by_region(report: ProfileReport) -> Section:
    kinds = [group.name for group in report.by_kind[:NAMED]]
    bars = [_bar(group.name, report.operators, kinds) for group in report.by_region]
    bars.append(Bar(name=OUTSIDE, parts=[_part(OUTSIDE, report.outside_us)]))
    return Section(
        title="By layer",
        text="By data flow in the graph that ONNX Runtime runs. Shared: read by several layers, "
        "such as masks and positions. Unassigned: not determined by data flow.",
        blocks=(Bars(unit="ms", bars=bars), _groups("part", report.by_region, report)),
    )


def _bar(region: str, operators: Sequence[Operator], kinds: Sequence[str]) -> Bar:
    """Time of a region by type of operator, in the same order in every bar."""
    times = dict.fromkeys([*kinds, REST], 0.0)
    for operator in operators:
        if operator.region == region:
            times[operator.kind if operator.kind in kinds else REST] += operator.microseconds
    return Bar(name=region, parts=[_part(*item) for item in times.items() if item[1]])


def _by_kind(report: ProfileReport) -> Section:
    return Section(title="By operator", blocks=(_groups("operator", report.by_kind, report),))


def _groups(what: str, groups: Sequence[Group], report: ProfileReport) -> Table:
    rows = [
        (
            group.name,
            str(group.count),
            _ms(group.microseconds),
            _share(group.microseconds, report),
            _known(group.giga_per_second, _rate),
            _known(group.fraction, _percent),
        )
        for group in groups
    ]
    outside = (OUTSIDE, "", _ms(report.outside_us), _share(report.outside_us, report), "", "")
    return Table(
        columns=(what, "count", "ms", "share", "GOP/s", "products alone"), rows=[*rows, outside]
    )


def _products(report: ProfileReport) -> Section:
    ceilings = ", ".join(
        f"{found.product} {_known(found.giga_per_second, _rate)} GOP/s"
        for found in report.ceilings.values()
    )
    return Section(
        title="By product",
        text="Rows × inputs × outputs. Products of attention are part of a larger operator, so "
        "they have no time of their own in the graph.",
        blocks=(
            Table(
                columns=("product", "count", "ms", "GOP/s", "GOP/s alone", "alone / here"),
                rows=[_row(use) for use in report.uses],
                caption=f"The fastest large square products: {ceilings}." if ceilings else "",
            ),
            *_plots(report),
        ),
    )


def _row(use: Use) -> tuple[str, ...]:
    return (
        str(use.product),
        str(use.count),
        _known(use.microseconds, _ms),
        _known(use.giga_per_second, _rate),
        _known(use.isolated_giga_per_second, _rate),
        _known(use.fraction, _percent),
    )


def _plots(report: ProfileReport) -> list[Plot]:
    """Rate against size, with the rates of large products; empty without any rate."""
    points = {
        "in the graph": [_point(use, use.giga_per_second) for use in report.uses],
        "alone": [_point(use, use.isolated_giga_per_second) for use in report.uses],
    }
    series = [
        Series(name=name, points=[point for point in found if point], joined=False)
        for name, found in points.items()
    ]
    sizes = [point.x for one in series for point in one.points]
    for kind, found in report.ceilings.items():
        if sizes and found.giga_per_second:
            ends = [Point(x=x, y=found.giga_per_second) for x in (min(sizes), max(sizes))]
            series.append(Series(name=f"large {kind} squares", points=ends))
    operations = "operations of a product, 10⁶"
    plot = Plot(x_label=operations, y_label="GOP/s", series=series, log_x=True)
    return [plot] if sizes else []


def _point(use: Use, rate: float | None) -> Point | None:
    return Point(x=use.product.operations / 1e6, y=rate) if rate else None


def _command(report: ProfileReport) -> str:
    return (
        f"edgebert profile {report.bundle} --variant {report.variant} --batch {report.batch} "
        f"--sequence {report.sequence} --threads {report.threads} --runs {report.runs}"
    )


def _part(name: str, microseconds: float) -> Part:
    """A segment of a bar, in ms; negative values are zero."""
    return Part(name=name, value=max(microseconds, 0.0) / 1000)


def _known(value: float | None, form: Callable[[float], str]) -> str:
    return "" if value is None else form(value)


def _share(microseconds: float, report: ProfileReport) -> str:
    return _percent(microseconds / report.total_us)


def _ms(microseconds: float) -> str:
    return f"{microseconds / 1000:.3f}"


def _percent(share: float) -> str:
    return f"{share:.1%}".replace("%", " %")


def _whole_percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")


def _rate(value: float) -> str:
    return f"{value:,.0f}" if value >= EXACT_BELOW else f"{value:.3g}"
