"""The one ONNX Runtime session behind a model: provider, threads, run."""

import os
import sys
from _thread import allocate_lock
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from edgebert_runtime.errors import (
    BundleError,
    ConfigError,
    EngineError,
    EngineMissingError,
    ModelClosedError,
    ProviderUnavailableError,
)
from edgebert_runtime.threads import usable_cores

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PROVIDERS: Final = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
"""Our name of a provider → ONNX Runtime's."""

INSTALL: Final = {
    "cpu": "pip install 'edgebert-runtime[cpu]'",
    "cuda": "pip install 'edgebert-runtime[gpu]' in an environment without onnxruntime",
}

ERRORS_ONLY: Final = 3
"""`log_severity_level` that keeps ONNX Runtime silent on a healthy run."""


_reopening = allocate_lock()
_sessions: "WeakSet[Session]" = WeakSet()


def _leave_to_the_parent() -> None:
    """In a forked child: let go of what belongs to the parent, without destroying it.

    An engine's session waits for its threads when it is destroyed, and they are not here: the child
    would hang or crash, at the latest when it ends. So one reference is never given back. A lock
    that another thread of the parent held is held for ever, so there is a new one.
    """
    global _reopening
    _reopening = allocate_lock()
    for session in _sessions:
        session.leave_to_the_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_the_parent)


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
        import onnxruntime
    except ImportError as error:
        raise EngineMissingError(
            f"onnxruntime is not installed; {INSTALL['cpu']} (CPU) or {INSTALL['cuda']} (GPU)"
        ) from error
    return onnxruntime


def _log(message: str) -> None:
    """Log, if anyone listens: a program that has not imported `logging` need not pay for it."""
    logging = sys.modules.get("logging")
    if logging is not None:
        logging.getLogger(__name__).info(message)


def choose_provider(wanted: str) -> str:
    """Turn `auto`, `cpu` or `cuda` into the provider that will run, never into another one.

    `auto` takes CPU: a bundle has no CUDA variant unless one was asked for.

    Raises:
        ConfigError: an unknown name.
    """
    if wanted == "auto":
        _log("provider auto: chose cpu")
        return "cpu"
    if wanted not in PROVIDERS:
        raise ConfigError(f"provider must be one of auto, {', '.join(PROVIDERS)}; got {wanted!r}")
    return wanted


def has_provider(name: str) -> bool:
    """Whether this ONNX Runtime was built with a provider; starting it may still fail.

    Raises:
        EngineMissingError: ONNX Runtime is not installed.
    """
    return PROVIDERS.get(name) in import_engine().get_available_providers()


class Session:
    """An open graph; in a forked process it is opened anew when it is first run there.

    Attributes:
        provider: `cpu` or `cuda`, what really runs.
        threads: intra-operator threads.
        asked_threads: what was asked for; None is as many as there are cores.
        inputs, outputs: names, in the graph's order.
    """

    def __init__(self, graph: Path, *, provider: str, threads: int | None = None) -> None:
        """Open `graph`.

        Args:
            graph: an ONNX file, external data beside it.
            provider: `cpu` or `cuda`.
            threads: intra-operator threads; None takes every core the process may use.

        Raises:
            ConfigError: `threads` is not positive.
            BundleError: ONNX Runtime cannot open the graph.
            EngineMissingError: ONNX Runtime is not installed.
            ProviderUnavailableError: this ONNX Runtime lacks the provider, or cannot start it.
        """
        if threads is not None and threads < 1:
            raise ConfigError(f"threads must be at least 1, got {threads}")
        self.provider = provider
        self.threads = threads or usable_cores()
        self.asked_threads = threads
        self._graph = graph
        self._closed = False
        self._session = self._open(graph)
        _sessions.add(self)
        self.inputs = [node.name for node in self._session.get_inputs()]
        self.outputs = [node.name for node in self._session.get_outputs()]

    def run(
        self, outputs: Sequence[str], feeds: Mapping[str, "NDArray[np.int64]"]
    ) -> list["NDArray[np.float32]"]:
        """Run the graph and return the named outputs in that order.

        Raises:
            EngineError: ONNX Runtime fails, for example for want of memory.
            ModelClosedError: it was closed.
        """
        session = self._live()
        try:
            arrays: list[NDArray[np.float32]] = session.run(list(outputs), dict(feeds))
        except Exception as error:  # ONNX Runtime's exceptions share no narrower base
            shapes = ", ".join(f"{name} {array.shape}" for name, array in feeds.items())
            raise EngineError(
                f"ONNX Runtime cannot run {self._graph} on {shapes}: {error}"
            ) from error
        return arrays

    def close(self) -> None:
        """Give the memory back; a run that is under way ends first. Closing again does nothing."""
        self._closed, self._session = True, None

    def leave_to_the_parent(self) -> None:
        """Forget the engine's session, which belongs to the process this one was forked from."""
        if self._session is not None:
            from ctypes import py_object, pythonapi

            pythonapi.Py_IncRef(py_object(self._session))
            self._session = None

    def _live(self) -> Any:
        """The engine's session, of this very process."""
        session = self._session
        if session is None:
            with _reopening:
                session = self._session
                if session is None and not self._closed:
                    session = self._session = self._open(self._graph)
        if self._closed or session is None:
            raise ModelClosedError("this model is closed; load it again")
        return session

    def _open(self, graph: Path) -> Any:
        engine = import_engine()
        wanted = PROVIDERS[self.provider]
        self._require(wanted, engine.get_available_providers())
        options = engine.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = ERRORS_ONLY
        try:
            session = engine.InferenceSession(str(graph), options, providers=[wanted])
        except Exception as error:  # ONNX Runtime's exceptions share no narrower base
            raise BundleError(
                f"ONNX Runtime {engine.__version__} cannot open {graph}: {error}"
            ) from error
        self._require(wanted, session.get_providers()[:1])
        return session

    def _require(self, wanted: str, found: Sequence[str]) -> None:
        if wanted not in found:
            raise ProviderUnavailableError(
                f"provider {self.provider!r} needs {wanted}, this onnxruntime offers "
                f"{', '.join(found)}; {INSTALL[self.provider]}"
            )
