"""The one ONNX Runtime session behind a model: provider, threads, run."""

import os
from _thread import allocate_lock
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from edgebert_runtime.errors import (
    BundleError,
    ConfigError,
    EdgebertError,
    EngineError,
    EngineMissingError,
    ModelClosedError,
)
from edgebert_runtime.listening import engine_log, pass_on
from edgebert_runtime.providers import PROVIDERS, refusal, require_offered, require_running
from edgebert_runtime.threads import usable_cores
from edgebert_runtime.traffic import Traffic

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ERRORS_ONLY: Final = 3
"""`log_severity_level` that keeps ONNX Runtime silent on a healthy run."""

RECORD_ASSIGNMENT: Final = "session.record_ep_graph_assignment_info"
"""The entry of a session's configuration that makes it remember which provider runs what."""

GRAPH_ERRORS: Final = {"InvalidGraph", "InvalidProtobuf", "NoModel", "NoSuchFile", "NotImplemented"}
"""ONNX Runtime's exceptions that speak of the graph, whatever provider it is for."""


STOP_SPINNING: Final = "session.force_spinning_stop"
"""Lets threads sleep at the end of a run, and leave the cores to another session's."""


_reopening = allocate_lock()
_turns = allocate_lock()
_sessions: "WeakSet[Session]" = WeakSet()


def _leave_to_the_parent() -> None:
    """In a forked child: let go of what belongs to the parent, without destroying it.

    An engine's session waits for its threads when it is destroyed, and they are not here: the child
    would hang or crash, at the latest when it ends. So one reference is never given back. A lock
    that another thread of the parent held is held for ever, so there is a new one.
    """
    global _reopening, _turns
    _reopening, _turns = allocate_lock(), allocate_lock()
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
            f"onnxruntime is not installed; {PROVIDERS['cpu'].install} (CPU) or "
            f"{PROVIDERS['cuda'].install} (GPU)"
        ) from error
    return onnxruntime


def session_options(engine: Any, threads: int) -> Any:
    """ONNX Runtime's options that every session of ours starts from."""
    options = engine.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    return options


class Session:
    """An open graph; in a forked process it is opened anew when it is first run there.

    Attributes:
        provider: a name of `PROVIDERS`, what really runs.
        provider_options: what it was given.
        threads: intra-operator threads.
        asked_threads: what the user asked for; None for nothing.
        optimized: whether ONNX Runtime had optimised the graph before.
        shared: whether it takes turns with all sessions that share.
        traffic: who is served by it or a twin of it.
        inputs, outputs: names, in the graph's order.
    """

    def __init__(
        self,
        graph: Path,
        *,
        provider: str,
        provider_options: Mapping[str, str] | None = None,
        threads: int | None = None,
        optimized: bool = False,
        shared: bool = False,
    ) -> None:
        """Open `graph`.

        Args:
            graph: an ONNX file, external data beside it.
            provider: a name of `PROVIDERS`.
            provider_options: by `read_options`.
            threads: intra-operator threads; None takes every core the process may use.
            optimized: whether ONNX Runtime has optimised it already and is to leave it as it is.
            shared: whether it takes turns with all such sessions of the process, so that together
                they have no more threads running than one of them.

        Raises:
            ConfigError: `threads` is not positive, or the provider does not know an option.
            BundleError: ONNX Runtime cannot open the graph.
            EngineMissingError: ONNX Runtime is not installed.
            ProviderUnavailableError: this ONNX Runtime lacks the provider, cannot start it, or
                runs the graph elsewhere.
        """
        if threads is not None and threads < 1:
            raise ConfigError(f"threads must be at least 1, got {threads}")
        self.provider = provider
        self.provider_options = dict(provider_options or {})
        self.threads = threads or usable_cores()
        self.asked_threads = threads
        self.shared = shared
        self._graph = graph
        self.optimized = optimized
        self._closed = False
        self.traffic = Traffic()
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
            with _turns if self.shared else nullcontext():
                arrays: list[NDArray[np.float32]] = session.run(list(outputs), dict(feeds))
        except Exception as error:  # ONNX Runtime's exceptions share no narrower base
            shapes = ", ".join(f"{name} {array.shape}" for name, array in feeds.items())
            raise EngineError(
                f"ONNX Runtime cannot run {self._graph} on {shapes}: {error}"
            ) from error
        return arrays

    def twin(self, threads: int) -> "Session":
        """The same graph on so many threads, opened when it is first run."""
        twin = object.__new__(Session)
        twin.__dict__ |= self.__dict__
        twin.threads = twin.asked_threads = threads
        twin._session = None
        _sessions.add(twin)
        return twin

    def close(self) -> None:
        """Give the memory back; a run that is under way ends first. Closing again does nothing."""
        self._closed, self._session = True, None

    def leave_to_the_parent(self) -> None:
        """Forget the engine's session, which belongs to the process this one was forked from."""
        self.traffic.forget()
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
        require_offered(self.provider, engine)
        heard: list[str] = []
        falls_back = PROVIDERS[self.provider].falls_back
        try:
            with engine_log() if falls_back else nullcontext(heard) as heard:
                session = self._create(engine, graph)
        except Exception as error:  # ONNX Runtime's exceptions share no narrower base
            raise self._why_not(engine, graph, error, heard) from error
        require_running(self.provider, self.provider_options, session, "".join(heard))
        pass_on(heard)
        return session

    def _create(self, engine: Any, graph: Path) -> Any:
        provider = PROVIDERS[self.provider]
        options = session_options(engine, self.threads)
        if self.shared:
            options.add_session_config_entry(STOP_SPINNING, "1")
        if self.optimized:
            options.graph_optimization_level = engine.GraphOptimizationLevel.ORT_DISABLE_ALL
        if provider.falls_back:
            options.add_session_config_entry(RECORD_ASSIGNMENT, "1")
        return engine.InferenceSession(
            str(graph),
            options,
            providers=[provider.engine_name],
            provider_options=[self.provider_options],
            enable_fallback=0,
        )

    def _why_not(
        self, engine: Any, graph: Path, error: Exception, heard: Sequence[str]
    ) -> EdgebertError:
        """The graph's fault, or the provider's."""
        spoilt = type(error).__name__ in GRAPH_ERRORS
        if PROVIDERS[self.provider].falls_back and not spoilt:
            return refusal(self.provider, self.provider_options, "\n".join([str(error), *heard]))
        return BundleError(f"ONNX Runtime {engine.__version__} cannot open {graph}: {error}")
