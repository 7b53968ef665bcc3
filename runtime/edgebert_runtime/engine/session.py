"""The one ONNX Runtime session behind a model: provider, threads, run."""

import os
from _thread import allocate_lock
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from edgebert_runtime.engine.concurrency import ConcurrencyTracker
from edgebert_runtime.engine.native import NativeLibrary, register
from edgebert_runtime.engine.native_calls import native_call
from edgebert_runtime.engine.native_log import engine_log, reemit
from edgebert_runtime.engine.onnxruntime import import_engine, run_options, session_options
from edgebert_runtime.engine.plug_ins import Plugged, find_plugged
from edgebert_runtime.engine.providers import PROVIDERS, captures, has_provider, prepare
from edgebert_runtime.engine.threads import usable_cores
from edgebert_runtime.errors import (
    BundleError,
    ConfigError,
    EdgebertError,
    EngineError,
    EngineMemoryError,
    ModelClosedError,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgebert_runtime.engine.io_binding import CudaGraphCache, Device

RECORD_ASSIGNMENT: Final = "session.record_ep_graph_assignment_info"
"""The entry of a session's configuration that makes it remember which provider runs what."""

GRAPH_ERRORS: Final = {"InvalidGraph", "InvalidProtobuf", "NoModel", "NoSuchFile", "NotImplemented"}
"""ONNX Runtime's exceptions that speak of the graph, whatever provider it is for."""

NOT_LOADED: Final = "Load model from"
"""What ONNX Runtime begins with where a graph contradicts itself, in an exception for anything."""

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
        session.reset_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_the_parent)


def _names(nodes: Any) -> list[str]:
    return [node.name for node in nodes]


MAX_SAID: Final = 2_000
"""Characters of a message of ONNX Runtime that are shown."""


