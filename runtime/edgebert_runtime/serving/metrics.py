"""Numbers for Prometheus, in its text format
(https://prometheus.io/docs/instrumenting/exposition_formats/).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from edgebert_runtime.serving.bundles import BundleService
from edgebert_runtime.serving.scheduling.statistics import SECONDS, Histogram, Tally

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Labels = Mapping[str, object]
Sample = tuple[str, Labels, float]
"""What follows the name of the metric, its labels, and its value."""


class RequestMetrics:
    """How many requests there were, by route and status, and how long they took."""

    def __init__(self) -> None:
        self.in_flight = 0
        self._requests: Counter[tuple[str, int]] = Counter()
        self._seconds: dict[str, Tally] = {}

    def add(self, route: str, status: int, seconds: float) -> None:
        """Count a request that has ended.

        Args:
            route: a path of the server, never one that a client made up.
            status: of the answer.
            seconds: since its headers came.
        """
        self._requests[route, status] += 1
        self._seconds.setdefault(route, Tally(SECONDS)).add(seconds)

    def lines(self) -> Iterator[str]:
        """The lines of all of them."""
        yield from _metric(
            "http_requests_total",
            "counter",
            "Requests that ended; 499 is a client that left before its answer.",
            [
                ("", {"route": route, "status": status}, count)
                for (route, status), count in self._requests.items()
            ],
        )
        yield from _histogram(
            "http_request_seconds",
            "From the headers of a request to the end of its answer.",
            [({"route": route}, tally.histogram()) for route, tally in self._seconds.items()],
        )
        now: list[Sample] = [("", {}, self.in_flight)]
        yield from _metric("http_requests_in_flight", "gauge", "Requests under way.", now)


def exposition(requests: RequestMetrics, services: Sequence[BundleService]) -> bytes:
    """All numbers of a server."""
    return "".join(f"{line}\n" for line in (*requests.lines(), *_lines_of(services))).encode()


def _lines_of(services: Sequence[BundleService]) -> Iterator[str]:
    """The numbers of each model."""
    found = [({"model": each.name}, each.statistics()) for each in services]
    outcomes = [
        ("", {**model, "outcome": outcome}, count)
        for model, numbers in found
        for outcome, count in numbers.requests.items()
    ]
    yield from _metric("requests_total", "counter", "Requests of a model, by outcome.", outcomes)
    for name, kind, help_text in NUMBERS:
        values: list[Sample] = [
            ("", model, getattr(numbers, name.removesuffix("_total"))) for model, numbers in found
        ]
        yield from _metric(name, kind, help_text, values)
    for name, help_text in HISTOGRAMS:
        histograms = [(model, getattr(numbers, name)) for model, numbers in found]
        yield from _histogram(name, help_text, histograms)
    still: list[Sample] = [("", {"model": each.name}, each.standing_still()) for each in services]
    yield from _metric("standing_still_seconds", "gauge", "Time without any progress.", still)
    info: list[Sample] = [("", _identity(each), 1) for each in services]
    yield from _metric("model_info", "gauge", "What runs.", info)


NUMBERS: Final = (
    ("items_total", "counter", "Texts or pairs that were answered."),
    ("tokens_total", "counter", "Tokens that were run, without padding."),
    ("padded_tokens_total", "counter", "Tokens that were run, padding included."),
    ("waiting_rows", "gauge", "Rows that have not begun."),
    ("in_flight", "gauge", "Requests of a model that are under way."),
)
HISTOGRAMS: Final = (
    ("wait_seconds", "From a request's arrival to the begin of its first row."),
    ("request_seconds", "From a request's arrival at the model to its answer."),
    ("batch_rows", "Rows of a micro-batch."),
)


def _identity(service: BundleService) -> Labels:
    info = service.info
    return {
        "model": service.name,
        "task": info.task,
        "variant": info.variant,
        "precision": info.precision,
        "way": info.way,
    }


def _metric(name: str, kind: str, help_text: str, samples: Sequence[Sample]) -> Iterator[str]:
    yield f"# HELP edgebert_{name} {help_text}"
    yield f"# TYPE edgebert_{name} {kind}"
    for suffix, labels, value in samples:
        shown = ",".join(f'{label}="{_escaped(each)}"' for label, each in labels.items())
        yield f"edgebert_{name}{suffix}{{{shown}}} {value:.17g}"


def _histogram(
    name: str, help_text: str, found: Sequence[tuple[Labels, Histogram]]
) -> Iterator[str]:
    samples: list[Sample] = []
    for labels, histogram in found:
        below = 0
        bounds = (*(f"{bound:g}" for bound in histogram.bounds), "+Inf")
        for bound, count in zip(bounds, histogram.counts, strict=True):
            below += count
            samples.append(("_bucket", {**labels, "le": bound}, below))
        samples += [("_sum", labels, histogram.total), ("_count", labels, below)]
    yield from _metric(name, "histogram", help_text, samples)


def _escaped(value: object) -> str:
    return str(value).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
