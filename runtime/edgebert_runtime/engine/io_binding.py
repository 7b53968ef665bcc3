"""Runs on memory of a provider's device: captured ones on fixed buffers, and answers left there."""

from _thread import allocate_lock
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from edgebert_runtime.engine.onnxruntime import run_options

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CAPTURED_TOKENS: Final = 2048
"""Padded tokens up to which a run is captured: larger ones keep a GPU busy between launches."""

CAPTURED_SHAPES: Final = 32
"""How many captures there may be; each holds its buffers for ever."""

SEQUENCE_STEP: Final = 16
"""Lengths are rounded up to a multiple of it, batches to a power of two."""


class Device(NamedTuple):
    """Memory as ONNX Runtime names it: `cpu` or `cuda`, and which one of them."""

    kind: str
    number: int


def run_on_device(
    engine: Any,
    session: Any,
    device: Device,
    outputs: Sequence[str],
    feeds: "Mapping[str, NDArray[np.int64]]",
) -> list[Any]:
    """Run a graph and leave what it gives where it was computed.

    Args:
        engine: the module, of `import_engine`.
        session: the engine's.
        device: where to.
        outputs: names.
        feeds: arrays by name, which go up once.

    Returns:
        An `onnxruntime.OrtValue` for each output; it has `__dlpack__`, `shape()` and `numpy()`.
    """
    binding = session.io_binding()
    for name, array in feeds.items():
        value = engine.OrtValue.ortvalue_from_numpy(array, *device)
        binding.bind_ortvalue_input(name, value)
    for name in outputs:
        binding.bind_output(name, *device)
    session.run_with_iobinding(binding, run_options(engine))
    found: list[Any] = binding.get_outputs()
    return found


class CudaGraphCache:
    """Captured runs of one session of the engine, a capture for each of few shapes.

    The first run of a shape is captured while it goes, later ones are one launch for all kernels,
    on the same buffers (https://docs.nvidia.com/cuda/cuda-programming-guide/, "CUDA Graphs").
    Batches are filled up with rows that keep no token, texts with tokens that are dropped.

    Args:
        engine: the module, of `import_engine`.
        session: the engine's, opened with `enable_cuda_graph`.
        device: where buffers lie.
        longest: tokens of the longest text the graph takes.

    Attributes:
        captured: shape of a bucket and names of outputs → the captured run.
    """

    def __init__(self, engine: Any, session: Any, device: Device, longest: int) -> None:
        self._engine, self._session = engine, session
        self._device, self._longest = device, longest
        self.captured: dict[tuple[Any, ...], _Captured] = {}
        self._plain = run_options(engine)
        self._running = allocate_lock()

    def run(
        self, outputs: Sequence[str], feeds: "Mapping[str, NDArray[np.int64]]"
    ) -> "list[NDArray[np.float32]]":
        """Run the graph, captured if its shape is one of those, and return the named outputs."""
        batch, sequence = next(iter(feeds.values())).shape
        shape = bucket(batch, sequence, self._longest)
        with self._running:  # captures share buffers and a stream
            captured = self._capture(shape, tuple(outputs))
            if captured is not None:
                return captured.run(self._session, feeds)
            found: list[NDArray[np.float32]] = self._session.run(outputs, feeds, self._plain)
            return found

    def _capture(self, shape: tuple[int, int], outputs: tuple[str, ...]) -> "_Captured | None":
        key = (shape, outputs)
        if key not in self.captured:
            if shape[0] * shape[1] > CAPTURED_TOKENS or len(self.captured) >= CAPTURED_SHAPES:
                return None
            options = run_options(self._engine, len(self.captured) + 1)
            self.captured[key] = _Captured(
                self._engine, self._session, self._device, shape, outputs, options
            )
        return self.captured[key]


class _Captured:
    """Buffers of one shape, bound for ever; all inputs lie in one, and go up in one copy."""

    def __init__(
        self,
        engine: Any,
        session: Any,
        device: Device,
        shape: tuple[int, int],
        outputs: tuple[str, ...],
        options: Any,
    ) -> None:
        import numpy as np

        self._options = options
        self._binding = session.io_binding()
        make = engine.OrtValue.ortvalue_from_shape_and_type
        self._names = [node.name for node in session.get_inputs()]
        self._filled = np.zeros((len(self._names), *shape), dtype=np.int64)
        self._inputs = make(list(self._filled.shape), np.int64, *device)
        for name, at in zip(self._names, self._addresses(), strict=True):
            self._binding.bind_input(name, *device, np.int64, list(shape), at)
        sizes = dict(zip(("batch", "sequence"), shape, strict=True))
        shapes = {node.name: node.shape for node in session.get_outputs()}
        self._per_token = ["sequence" in shapes[name] for name in outputs]
        self._outputs = [
            make([sizes.get(size, size) for size in shapes[name]], np.float32, *device)
            for name in outputs
        ]
        for name, value in zip(outputs, self._outputs, strict=True):
            self._binding.bind_ortvalue_output(name, value)

    def run(
        self, session: Any, feeds: "Mapping[str, NDArray[np.int64]]"
    ) -> "list[NDArray[np.float32]]":
        batch, sequence = next(iter(feeds.values())).shape
        self._filled.fill(0)
        for filled, name in zip(self._filled, self._names, strict=True):
            filled[:batch, :sequence] = feeds[name]
        self._inputs.update_inplace(self._filled)
        session.run_with_iobinding(self._binding, self._options)
        found: list[NDArray[np.float32]] = []
        for value, per_token in zip(self._outputs, self._per_token, strict=True):
            rows = value.numpy()[:batch]
            found.append((rows[:, :sequence] if per_token else rows).copy())  # used again soon
        return found

    def _addresses(self) -> list[int]:
        """Where each input begins on the device."""
        first = self._inputs.data_ptr()
        return [first + at * self._filled[0].nbytes for at in range(len(self._names))]


def bucket(batch: int, sequence: int, longest: int) -> tuple[int, int]:
    """The shape that a batch is filled up to."""
    rounded = -(-sequence // SEQUENCE_STEP) * SEQUENCE_STEP
    return 1 << (batch - 1).bit_length(), max(sequence, min(rounded, longest))
