"""A packed copy is mapped where it fits; elsewhere the operator says why, and packs in memory."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support.native.graph import write_model
from tests.support.native.model import Shape, random_model
from tests.support.native.models import MODELS, random_inputs
from tests.support.native.sessions import open_session, run

HEADER = 128
"""Bytes before the weights."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_model(MODELS["post"], tmp_path / "model.onnx")


@pytest.fixture
def packed(path: Path) -> Path:
    copy = path.with_name("packed")
    open_session(path, pack_to=str(copy))
    return copy


def warnings(text: str) -> list[str]:
    return [line for line in text.splitlines() if "runs without this packed copy" in line]


def test_a_mapped_copy_gives_the_same_bits(
    path: Path, packed: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert [each.name for each in packed.parent.glob("packed*")] == ["packed"]
    with open("/proc/self/maps") as maps:
        assert str(packed) not in maps.read()
    mapped = open_session(path, packed=str(packed))
    with open("/proc/self/maps") as maps:
        assert str(packed) in maps.read()
    for hidden, mask in random_inputs(MODELS["post"].shape.hidden):
        alone = run(open_session(path), hidden, mask)
        np.testing.assert_array_equal(run(mapped, hidden, mask), alone)
    assert warnings(capfd.readouterr().err) == []


def test_a_copy_lives_as_long_as_its_session(path: Path, packed: Path) -> None:
    """A file that is renamed over it does not change the one that is mapped."""
    hidden, mask = random_inputs(MODELS["post"].shape.hidden)[2]
    mapped = open_session(path, packed=str(packed))
    before = run(mapped, hidden, mask)
    other = packed.with_name("other")
    other.write_bytes(bytes(packed.stat().st_size))
    other.rename(packed)
    np.testing.assert_array_equal(run(mapped, hidden, mask), before)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: b"", "found an empty file"),
        (lambda data: data[:100], "found no header"),
        (lambda data: b"x" + data[1:], "found another kind of file"),
        (
            lambda data: data[:16] + b"other" + bytes(27) + data[48:],
            "found layout other, expected ",
        ),
        (lambda data: data[:48] + bytes(8) + data[56:], "found another model's weights"),
        (lambda data: data[:-1], "bytes of weights, expected "),
        (lambda data: data + b"x", "bytes of weights, expected "),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "found damaged weights"),
        (lambda data: data[:HEADER] + bytes([data[HEADER] ^ 128]) + data[HEADER + 1 :], "damaged"),
    ],
    ids=["empty", "short", "kind", "layout", "model", "cut", "longer", "last bit", "first bit"],
)
def test_a_copy_that_does_not_fit_is_left_alone(
    path: Path, packed: Path, capfd: pytest.CaptureFixture[str], damage: object, reason: str
) -> None:
    assert callable(damage)
    packed.write_bytes(damage(packed.read_bytes()))
    hidden, mask = random_inputs(MODELS["post"].shape.hidden)[2]
    expected = run(open_session(path), hidden, mask)
    found = run(open_session(path, packed=str(packed)), hidden, mask)
    np.testing.assert_array_equal(found, expected)
    (said,) = warnings(capfd.readouterr().err)
    assert reason in said
    assert str(packed) in said


def test_a_copy_of_another_model_is_left_alone(
    packed: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Of the same sizes."""
    other = random_model(Shape(), seed=1)
    path = write_model(other, packed.with_name("other.onnx"))
    hidden, mask = random_inputs(other.shape.hidden)[2]
    expected = run(open_session(path), hidden, mask)
    found = run(open_session(path, packed=str(packed)), hidden, mask)
    np.testing.assert_array_equal(found, expected)
    (said,) = warnings(capfd.readouterr().err)
    assert "found another model's weights" in said


def test_a_copy_that_is_not_there_or_cannot_be_written_is_said(
    path: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    open_session(path, packed=str(tmp_path / "none"))
    (said,) = warnings(capfd.readouterr().err)
    assert "cannot be opened: No such file" in said
    open_session(path, pack_to=str(tmp_path / "no folder" / "packed"))
    (said,) = warnings(capfd.readouterr().err)
    assert "cannot be opened: No such file" in said


def test_a_copy_that_cannot_be_kept_leaves_nothing(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "taken"
    (target / "inner").mkdir(parents=True)
    open_session(path, pack_to=str(target))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["model.onnx", "taken"]


def test_layers_that_share_their_weights_share_a_copy(tmp_path: Path) -> None:
    shared = MODELS["shared"]
    sizes = []
    for layers in (shared.layers[:1], shared.layers):
        model = replace(shared, shape=replace(shared.shape, layers=len(layers)), layers=layers)
        copy = tmp_path / f"packed{len(layers)}"
        open_session(write_model(model, tmp_path / "model.onnx"), pack_to=str(copy))
        sizes.append(copy.stat().st_size)
    norms = 2 * 2 * shared.shape.hidden * np.dtype("f4").itemsize
    assert sizes[1] - sizes[0] == 2 * norms
