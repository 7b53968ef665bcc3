"""A profile made by hand."""

from edgebert.profiling.products import Product
from edgebert.profiling.report import Operator, ProfileReport
from edgebert.profiling.roofline import MatmulRate
from edgebert_runtime.benchmarking.results import Quartiles

LARGE, SMALL = Product("int8", 128, 400, 100), Product("float32", 16, 8, 16, 12)
STRANGE = Product("float16", 10, 10, 10)


def operator(
    name: str,
    kind: str,
    region: str,
    microseconds: float,
    products: tuple[Product, ...] = (),
    isolated_us: float | None = 0.0,
) -> Operator:
    return Operator(
        name=name,
        kind=kind,
        region=region,
        microseconds=microseconds,
        products=products,
        isolated_us=isolated_us,
    )


OPERATORS = (
    operator("e", "Gather", "embeddings", 30.0),
    operator("m", "Cast", "shared", 5.0),
    operator("p2", "MatMulIntegerToFloat", "layer 2", 220.0, (LARGE,), 150.0),
    operator("p10", "MatMulIntegerToFloat", "layer 10", 180.0, (LARGE,), 150.0),
    operator("a2", "Attention", "layer 2", 100.0, (SMALL, SMALL), 40.0),
    operator("n2", "LayerNormalization", "layer 2", 25.0),
    operator("h", "ReduceSum", "pooling", 10.0),
    operator("u", "MatMul", "unassigned", 15.0, (STRANGE,), None),
)

REPORT = ProfileReport(
    bundle="my-model",
    variant="int8",
    engine="1.31.1",
    batch=2,
    sequence=64,
    threads=3,
    runs=51,
    operators=OPERATORS,
    outside_us=15.0,
    profiled=Quartiles(low=610.0, median=620.0, high=650.0),
    plain=Quartiles(low=490.0, median=500.0, high=520.0),
    rates={
        LARGE: MatmulRate(product=LARGE, microseconds=150.0),
        SMALL: MatmulRate(product=SMALL, microseconds=20.0),
    },
    ceilings={"int8": MatmulRate(product=Product("int8", 512, 512, 512), microseconds=250.0)},
)
