"""All records as one page."""

from collections.abc import Sequence
from typing import Final

from benchmarks.records import Record
from benchmarks.report.accuracy import accuracy_sections
from benchmarks.report.distil import distil_sections
from benchmarks.report.encoders import growth_sections, latency_sections, limits_sections
from benchmarks.report.explain import explain_sections
from benchmarks.report.gpu import gpu_sections
from benchmarks.report.prune import prune_sections
from benchmarks.report.scale import batch_sections, server_sections
from benchmarks.report.texts import (
    load_sections,
    many_sections,
    start_sections,
    throughput_answer,
    throughput_sections,
)
from benchmarks.report.trim import trim_sections
from edgebert_runtime.reporting.document import Page

LEAD: Final = (
    "Every system runs in its own process, in the environment that `benchmarks/environments` pins "
    "for it. The systems take turns on the same cores. Each answer is checked before it is timed. "
    "A system that could not run is listed with the reason. Ratios are computed round by round: "
    "median (quartiles). `make bench-envs` and `make bench` measure everything again. Each section "
    "has the command for that section, and each row the option for that row. Raw samples: "
    "`benchmarks/results/results.jsonl`."
)


def page_of(records: Sequence[Record]) -> Page:
    """The sections that were measured."""
    parts = (
        latency_sections,
        throughput_sections,
        load_sections,
        server_sections,
        batch_sections,
        start_sections,
        accuracy_sections,
        trim_sections,
        prune_sections,
        distil_sections,
        explain_sections,
        growth_sections,
        many_sections,
        limits_sections,
        gpu_sections,
    )
    sections = [section for part in parts for section in part(records)]
    answer, chart = throughput_answer(records)
    title = "How fast and exact is edgebert beside other tools?"
    return Page(title=title, answer=answer, chart=chart, lead=LEAD, sections=sections)
