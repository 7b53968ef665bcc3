"""The section on quantized variants of a bundle's model card."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from edgebert_quantize.recipes import format_counts
from edgebert_runtime.bundle.manifest import CARD_NAME, Manifest, Variant
from edgebert_runtime.bundle.manifest_values import NATIVE
from edgebert_runtime.measurement.units import MEBIBYTE

MARK: Final = "<!-- quantized variants, written by edgebert quantize -->"

HEAD: Final = """
## Quantized

Similarity to fp32 on held-out texts: the cosine of sentence vectors, or 1 - the total variation
distance of scores. Answers that agree with those of fp32: the same label, F1 of the same entities,
Kendall's tau of the same order. Accuracy (of vectors, recall@1) lost: in percentage points, with
its standard error.

| variant | file | MiB | mean | worst | agree | accuracy lost | on | layers | calibrated on |
|---|---|---|---|---|---|---|---|---|---|
"""


def updated_card(folder: Path, manifest: Manifest) -> str | None:
    """A bundle's README.md with its quantized variants; None if it has none that may change.

    Args:
        folder: the bundle.
        manifest: the new one.
    """
    path = folder / CARD_NAME
    if CARD_NAME in manifest.files or not path.is_file():  # hashed by an older edgebert
        return None
    text = path.read_text(encoding="utf-8").partition(MARK)[0].rstrip()
    rows = [
        _row(name, variant, way, manifest)
        for name, variant in manifest.variants.items()
        for way, known in variant.ways.items()
        if known.quality is not None
    ]
    return f"{text}\n\n{MARK}\n{HEAD}" + "\n".join(rows) + "\n"


def _row(name: str, variant: Variant, way: str, manifest: Manifest) -> str:
    quality: Any = variant.ways[way].quality
    size = sum(manifest.files[path].size_bytes for path in variant.files) / MEBIBYTE
    cells = [
        _name(name, variant, way),
        f"`{variant.file}`",
        f"{size:.1f}",
        f"{quality['mean']:.5f}",
        f"{quality['worst']:.5f}",
        _agreement(quality.get("agreement")),
        _lost(quality.get("accuracy") or quality.get("recall") or {}),
        f"{quality['samples']} {quality['data']}",
        format_counts(quality.get("layers", {})) or "all alike",
        quality.get("calibration", "nothing"),
    ]
    return "| " + " | ".join(cells) + " |"


def _name(name: str, variant: Variant, way: str) -> str:
    """The variant's name, with what the row holds for where it does not hold for all."""
    if variant.library is not None:
        having = "with" if way == NATIVE else "without"
        return f"{name} ({having} {variant.library.name})"
    return name if variant.verified else f"{name} (never run: needs {variant.needs})"


def _agreement(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "not compared"
    return f"{found['value']:.4f} ({found['flipped']} of {found['counted']} {found['unit']} differ)"


def _lost(found: Mapping[str, Any]) -> str:
    """The drop, which older manifests do not have."""
    if "rows" not in found:
        return "not measured"
    drop, error = 100 * found["drop"], 100 * found["error"]
    net = round(found["drop"] * found["rows"])
    return f"{drop:.2f} ± {error:.2f} points, {net} of {found['rows']} rows"
