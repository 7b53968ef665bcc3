"""Products and their sizes, of every operator that consists of some."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx_ir as ir
import pytest

from edgebert.profiling.events import NodeTime, Tensor
from edgebert.profiling.products import Product, products_of

CONTRIB = "com.microsoft"


def products(
    operator: str,
    seen: Sequence[tuple[str, tuple[int, ...]]],
    out: tuple[int, ...],
    weights: Mapping[int, tuple[int, ...]] | None = None,
    inputs: int = 4,
    domain: str = "",
    **attributes: int,
) -> tuple[Product, ...]:
    """Of a node whose inputs are `weights` by their places, and others."""
    values = [
        ir.Value(name=f"i{place}", shape=ir.Shape((weights or {}).get(place, ())))
        for place in range(inputs)
    ]
    node = ir.node(operator, values, attributes, domain=domain)
    graph = ir.Graph([], node.outputs, nodes=[node], opset_imports={"": 21})
    for place, shape in (weights or {}).items():
        values[place].const_value = ir.tensor(np.zeros(shape, np.float32), name=f"i{place}")
        graph.register_initializer(values[place])
    ran = NodeTime(
        name="n",
        operator=operator,
        inputs=tuple(Tensor(*tensor) for tensor in seen),
        outputs=(Tensor("float", out),),
        times_us=(1.0,),
    )
    return products_of(ran, node)


def test_operations_are_multiplications_and_additions() -> None:
    assert Product("float32", 2, 3, 5).operations == 60
    assert Product("float32", 2, 3, 5, 7).operations == 420
    assert str(Product("int8", 128, 384, 1536)) == "int8 128×384×1536"
    assert str(Product("float32", 16, 8, 4, 12)) == "float32 12 × 16×8×4"


def test_rows_times_packed_weights_are_one_product() -> None:
    found = products("MatMul", [("float", (2, 16, 48))], (2, 16, 56), {1: (48, 56)})
    assert found == (Product("float32", 32, 48, 56),)


def test_as_many_matrices_on_either_side_are_as_many_products() -> None:
    sides = [("float", (2, 3, 16, 8)), ("float", (2, 3, 8, 20))]
    assert products("MatMul", sides, (2, 3, 16, 20)) == (Product("float32", 16, 8, 20, 6),)
    weights = {1: (1, 3, 8, 20)}
    found = products("MatMul", sides[:1], (2, 3, 16, 20), weights)
    assert found == (Product("float32", 16, 8, 20, 6),)


@pytest.mark.parametrize(
    ("left", "attributes"),
    [
        ((2, 16, 8), {}),
        ((2, 8, 16), {"transA": 1}),
        ((8, 2, 16), {"transA": 1, "transBatchA": 1}),
        ((16, 2, 8), {"transBatchA": 1}),
    ],
)
def test_what_is_summed_over_is_found_in_a_transposed_left_hand_side(
    left: tuple[int, ...], attributes: dict[str, int]
) -> None:
    sides = [("float", left), ("float", (2, 8, 20))]
    found = products("FusedMatMul", sides, (2, 16, 20), domain=CONTRIB, **attributes)
    assert found == (Product("float32", 16, 8, 20, 2),)


def test_gemm() -> None:
    seen = [("float", (48, 6)), ("float", (20, 48)), ("float", (20,))]
    found = products("Gemm", seen, (6, 20), {1: (20, 48)}, transA=1, transB=1)
    assert found == (Product("float32", 6, 48, 20),)


SCALES = [("float", ()), ("float", (56,)), ("uint8", ()), ("float", (56,))]


@pytest.mark.parametrize(
    ("operator", "left", "place"),
    [
        ("MatMulIntegerToFloat", "uint8", 1),
        ("MatMulInteger", "uint8", 1),
        ("DynamicQuantizeMatMul", "float", 1),
        ("QLinearMatMul", "uint8", 3),
    ],
)
def test_products_of_integers(operator: str, left: str, place: int) -> None:
    seen = [(left, (2, 16, 48)), *SCALES]
    found = products(operator, seen, (2, 16, 56), {place: (48, 56)}, domain=CONTRIB)
    assert found == (Product("int8", 32, 48, 56),)


def test_weights_in_blocks() -> None:
    seen = [("float", (2, 16, 48)), ("uint8", (56, 2, 16)), ("float", (56, 2))]
    blocks = {"K": 48, "N": 56, "bits": 4, "block_size": 32}
    found = products("MatMulNBits", seen, (2, 16, 56), domain=CONTRIB, **blocks)
    assert found == (Product("int4", 32, 48, 56),)
    (other,) = products("MatMulNBits", seen, (2, 16, 56), domain=CONTRIB, **blocks | {"bits": 8})
    assert other.kind == "8 bits in blocks of 32"


TWO = (Product("float32", 16, 12, 20, 8), Product("float32", 16, 20, 12, 8))


@pytest.mark.parametrize(
    ("operator", "shapes", "attributes"),
    [
        ("Attention", [(2, 16, 48), (2, 20, 48), (2, 20, 48)], {"q_num_heads": 4}),
        ("Attention", [(2, 4, 16, 12), (2, 4, 20, 12), (2, 4, 20, 12)], {}),
        (
            "Attention",
            [(2, 16, 48), (2, 20, 24), (2, 20, 24)],
            {"q_num_heads": 4, "kv_num_heads": 2},
        ),
        ("MultiHeadAttention", [(2, 16, 48), (2, 20, 48), (2, 20, 48)], {"num_heads": 4}),
        ("MultiHeadAttention", [(2, 16, 48), (2, 4, 20, 12), (2, 4, 20, 12)], {"num_heads": 4}),
    ],
)
def test_attention_is_two_products(
    operator: str, shapes: list[tuple[int, ...]], attributes: dict[str, int]
) -> None:
    seen = [("float", shape) for shape in shapes]
    assert products(operator, [*seen, ("bool", (2, 1, 16, 20))], (2, 16, 48), **attributes) == TWO


def test_queries_keys_and_values_in_one_array_are_not_known() -> None:
    seen = [("float", (2, 16, 4, 3, 12))]
    assert products("MultiHeadAttention", seen, (2, 16, 48), num_heads=4) == ()


@pytest.mark.parametrize(
    ("operator", "dtype", "kind"),
    [("Attention", "float", "float32"), ("QAttention", "uint8", "int8")],
)
def test_attention_with_the_weights_in_it_is_three(operator: str, dtype: str, kind: str) -> None:
    seen = [(dtype, (2, 16, 40)), ("float", (144,))]
    found = products(operator, seen, (2, 16, 48), {1: (40, 144)}, domain=CONTRIB, num_heads=4)
    assert found == (
        Product(kind, 32, 40, 144),
        Product("float32", 16, 12, 16, 8),
        Product("float32", 16, 16, 12, 8),
    )


@pytest.mark.parametrize("operator", ["Add", "Gather", "LayerNormalization", "Softmax"])
def test_other_operators_are_no_products(operator: str) -> None:
    assert products(operator, [("float", (2, 16, 48))], (2, 16, 48)) == ()


def test_vectors_and_operators_that_are_not_in_the_graph_are_none() -> None:
    assert products("MatMul", [("float", (48,)), ("float", (48, 3))], (3,)) == ()
    ran = NodeTime(name="n", operator="MatMul", inputs=(), outputs=(), times_us=(1.0,))
    assert products_of(ran, None) == ()


def test_half_precision_is_a_kind_of_its_own() -> None:
    found = products("MatMul", [("float16", (6, 48))], (6, 56), {1: (48, 56)})
    assert found == (Product("float16", 6, 48, 56),)
