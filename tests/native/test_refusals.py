"""A node that is not whole is refused when a session is created, with what was found."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from tests.support.native.graph import write_graph, write_model
from tests.support.native.model import Constant
from tests.support.native.models import MODELS
from tests.support.native.sessions import open_session

WEIGHT, SCALES, BIAS, RANGE_SCALE, OUTLIER_ROWS, OUTLIER_START = 0, 1, 2, 4, 6, 7
"""Places of a product's roles."""

DOWN: Final = 6 * 8
"""The first role of layer 0's product down."""

NORM: Final = 7 * 8

BEHIND: Final = 2 * 60
"""The first role behind both layers."""

ROTARY, LOCAL_ROTARY = BEHIND + 2, BEHIND + 4


class Parts:
    """The attributes and constants of a whole model, to be changed."""

    def __init__(self) -> None:
        model = MODELS["post_static"]
        self.attributes = model.attributes()
        self.constants = [each.copy() for each in model.constants()]

    def role(self, place: int) -> int:
        roles = self.attributes["roles"]
        assert isinstance(roles, list)
        return roles[place]

    def constant(self, place: int) -> Constant:
        return self.constants[self.role(place)]

    def replace(self, place: int, value: Constant) -> None:
        self.constants[self.role(place)] = value

    def set_role(self, place: int, index: int) -> None:
        roles = self.attributes["roles"]
        assert isinstance(roles, list)
        roles[place] = index


def attribute(name: str, value: object) -> Callable[[Parts], None]:
    return lambda parts: parts.attributes.__setitem__(name, value)  # type: ignore[call-overload]


def constant(place: int, value: Constant) -> Callable[[Parts], None]:
    return lambda parts: parts.replace(place, value)


def role(place: int, index: int) -> Callable[[Parts], None]:
    return lambda parts: parts.set_role(place, index)


def poisoned(place: int, value: float) -> Callable[[Parts], None]:
    def change(parts: Parts) -> None:
        parts.constant(place).reshape(-1)[-1] = value

    return change


