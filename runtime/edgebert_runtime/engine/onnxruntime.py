"""The module `onnxruntime`, and what every session and run of ours starts from."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from edgebert_runtime.engine.native_calls import native_call
from edgebert_runtime.engine.providers import PROVIDERS
from edgebert_runtime.engine.threads import usable_cores
from edgebert_runtime.errors import EngineMissingError

ERRORS_ONLY: Final = 3
"""`log_severity_level` that keeps ONNX Runtime silent on a healthy run."""

FATAL_ONLY: Final = 4
"""The same for a run that fails, whose reason is in the exception."""

GRAPH_ID: Final = "gpu_graph_id"
"""The entry of a run's configuration that says which capture it is, -1 for none
(https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html)."""

CONTRIB: Final = "com.microsoft"
"""Domain of the operators that only ONNX Runtime has."""

NO_SPINNING: Final = "session.intra_op.allow_spinning"
"""The entry of a session's configuration that lets idle threads sleep, where it is 0."""

TELEMETRY_OFF: Final = "ORT_DISABLE_TELEMETRY"
"""ONNX Runtime 1.29 and later report their use to Microsoft unless this says 1 when they start."""


def import_engine() -> Any:
    """Import `onnxruntime`, its telemetry off unless the environment says otherwise.

    Off for privacy, and because its uploader's thread makes every forked child hang when it ends
    (https://github.com/microsoft/onnxruntime/blob/main/docs/Privacy.md).

    Raises:
        EngineMissingError: neither of the two distributions that provide it is installed.
    """
    os.environ.setdefault(TELEMETRY_OFF, "1")
    try:
        with native_call():
            import onnxruntime
    except ImportError as error:
        raise EngineMissingError(
            f"onnxruntime is not installed; {PROVIDERS['cpu'].install} (CPU) or "
            f"{PROVIDERS['cuda'].install} (GPU)"
        ) from error
    return onnxruntime


def session_options(engine: Any, threads: int) -> Any:
    """ONNX Runtime's options that every session of ours starts from.

    Threads without a core of their own do not spin: those that do keep the others from their work,
    and opening a graph with 64 threads on two cores takes seconds.
    """
    options = engine.SessionOptions()
    if threads > usable_cores():
        options.add_session_config_entry(NO_SPINNING, "0")
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    return options


def cpu_session(
    graph: Path | bytes, options: Any, *, disabled_optimizers: Sequence[str] = ()
) -> Any:
    """An `onnxruntime.InferenceSession` on the CPU, for graphs that `Session` is not for.

    Args:
        graph: a file, or a serialized ModelProto.
        options: of `session_options`.
        disabled_optimizers: names of ONNX Runtime's graph optimizers to leave out.

    Raises:
        Exception: ONNX Runtime cannot open the graph; its exceptions share no narrower base.
    """
    engine = import_engine()
    with native_call():
        return engine.InferenceSession(
            graph if isinstance(graph, bytes) else str(graph),
            options,
            providers=[PROVIDERS["cpu"].engine_name],
            enable_fallback=0,
            disabled_optimizers=list(disabled_optimizers),
        )


def run_options(engine: Any, capture: int = -1) -> Any:
    """ONNX Runtime's options that every run of ours goes by.

    Args:
        engine: the module, of `import_engine`.
        capture: the number of the capture it is, for CUDA to replay; -1 for none.
    """
    options = engine.RunOptions()
    options.log_severity_level = FATAL_ONLY
    options.add_run_config_entry(GRAPH_ID, str(capture))
    return options
