"""Graphs with a single matrix product."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgebert.profiling.products import RECIPES_BLOCKS, Product
from edgebert_runtime.engine.onnxruntime import CONTRIB
from edgebert_runtime.errors import ConfigError

if TYPE_CHECKING:
    import onnx_ir as ir

OPSETS: Final = {"": 21, CONTRIB: 1}
IR_VERSION: Final = 10
OUTPUT: Final = "product"

LARGEST: Final = 63
"""Weights of 7 bits, exact on every CPU, and as fast as 8."""

SCALE: Final = 1 / 128
ZERO_POINT: Final = 128


class IsolatedMatmul(NamedTuple):
    """A graph whose only operator is a matrix product, and random inputs."""

    model: "ir.Model"
    feeds: dict[str, NDArray[Any]]


def can_isolate(product: Product) -> bool:
    """Whether a graph of this product alone can be built."""
    return (product.kind, product.batch > 1) in BUILDERS


def isolated_matmul(product: Product) -> IsolatedMatmul:
    """The graph of a product alone: random constant weights, packed as in a real graph.

    Raises:
        ConfigError: there is no graph for this kind.
    """
    build = BUILDERS.get((product.kind, product.batch > 1))
    if build is None:
        known = sorted({kind for kind, _ in BUILDERS})
        raise ConfigError(
            f"there is no graph of {product} alone; one matrix can be {', '.join(known)}, several "
            "must be float32"
        )
    return build(product, np.random.default_rng(0))


def _float(product: Product, random: np.random.Generator) -> IsolatedMatmul:
    _, m, k, n, _ = product
    x, weight = _normal(random, m, k), _normal(random, k, n)
    return _graph("MatMul", {"x": x}, {"weight": weight}, ("x", "weight"))


def _floats(product: Product, random: np.random.Generator) -> IsolatedMatmul:
    _, m, k, n, batch = product
    feeds = {"x": _normal(random, batch, m, k), "y": _normal(random, batch, k, n)}
    return _graph("MatMul", feeds, {}, ("x", "y"))


def _integers(product: Product, random: np.random.Generator) -> IsolatedMatmul:
    """Calibrated activations, a scale for each column and a bias, as in recipe int8."""
    _, m, k, n, _ = product
    constants: dict[str, NDArray[Any]] = {
        "weight": random.integers(-LARGEST, LARGEST, (k, n), np.int8, endpoint=True),
        "scale": np.array(SCALE, np.float32),
        "scales": np.abs(_normal(random, n)),
        "zero_point": np.array(ZERO_POINT, np.uint8),
        "bias": _normal(random, n),
    }
    feeds = {"x": random.integers(0, 255, (m, k), np.uint8, endpoint=True)}
    inputs = ("x", "weight", "scale", "scales", "zero_point", None, "bias")
    return _graph("MatMulIntegerToFloat", feeds, constants, inputs, CONTRIB)


def _nibbles(product: Product, random: np.random.Generator) -> IsolatedMatmul:
    """Weights in blocks of four bits, as in recipe int4."""
    from edgebert_quantize.rewrite.matmul_schemes import COMPUTE_IN_INT8

    _, m, k, n, _ = product
    bits, block = RECIPES_BLOCKS
    blocks = -(-k // block)
    constants: dict[str, NDArray[Any]] = {
        "blocks": random.integers(0, 255, (n, blocks, block // 2), np.uint8, endpoint=True),
        "scales": np.abs(_normal(random, n, blocks)),
        "zero_points": np.full((n, (blocks + 1) // 2), 0x88, np.uint8),
    }
    attributes = {"K": k, "N": n, "bits": bits, "block_size": block}
    return _graph(
        "MatMulNBits",
        {"x": _normal(random, m, k)},
        constants,
        ("x", "blocks", "scales", "zero_points"),
        CONTRIB,
        accuracy_level=COMPUTE_IN_INT8,
        **attributes,
    )


def _normal(random: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return random.standard_normal(shape, np.float32)


def _graph(
    operator: str,
    feeds: dict[str, NDArray[Any]],
    constants: Mapping[str, NDArray[Any]],
    inputs: tuple[str | None, ...],
    domain: str = "",
    **attributes: int,
) -> IsolatedMatmul:
    """A graph of one operator, with these inputs in order."""
    import onnx_ir as ir

    from edgebert_quantize.graph.node_builder import initializer

    read = {name: _input(name, array) for name, array in feeds.items()}
    graph = ir.Graph(list(read.values()), [], nodes=[], opset_imports=OPSETS, name="product")
    read |= {name: initializer(graph, name, array) for name, array in constants.items()}
    values = [None if name is None else read[name] for name in inputs]
    node = ir.node(operator, values, attributes, domain=domain, name="product")
    graph.append(node)
    output = node.outputs[0]
    output.name, output.type = OUTPUT, ir.TensorType(ir.DataType.FLOAT)
    graph.outputs.append(output)
    return IsolatedMatmul(ir.Model(graph, ir_version=IR_VERSION), feeds)


def _input(name: str, array: NDArray[Any]) -> "ir.Value":
    import onnx_ir as ir

    dtype = ir.DataType.from_numpy(array.dtype)
    return ir.Value(name=name, type=ir.TensorType(dtype), shape=ir.Shape(array.shape))


BUILDERS: Final[
    Mapping[tuple[str, bool], Callable[[Product, np.random.Generator], IsolatedMatmul]]
] = {
    ("float32", False): _float,
    ("float32", True): _floats,
    ("int8", False): _integers,
    ("int4", False): _nibbles,
}
"""(kind, whether there are several matrices) → builder of the graph."""