REFUSED: Final[dict[str, tuple[Callable[[Parts], None], str]]] = {
    "no layers": (attribute("layers", 0), "layers: found 0, expected 1 to 1024"),
    "hidden too large": (attribute("hidden", 65536), "hidden: found 65536, expected 1 to 65535"),
    "heads too many": (attribute("heads", 65535), "heads * head_size: found 1048560"),
    "hidden of others": (
        attribute("hidden", 48),
        "layer 0, query, weight: found int8 (32, 32), expected int8 (48, 32)",
    ),
    "scheme": (attribute("scheme", "row"), "scheme: found row, expected token or static"),
    "norm": (attribute("norm", ""), "norm: found , expected layer or rms"),
    "place": (attribute("norm_place", "mid"), "norm_place: found mid, expected post or pre"),
    "activation": (attribute("activation", "mish"), "activation: found mish, expected gelu or"),
    "gated": (attribute("gated", 2), "gated: found 2, expected 0 to 1"),
    "epsilon": (attribute("epsilon", 0.0), "epsilon: found 0.000000, expected a positive number"),
    "scale": (attribute("scale", float("nan")), "scale: found nan, expected a positive number"),
    "windows": (attribute("windows", [0]), "windows: found 1 numbers, expected 2"),
    "window": (attribute("windows", [0, -1]), "windows: found -1, expected 0 to"),
    "roles": (attribute("roles", [0] * 60), "roles: found 60 numbers, expected 127"),
    "role": (role(3, 999), "roles[3]: found 999, expected -1 or the index of one of"),
    "role below": (role(3, -2), "roles[3]: found -2, expected -1 or"),
    "no weight": (role(DOWN, -1), "layer 0, down, weight: found none, expected a constant"),
    "no range": (role(DOWN + RANGE_SCALE, -1), "layer 0, down, range_scale: found none"),
    "no norm": (role(NORM, -1), "layer 0, attention_norm: found a bias alone"),
    "weight of floats": (
        constant(WEIGHT, np.zeros((32, 32), np.float32)),
        "layer 0, query, weight: found float32 (32, 32), expected int8 (32, 32)",
    ),
    "weight of bytes": (
        constant(WEIGHT, np.zeros((32, 32), np.uint8)),
        "found uint8 (32, 32), expected int8 (32, 32)",
    ),
    "half floats": (
        constant(SCALES, np.zeros(32, np.float16)),
        "found another type (32), expected float32 (32)",
    ),
    "scales too few": (
        constant(DOWN + SCALES, np.ones(31, np.float32)),
        "layer 0, down, scales: found float32 (31), expected float32 (32)",
    ),
    "bias of two axes": (
        constant(BIAS, np.ones((1, 32), np.float32)),
        "layer 0, query, bias: found float32 (1, 32), expected float32 (32)",
    ),
    "scale not finite": (
        poisoned(SCALES, np.inf),
        "layer 0, query, scales: found inf at 31, expected finite numbers",
    ),
    "norm not finite": (poisoned(NORM, np.nan), "layer 0, attention_norm, weight: found "),
    "range of zero": (
        poisoned(DOWN + RANGE_SCALE, 0),
        "layer 0, down, range_scale: found 0.000000, expected a positive number",
    ),
    "outliers behind": (
        poisoned(DOWN + OUTLIER_START, 61),
        "layer 0, down, outlier_start: found 61, expected 0 to 60",
    ),
    "outliers before": (
        poisoned(DOWN + OUTLIER_START, -1),
        "layer 0, down, outlier_start: found -1, expected 0 to 60",
    ),
    "rows alone": (role(DOWN + OUTLIER_START, -1), "layer 0, down: found one of outlier_rows and"),
    "rows too many": (
        constant(DOWN + OUTLIER_ROWS, np.zeros((65, 32), np.float32)),
        "layer 0, down, outlier_start: found ",
    ),
    "cosines alone": (role(ROTARY, 0), "rotary: found one of cosines and sines, expected both"),
    "local cosines alone": (role(LOCAL_ROTARY, 0), "local_rotary: found it alone, expected rotary"),
    "empty rows": (
        constant(DOWN + OUTLIER_ROWS, np.zeros((0, 32), np.float32)),
        "layer 0, down, outlier_rows: found shape (0, 32), expected two axes",
    ),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_what_is_not_whole_is_refused(case: str, tmp_path: Path) -> None:
    change, message = REFUSED[case]
    parts = Parts()
    change(parts)
    path = write_graph(parts.attributes, parts.constants, tmp_path / "model.onnx")
    with pytest.raises(Exception, match=r"found|expected") as caught:
        open_session(path)
    assert message in str(caught.value)


def test_tables_of_local_layers_fit_those_of_all(tmp_path: Path) -> None:
    model = MODELS["partly_local"]
    assert model.local_rotary is not None
    cosines, sines = model.local_rotary
    shorter = (cosines[:512], sines[:512])
    for rotary, local, message in (
        (None, model.local_rotary, "local_rotary: found it alone, expected rotary too"),
        (model.rotary, shorter, "local_rotary, cosines: found float32 (512, 16), expected float32"),
    ):
        changed = replace(model, rotary=rotary, local_rotary=local)
        with pytest.raises(Exception, match=r"found|expected") as caught:
            open_session(write_model(changed, tmp_path / "model.onnx"))
        assert message in str(caught.value)


def test_what_was_changed_is_whole_before(tmp_path: Path) -> None:
    parts = Parts()
    open_session(write_graph(parts.attributes, parts.constants, tmp_path / "model.onnx"))


@pytest.mark.parametrize("threads", ["0", "-1", "two", "1025", "2 "])
def test_a_setting_that_cannot_be_is_refused(threads: str, tmp_path: Path) -> None:
    parts = Parts()
    path = write_graph(parts.attributes, parts.constants, tmp_path / "model.onnx")
    with pytest.raises(Exception, match=r"native\.threads: found .*, expected 1 to 1024"):
        open_session(path, threads=threads)
