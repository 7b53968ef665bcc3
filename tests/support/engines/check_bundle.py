"""Run a bundle's self-test on the ONNX Runtime of this environment, which has only the runtime.

Every variant whose `min_onnxruntime` is no newer must answer within its tolerance; every other must
not open, or its `min_onnxruntime` is too high. Products of integers must be right, or `load` must
know that they are not.

Usage: python -m tests.support.engines.check_bundle BUNDLE VERSION
"""

import sys

import onnxruntime

from edgebert_runtime import Bundle, check_all
from tests.support.engines.products import unexpected_products

ERRORS_ONLY = 4


def main(folder: str, version: str) -> None:
    if onnxruntime.__version__ != version:
        sys.exit(f"this environment has ONNX Runtime {onnxruntime.__version__}, not {version}")
    bundle = Bundle.open(folder)
    wrong = []
    for report in check_all(bundle):
        variant = bundle.manifest.variants[report.variant]
        new_enough = numbers(variant.min_onnxruntime) <= numbers(version)
        says = report.left_out or report.problem or f"{report.worst:.2g} of {report.tolerance:.2g}"
        print(f"ONNX Runtime {version}, {report.variant}: {says}")
        if report.passed != new_enough:
            wrong.append(report.variant)
        if not new_enough and opens(str(bundle.path_of(variant.file))):
            wrong.append(f"{report.variant} (it opens, though it says {variant.min_onnxruntime})")
    wrong += unexpected_products()
    if wrong:
        sys.exit(f"on ONNX Runtime {version} these are not as their manifest says: {wrong}")


def opens(graph: str) -> bool:
    """Whether the engine opens a graph."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    try:
        onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception:  # ONNX Runtime's exceptions share no narrower base
        return False
    return True


def numbers(version: str) -> tuple[int, ...]:
    """A version to compare."""
    return tuple(map(int, version.split(".")))


if __name__ == "__main__":
    main(*sys.argv[1:])
