"""Real weights: how near both ways are to fp32, and to each other."""

from pathlib import Path
from typing import Final

import numpy as np
import pytest

import edgebert
from edgebert_quantize.calibration.text_split import read_text_split
from edgebert_runtime import load
from edgebert_runtime.bundle.manifest_values import NATIVE, STOCK

MEAN: Final = 0.9996
WORST: Final = 0.9975
BETWEEN: Final = 0.998
"""Least cosine of the two ways, so that an index of one serves queries of the other."""


@pytest.mark.slow
def test_a_range_for_each_token_is_nearer_to_fp32(minilm: Path, tmp_path: Path) -> None:
    bundle = edgebert.quantize(edgebert.export(minilm, tmp_path / "bundle"), force=True)
    qualities = {
        name: way.quality for name, way in bundle.manifest.variants["int8-native"].ways.items()
    }
    stock, native = qualities[STOCK], qualities[NATIVE]
    assert stock is not None
    assert native is not None
    assert native["mean"] >= MEAN
    assert native["worst"] >= WORST
    assert native["mean"] > stock["mean"]
    texts = read_text_split(None, None).quality
    vectors = [
        load(bundle, name, cache_dir=False).embed(texts, normalize=True)
        for name in ("int8-native", "int8-cpu")
    ]
    assert np.sum(vectors[0] * vectors[1], axis=1).min() >= BETWEEN
