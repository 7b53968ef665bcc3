"""What `inspect`, `export` and `quantize` say of a bundle: a line for each value."""

from collections.abc import Iterator, Mapping
from math import floor, log10
from shlex import quote
from typing import Any, Final

from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import Library, Manifest, Variant, Way
from edgebert_runtime.measurement.units import MEBIBYTE
from edgebert_runtime.reporting.text_table import value_lines
from edgebert_runtime.tasks.registry import require_task

INDENT: Final = "  "
NOT_MEASURED: Final = "not measured"
NOT_COMPARED: Final = "not compared"
DECIMALS: Final = (4, 12)
"""Fewest and most decimals of a similarity."""


def summary_lines(bundle: Bundle, width: int | None) -> Iterator[str]:
    """The bundle, then each variant.

    Args:
        bundle: that is described.
        width: characters in a line; None is any number.
    """
    manifest = bundle.manifest
    tasks = ", ".join(manifest.tasks)
    yield f"{bundle.folder}: {tasks}, from {_source(manifest)}"
    yield from value_lines(
        [
            ("default", manifest.default_variant),
            ("tasks", tasks),
            ("labels", _labels(manifest)),
            ("longest text", f"{manifest.tokenizer.max_length} tokens"),
            ("tokens as", _witnesses(manifest)),
            ("provenance", _provenance(manifest)),
        ],
        width,
        INDENT,
    )
    for name, variant in manifest.variants.items():
        yield ""
        yield name
        yield from value_lines(_values(bundle, variant), width, INDENT)


def next_command(bundle: Bundle, *, quantized: bool) -> str:
    """The line that says how to go on.

    Args:
        bundle: as it is now.
        quantized: whether a variant was added just now.
    """
    folder, source = quote(str(bundle.folder)), bundle.manifest.source
    if not quantized:
        example = require_task(bundle.manifest.default_task).command_example
        return f"next: edgebert run {folder} {example}"
    if source["kind"] == "hub":
        return f"next: edgebert verify {folder} --against {source['name']}"
    return f"next: edgebert check {folder}"


def quality_text(quality: Mapping[str, Any]) -> str:
    """Mean and worst similarity of a variant to fp32, and how many texts it was measured on."""
    kind, agreement = quality["metric"].partition(" of ")[0], quality.get("agreement")
    agree = f", {agreement['metric']} {agreement['value']:.4f}" if agreement else ""
    return (
        f"{kind} {similarity(quality['mean'])} mean, {similarity(quality['worst'])} worst{agree} "
        f"({quality['samples']} texts)"
    )


def similarity(value: float) -> str:
    """A similarity with two digits of what it lacks to 1; at least four decimals."""
    lost = abs(1 - value)
    fewest, most = DECIMALS
    decimals = min(most, max(fewest, 1 - floor(log10(lost)))) if lost else fewest
    return f"{value:.{decimals}f}"


def _values(bundle: Bundle, variant: Variant) -> list[tuple[str, str]]:
    ways = [(name if variant.library else "", way) for name, way in variant.ways.items()]
    fused = ", ".join(f"{count} {fusion}" for fusion, count in variant.fusions.items())
    return [
        ("precision", variant.precision),
        ("CPU", " or ".join(variant.instruction_sets) or "any"),
        ("least ONNX Runtime", variant.min_onnxruntime),
        ("size", f"{bundle.size_bytes(variant) / MEBIBYTE:.1f} MiB"),
        *([("library", _library(variant.library))] if variant.library else []),
        *((_of_way("quality", each), _quality(variant, way)) for each, way in ways),
        *((_of_way("time over fp32", each), _speed(way)) for each, way in ways),
        ("file", variant.file),
        ("fused", fused or "nothing"),
    ]


def _of_way(label: str, way: str) -> str:
    return f"{label} ({way})" if way else label


def _library(library: Library) -> str:
    need = "needed" if library.required else "optional"
    return f"{library.name} {library.version} ({need})"


def _quality(variant: Variant, way: Way) -> str:
    if way.quality is not None:
        return quality_text(way.quality)
    if variant.parity is not None:
        parity = variant.parity
        return f"largest difference to torch {parity['worst']:.1e} ({parity['cases']} cases)"
    return NOT_MEASURED


def _speed(way: Way) -> str:
    if way.speed is None:
        return NOT_MEASURED
    speed = way.speed
    return f"{speed['over_fp32']:.2f}× ({speed['rounds']} rounds on {speed['cpu']})"


def _labels(manifest: Manifest) -> str:
    labels = manifest.task.head.labels if manifest.task.head else ()
    return ", ".join(labels) or "none"


def _witnesses(manifest: Manifest) -> str:
    """Whose tokens its own were compared with."""
    tokens = manifest.tokenizer.tokens
    if not tokens or not tokens["witnesses"]:
        return NOT_COMPARED
    named = (f"{each['name']} ({each['version']})" for each in tokens["witnesses"])
    return f"{', '.join(named)}, {tokens['texts']} texts"


def _provenance(manifest: Manifest) -> str:
    """What was done to the model, in order."""
    steps = (f"{each.step} {each.variant or ''}".strip() for each in manifest.provenance)
    return ", ".join(steps) or "nothing recorded"


def _source(manifest: Manifest) -> str:
    return f"{manifest.source['kind']} {manifest.source['name']}"
