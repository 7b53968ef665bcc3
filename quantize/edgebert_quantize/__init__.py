"""Make a bundle smaller and faster, and measure what that costs."""

from edgebert_quantize._version import __version__
from edgebert_quantize.bundle_quantizer import quantize_bundle
from edgebert_quantize.calibration.texts import default_texts
from edgebert_quantize.evaluation.quality import Quality
from edgebert_quantize.file_quantizer import quantize_file
from edgebert_quantize.recipes import RECIPES, Recipe
from edgebert_quantize.search.result import Search
from edgebert_quantize.search.search import quantize_within

__all__ = [
    "RECIPES",
    "Quality",
    "Recipe",
    "Search",
    "__version__",
    "default_texts",
    "quantize_bundle",
    "quantize_file",
    "quantize_within",
]


def __dir__() -> list[str]:
    return sorted(__all__)