class Session:
    """An open graph; in a forked process it is opened anew when it is first run there.

    Attributes:
        graph: the ONNX file.
        provider: a name of `PROVIDERS`, what really runs.
        provider_options: what it was given.
        threads: intra-operator threads.
        optimized: whether ONNX Runtime had optimised the graph before.
        library: of custom operators; None where ONNX Runtime's own are enough.
        shared: whether it takes turns with all sessions that share.
        concurrency: who is served by it, and by sessions made of it by `with_threads`.
        cuda_graphs: its captured runs; None where runs are not captured.
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
        longest: int | None = None,
        keeps_memory: bool = True,
        library: NativeLibrary | None = None,
        packed: Path | None = None,
        opened: "Session | None" = None,
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
            longest: tokens of the longest text the graph takes; None where runs are not captured.
            keeps_memory: whether memory of the CPU that a run took stays for the next one.
            library: the custom operators that the graph has; None leaves it to ONNX Runtime.
            packed: weights that the library has packed before; None lets it pack them.
            opened: a session on the same graph; this one is then opened when it is first run.

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
        self.provider_options = {**PROVIDERS[provider].defaults, **(provider_options or {})}
        self.threads = threads or usable_cores()
        self.shared = shared
        self.graph = graph
        self.optimized = optimized
        self.library = library
        self._packed = packed
        self._longest = longest
        self._keeps_memory = keeps_memory
        self._closed = False
        self.cuda_graphs: CudaGraphCache | None = None
        self.concurrency: ConcurrencyTracker = (
            opened.concurrency if opened else ConcurrencyTracker()
        )
        session: Any = None if opened else self._open(graph)
        self._session = session
        _sessions.add(self)
        self.inputs: list[str] = opened.inputs if opened else _names(session.get_inputs())
        self.outputs: list[str] = opened.outputs if opened else _names(session.get_outputs())

    def run(
        self, outputs: Sequence[str], feeds: Mapping[str, "NDArray[np.int64]"]
    ) -> list["NDArray[np.float32]"]:
        """Run the graph and return the named outputs in that order.

        Raises:
            EngineError: ONNX Runtime fails; `EngineMemoryError` for want of memory.
            ModelClosedError: it was closed.
        """
        session = self._live()
        replays = self.cuda_graphs
        with self._running(feeds):
            if replays is not None:
                return replays.run(list(outputs), feeds)
            arrays: list[NDArray[np.float32]] = session.run(list(outputs), dict(feeds), self._quiet)
        return arrays

    def run_on_device(
        self, outputs: Sequence[str], feeds: Mapping[str, "NDArray[np.int64]"]
    ) -> list[Any]:
        """Run the graph and leave the named outputs where they were computed.

        Returns:
            `onnxruntime.OrtValue`s, in that order; `binding.run_on_device` says more.

        Raises:
            ConfigError: it is not known what memory the provider computes in.
            EngineError, ModelClosedError: as `run`.
        """
        from edgebert_runtime.engine.io_binding import run_on_device

        device = self._device()
        session = self._live()
        with self._running(feeds):
            return run_on_device(import_engine(), session, device, outputs, feeds)

    @contextmanager
    def _running(self, feeds: Mapping[str, "NDArray[np.int64]"]) -> Iterator[None]:
        """ONNX Runtime's errors as ours, in its turn, and before the program ends."""
        try:
            with _turns if self.shared else nullcontext(), native_call():
                yield
        except EdgebertError:
            raise
        except Exception as error:  # ONNX Runtime's exceptions share no narrower base
            from edgebert_runtime.engine.provider_errors import is_out_of_memory, what_to_do

            shapes = ", ".join(f"{name} {array.shape}" for name, array in feeds.items())
            kind = EngineMemoryError if is_out_of_memory(error) else EngineError
            raise kind(
                f"ONNX Runtime cannot run {self.graph} on {shapes}{what_to_do(error)}: "
                f"{_one_line(error)}"
            ) from error

    def _device(self) -> "Device":
        from edgebert_runtime.engine.io_binding import Device

        kind = PROVIDERS[self.provider].device
        if kind is None:
            raise ConfigError(
                f"provider {self.provider!r} has no device memory that outputs can stay in; "
                "take them as numpy arrays"
            )
        return Device(kind, int(self.provider_options.get("device_id", "0")))

    def with_threads(self, threads: int) -> "Session":
        """Another session on the same graph, of so many threads, opened when it is first run."""
        return Session(
            self.graph,
            provider=self.provider,
            provider_options=self.provider_options,
            threads=threads,
            optimized=self.optimized,
            shared=self.shared,
            longest=self._longest,
            keeps_memory=self._keeps_memory,
            library=self.library,
            packed=self._packed,
            opened=self,
        )

    @property
    def warm(self) -> bool:
        """Whether it starts from what was kept before: an optimised graph, or packed weights."""
        return self.optimized or self._packed is not None

    def close(self) -> None:
        """Give the memory back; a run that is under way ends first. Closing again does nothing."""
        self._closed, self._session, self.cuda_graphs = True, None, None

    def reset_after_fork(self) -> None:
        """Forget the engine's session, which belongs to the process this one was forked from."""
        self.concurrency.forget()
        if self._session is not None:
            from ctypes import py_object, pythonapi

            for left in (self._session, self.cuda_graphs):
                pythonapi.Py_IncRef(py_object(left))
            self._session = self.cuda_graphs = None

    def _live(self) -> Any:
        """The engine's session, of this very process."""
        session = self._session
        if session is None:
            with _reopening:
                session = self._session
                if session is None and not self._closed:
                    session = self._session = self._open(self.graph)
        if self._closed or session is None:
            raise ModelClosedError("this model is closed; load it again")
        return session

    def _open(self, graph: Path) -> Any:
        engine = import_engine()
        plugged = find_plugged(self.provider, engine, self.provider_options)
        if plugged is None and not has_provider(self.provider, engine):
            from edgebert_runtime.engine.provider_errors import not_offered

            raise not_offered(self.provider, engine)
        if plugged is not None:
            self.provider_options = dict(plugged.options)
        prepare(self.provider, engine)
        heard: list[str] = []
        falls_back = PROVIDERS[self.provider].falls_back
        try:
            with native_call(), engine_log() if falls_back else nullcontext(heard) as heard:
                session = self._create(engine, graph, plugged)
        except Exception as error:  # ONNX Runtime's exceptions share no narrower base
            raise self._open_error(engine, graph, error, heard) from error
        if falls_back:
            from edgebert_runtime.engine.provider_errors import require_running

            require_running(self.provider, self.provider_options, session, "".join(heard))
        reemit(heard)
        self._quiet = run_options(engine)
        self.cuda_graphs = self._capturing(engine, session)
        return session

    def _capturing(self, engine: Any, session: Any) -> "CudaGraphCache | None":
        if self._longest is None or not captures(self.provider_options):
            return None
        from edgebert_runtime.engine.io_binding import CudaGraphCache

        return CudaGraphCache(engine, session, self._device(), self._longest)

    def _create(self, engine: Any, graph: Path, plugged: Plugged | None) -> Any:
        provider = PROVIDERS[self.provider]
        options = session_options(engine, self.threads)
        options.enable_cpu_mem_arena = self._keeps_memory
        if self.shared:
            options.add_session_config_entry(STOP_SPINNING, "1")
        if self.optimized:
            options.graph_optimization_level = engine.GraphOptimizationLevel.ORT_DISABLE_ALL
        if self.library is not None:
            register(options, self.library, self.threads, packed=self._packed)
        if provider.falls_back:
            options.add_session_config_entry(RECORD_ASSIGNMENT, "1")
        if plugged is not None:
            options.add_provider_for_devices(plugged.devices, self.provider_options)
            return engine.InferenceSession(str(graph), options, enable_fallback=0)
        return engine.InferenceSession(
            str(graph),
            options,
            providers=[provider.engine_name],
            provider_options=[self.provider_options],
            enable_fallback=0,
        )

    def _open_error(
        self, engine: Any, graph: Path, error: Exception, heard: Sequence[str]
    ) -> EdgebertError:
        """The graph's fault, or the provider's: without it, the CPU may lack an operator."""
        if PROVIDERS[self.provider].falls_back:
            from edgebert_runtime.engine.provider_errors import did_not_start, refusal

            said = "\n".join([str(error), *heard])
            of_graph = type(error).__name__ in GRAPH_ERRORS or NOT_LOADED in str(error)
            if not of_graph or did_not_start(self.provider, said):
                return refusal(self.provider, self.provider_options, said)
        said = _one_line(error)
        return BundleError(f"ONNX Runtime {engine.__version__} cannot open {graph}: {said}")


def _one_line(error: Exception) -> str:
    """What ONNX Runtime says, without the line ends and controls that a graph's names may have."""
    printable = (each if each.isprintable() else " " for each in str(error))
    return " ".join("".join(printable).split())[:MAX_SAID]
