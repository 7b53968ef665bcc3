"""Colours can be seen: on both grounds, beside each other, by everybody."""

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from edgebert.reporting.colours import SERIES
from edgebert_runtime.reporting.html import GRID, INK, PAPER, SOFT, Colour

SEEN = {
    "normal": np.eye(3),
    # Machado, Oliveira and Fernandes 2009, severity 1.0, of linear RGB.
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
         [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
         [-0.011820, 0.042940, 0.968881]]
    ),
    "tritan": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
         [0.004733, 0.691367, 0.303900]]
    ),
}  # fmt: skip

# https://bottosson.github.io/posts/oklab
CONES = np.array(
    [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
     [0.0883024619, 0.2817188376, 0.6299787005]]
)  # fmt: skip
LAB = np.array(
    [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
     [0.0259040371, 0.7827717662, -0.8086757660]]
)  # fmt: skip

APART = 0.07
"""In Oklab, where black and white are 1 apart and 0.02 is about what can be seen at all."""


def linear(colour: str) -> NDArray[np.float64]:
    given = np.array([int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)])
    return np.where(given <= 0.04045, given / 12.92, ((given + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, relative luminance."""
    weights = np.array([0.2126, 0.7152, 0.0722])
    dark, light = sorted(float(linear(colour) @ weights) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def perceived(colour: str, vision: str) -> NDArray[np.float64]:
    seen = np.clip(SEEN[vision] @ linear(colour), 0, 1)
    return LAB @ np.cbrt(CONES @ seen)


def test_the_measures_by_hand() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)  # famously too little
    far = perceived("#ffffff", "normal") - perceived("#000000", "normal")
    assert np.linalg.norm(far) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("scheme", Colour._fields)
def test_contrast(scheme: str) -> None:
    paper = getattr(PAPER, scheme)
    for colour in (*SERIES, INK, SOFT):
        assert contrast(getattr(colour, scheme), paper) >= 4.5
    assert 1.2 <= contrast(getattr(GRID, scheme), paper) <= 2  # there, and not in the way


@pytest.mark.parametrize("scheme", Colour._fields)
@pytest.mark.parametrize("vision", SEEN)
def test_any_two_series_differ(scheme: str, vision: str) -> None:
    found = [perceived(getattr(colour, scheme), vision) for colour in SERIES]
    assert min(np.linalg.norm(one - other) for one, other in combinations(found, 2)) > APART
