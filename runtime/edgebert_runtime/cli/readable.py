"""What `check` and `info` say to people; programs get JSON."""

from collections.abc import Iterator, Mapping, Sequence
from shlex import quote
from typing import Any, Final

from edgebert_runtime.reporting.text_table import table_lines, value_lines

CHECKED: Final = ("variant", "answers", "samples", "furthest off", "tolerance")

Record = Mapping[str, Any]
"""A report as JSON has it."""


def info_lines(info: Record, program: str, width: int | None) -> Iterator[str]:
    """What would run here, from `ModelInfo`."""
    kernel = info["kernel"] or (f"none: {info['no_kernel']}" if info["no_kernel"] else "")
    options = "".join(f", {name}={value}" for name, value in info["provider_options"].items())
    yield from value_lines(
        [
            ("bundle", info["bundle"]),
            ("task", info["task"]),
            ("variant", f"{info['variant']} (precision {info['precision']}, {info['target']})"),
            ("provider", f"{info['provider']}{options}"),
            *([("kernel", kernel)] if kernel else []),
            ("threads", _threads(info)),
            ("micro-batch", _micro_batch(info)),
            ("cached graph", "yes" if info["warm"] else f"no; `{_warm(info, program)}` writes it"),
            ("longest text", f"{info['max_length']:,} tokens"),
            ("answers", _answers(info)),
            ("files", ", ".join(info["sha256"])),
            ("hashes checked", info["verified"]),
        ],
        width,
    )


def check_lines(bundle: str, reports: Sequence[Record], width: int | None) -> Iterator[str]:
    """What was found of each variant, from `CheckReport`s; at least one."""
    yield hashed_line(bundle, reports[0]["files"])
    yield "here: " + ", ".join(f"{name} {what}" for name, what in reports[0]["machine"].items())
    yield ""
    yield from table_lines(CHECKED, [_checked(report) for report in reports], width)
    for report in reports:
        if report["left_out"] is not None:
            yield f"{report['variant']} was not run: {report['left_out']}"


def hashed_line(bundle: str, files: int) -> str:
    """That every file is what the manifest says."""
    return f"{bundle}: {files} files are intact"


def _checked(report: Record) -> tuple[str, ...]:
    answers = "the same" if report["passed"] else "not the same"
    if report["left_out"] is not None:
        answers = "not run"
    elif not report["samples"]:
        answers = "not compared"
    return (
        report["variant"],
        answers,
        str(report["samples"]),
        _number(report["worst"]),
        _number(report["tolerance"]),
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _micro_batch(info: Record) -> str:
    tokens, padding = info["micro_batch_tokens"], info["max_padding"]
    capped = f", of which at most {padding:.0%} are padding" if padding < 1 else ""
    return f"at most {tokens:,} tokens with padding{capped}"


def _threads(info: Record) -> str:
    few = f"{info['threads']} for few texts"
    return f"{few}, {info['workers']} × {info['worker_threads']} for many"


def _warm(info: Record, program: str) -> str:
    return f"{program} warm {quote(info['bundle'])} --variant {info['variant']}"


def _answers(info: Record) -> str:
    kind = "" if info["dimensions"] is None else f"vectors of {info['dimensions']} numbers, "
    alone = "does not depend" if info["batch_invariant"] else "may depend"
    return f"{kind}{alone} on the other texts of a batch"
