"""Products alone compute what numpy does, and are timed."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest

from edgebert.profiling.isolated_matmul import IsolatedMatmul, can_isolate, isolated_matmul
from edgebert.profiling.products import Product
from edgebert.profiling.roofline import SQUARES, MatmulRate, fastest, isolated_rates, squares
from edgebert_runtime.errors import ConfigError, EdgebertError


def run(isolated: IsolatedMatmul) -> np.ndarray:
    data = ir.to_proto(isolated.model).SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, isolated.feeds)
    array: np.ndarray = found
    return array


def constants(isolated: IsolatedMatmul) -> dict[str, np.ndarray]:
    initializers = isolated.model.graph.initializers
    return {
        name: value.const_value.numpy()
        for name, value in initializers.items()
        if value.const_value is not None
    }


def test_the_only_operator_is_the_product() -> None:
    kinds = {"float32": "MatMul", "int8": "MatMulIntegerToFloat", "int4": "MatMulNBits"}
    for kind, operator in kinds.items():
        model = isolated_matmul(Product(kind, 6, 33, 10)).model
        assert [node.op_type for node in model.graph] == [operator]


def test_one_matrix_of_floats() -> None:
    isolated = isolated_matmul(Product("float32", 6, 33, 10))
    expected = isolated.feeds["x"] @ constants(isolated)["weight"]
    np.testing.assert_allclose(run(isolated), expected, rtol=0, atol=1e-4)


def test_several_matrices_of_floats_have_no_constant() -> None:
    isolated = isolated_matmul(Product("float32", 6, 33, 10, 4))
    assert constants(isolated) == {}
    expected = isolated.feeds["x"] @ isolated.feeds["y"]
    assert expected.shape == (4, 6, 10)
    np.testing.assert_allclose(run(isolated), expected, rtol=0, atol=1e-4)


def test_integers_with_a_scale_for_each_column() -> None:
    isolated = isolated_matmul(Product("int8", 6, 33, 10))
    known = constants(isolated)
    assert (isolated.feeds["x"].dtype, known["weight"].dtype) == (np.uint8, np.int8)
    assert known["scales"].shape == (10,)
    whole = (isolated.feeds["x"].astype(np.int64) - known["zero_point"]) @ known["weight"]
    expected = whole * known["scale"] * known["scales"] + known["bias"]
    np.testing.assert_allclose(run(isolated), expected, rtol=1e-5, atol=1e-4)


def test_weights_in_blocks_of_four_bits() -> None:
    isolated = isolated_matmul(Product("int4", 6, 70, 10))
    known = constants(isolated)
    packed = known["blocks"].astype(np.int64)
    values = np.stack([packed & 15, packed >> 4], axis=-1).reshape(10, 3, 32) - 8
    weight = (values * known["scales"][:, :, np.newaxis]).reshape(10, 96)[:, :70].T
    expected = isolated.feeds["x"] @ weight
    error = np.abs(run(isolated) - expected).max() / np.abs(expected).max()
    assert error < 0.02  # the operator rounds activations to int8


@pytest.mark.parametrize(
    "product",
    [Product("float16", 6, 33, 10), Product("int8", 6, 33, 10, 4)],
    ids=str,
)
def test_what_there_is_no_graph_of_is_refused_by_name(product: Product) -> None:
    assert not can_isolate(product)
    with pytest.raises(ConfigError, match=f"there is no graph of {product} alone; "):
        isolated_rates([product])


def test_products_are_timed_once_each_in_a_process() -> None:
    one, many = Product("float32", 64, 64, 64), Product("float32", 16, 8, 16, 4)
    found = isolated_rates([one, many, one], threads=1, rounds=2, runs=2)
    assert list(found) == [one, many]
    for product, rate in found.items():
        assert rate.product == product
        assert rate.microseconds >= 0


def test_nothing_to_time_takes_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere")
    assert isolated_rates([]) == {}


@pytest.mark.parametrize("wrong", ["threads", "rounds", "runs"])
def test_counts_below_one_are_refused(wrong: str) -> None:
    counts: dict[str, Any] = {wrong: 0}
    with pytest.raises(ConfigError, match=f"{wrong} must be at least 1, got 0"):
        isolated_rates([Product("float32", 2, 2, 2)], **counts)


def test_a_process_that_fails_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    false = tmp_path / "false"
    false.write_text("#!/bin/sh\necho no memory >&2\nexit 3\n", encoding="utf-8")
    false.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(false))
    with pytest.raises(EdgebertError, match="exit code 3: no memory"):
        isolated_rates([Product("float32", 2, 2, 2)])


def test_rates_are_operations_over_time() -> None:
    product = Product("float32", 100, 100, 100)
    assert MatmulRate(product=product, microseconds=100.0).giga_per_second == 20
    assert MatmulRate(product=product, microseconds=0.0).giga_per_second is None


def test_the_ceiling_is_the_fastest_of_the_large_products_of_a_kind() -> None:
    wanted = squares(["float32", "int8", "float16"])
    assert wanted == [Product(kind, n, n, n) for kind in ("float32", "int8") for n in SQUARES]
    slow, fast = (MatmulRate(product=item, microseconds=100.0) for item in wanted[:2])
    other = MatmulRate(product=wanted[2], microseconds=1.0)
    assert fastest([slow, fast, other]) == {"float32": fast, "int8": other}
