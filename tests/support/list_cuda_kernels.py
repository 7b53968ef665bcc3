"""List the kernels of ONNX Runtime's CUDA provider, from the names of their classes.

    pip download --no-deps onnxruntime-gpu==1.31.1
    unzip onnxruntime_gpu-*.whl 'onnxruntime/capi/libonnxruntime_providers_cuda.so'
    python -m tests.support.list_cuda_kernels onnxruntime/capi/libonnxruntime_providers_cuda.so

A kernel for several types of elements is a template over them, and C++ keeps the names of such
classes for its type information (https://itanium-cxx-abi.github.io/cxx-abi/abi.html#mangling).
"""

import json
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).with_name("cuda_kernels.json")

CLASS: Final = re.compile(
    rb"(?<![0-9A-Za-z])N11onnxruntime(4cuda|7contrib4cuda)(\d+)([A-Za-z]\w*)(?=\0)"
)

VARIADIC: Final = re.compile(r"INS0_24variadic_elementwise_ops\d+([A-Z][a-z]+)EJ")
"""The operator among the arguments of the one class for all that take any number of inputs."""

TYPES: Final = {
    "f": "float32",
    "NS_9MLFloat16E": "float16",
    "NS_8BFloat16E": "bfloat16",
    "b": "bool",
    "i": "int32",
    "l": "int64",
}

OPERATORS: Final = {
    "IdentityOp": "Identity",
    "LayerNorm": "LayerNormalization",
    "RMSNorm": "RMSNormalization",
    "SkipLayerNorm": "SkipLayerNormalization",
    "Split_18": "Split",
}
"""Class → operator, where they are not named alike."""


def kernels(library: bytes) -> dict[str, list[str]]:
    """Operator → types of its first template argument; `any` where it has none."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for space, digits, rest in CLASS.findall(library):
        length = int(digits)
        name, arguments = rest[:length].decode(), rest[length:].decode()
        operator = OPERATORS.get(name, name)
        if space.startswith(b"7"):
            operator = f"com.microsoft.{operator}"
        variadic = VARIADIC.match(arguments)
        if variadic:
            found[variadic[1]].add("any")
        elif arguments == "E" or arguments.startswith("ILb"):
            found[operator].add("any")
        for prefix, type_name in TYPES.items():
            if arguments.startswith(f"I{prefix}"):
                found[operator].add(type_name)
    return {operator: sorted(types) for operator, types in sorted(found.items()) if types}


if __name__ == "__main__":
    listed = kernels(Path(sys.argv[1]).read_bytes())
    PAGE.write_text(json.dumps(listed, indent=0) + "\n", encoding="utf-8")
