"""What a bundle's model card says of its quantized variants."""

from pathlib import Path
from typing import Any, Final

from edgebert_quantize.recipes import counted
from edgebert_runtime.bundle.manifest import CARD_NAME, Manifest, Variant

MARK: Final = "<!-- quantized variants, written by edgebert quantize -->"
MEBIBYTE: Final = 2**20

HEAD: Final = """
## Quantized

Nearness to fp32 on texts that were not calibrated on: of sentence vectors the cosine, of scores
the share of belief that stays.

| variant | file | MiB | mean | worst | on | layers | calibrated on |
|---|---|---|---|---|---|---|---|
"""


def extended_card(folder: Path, manifest: Manifest) -> str | None:
    """A bundle's README.md with its quantized variants; None where it has none that may change.

    Args:
        folder: the bundle.
        manifest: as it is going to be.
    """
    path = folder / CARD_NAME
    if CARD_NAME in manifest.files or not path.is_file():  # hashed by an older edgebert
        return None
    text = path.read_text(encoding="utf-8").partition(MARK)[0].rstrip()
    rows = [
        _row(name, variant, manifest)
        for name, variant in manifest.variants.items()
        if variant.quality is not None
    ]
    return f"{text}\n\n{MARK}\n{HEAD}" + "\n".join(rows) + "\n"


def _row(name: str, variant: Variant, manifest: Manifest) -> str:
    quality: Any = variant.quality
    size = sum(manifest.files[path].size_bytes for path in variant.files) / MEBIBYTE
    cells = [
        name if variant.verified else f"{name} (never run: needs {variant.needs})",
        f"`{variant.file}`",
        f"{size:.1f}",
        f"{quality['mean']:.5f}",
        f"{quality['worst']:.5f}",
        f"{quality['samples']} {quality['data']}",
        counted(quality.get("layers", {})) or "all alike",
        quality.get("calibration", "nothing"),
    ]
    return "| " + " | ".join(cells) + " |"
