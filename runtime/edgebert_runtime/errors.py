"""Every error edgebert raises, as one small tree.

    EdgebertError
    ├── ConfigError              an argument or a combination of them makes no sense
    ├── InputError               a text or an array that cannot be run
    ├── CheckpointError          a source model cannot be read
    │   └── UnsupportedModelError    …because edgebert does not know its kind
    ├── TokenizerError           a tokenizer is missing, unreadable, or does not fit the model
    ├── ExportError              a model cannot be traced or written
    ├── BundleError              a bundle cannot be read
    │   ├── BundleExistsError        …or written, because something is there already
    │   ├── BundleIntegrityError     …or trusted: its files are not what the manifest says
    │   ├── UnsafePathError          …or trusted: it points outside its own folder
    │   └── HubError                 …or fetched from the Hub, or pushed to it
    ├── OutputError              answers or a page cannot be written where they should go
    ├── EngineError              ONNX Runtime failed while it ran a graph
    │   └── EngineMemoryError        …because memory was too small
    ├── EngineMissingError       ONNX Runtime is not installed
    ├── ModelClosedError         a model is used after it was closed
    ├── ProviderUnavailableError the requested provider does not run here
    ├── MachineChangedError      no result: the machine was slower for a part of the time
    └── CheckFailedError         the work was done and the result is not good enough
        ├── FusionError              the graph lacks fused nodes that its target requires
        ├── ParityError              the graph's outputs differ from torch's
        ├── QualityError             a quantized graph is below its quality threshold
        │   └── BudgetError              …or no assignment meets the budget
        ├── SampleError              the answers differ from those of the build machine
        ├── DiffError                two bundles answer differently
        └── SpeedError               the quantized graph is slower than the one it was made from

`EdgebertError.exit_code` is what the command line ends with: 2, a mistake of the caller, unless a
class says otherwise.
"""

from typing import Any, ClassVar


class EdgebertError(Exception):
    """Base of all errors edgebert raises on purpose.

    Attributes:
        exit_code: what the command line ends with.
        shell: the message at a shell, which has commands and options where Python has functions
            and arguments; `{program}` in it stands for the name of the program. None where the
            message is the same.
    """

    exit_code: ClassVar[int] = 2

    def __init__(self, message: str = "", *, shell: str | None = None) -> None:
        super().__init__(message)
        self.shell = shell


class ConfigError(EdgebertError, ValueError):
    """An argument, or a combination of arguments, makes no sense."""


class InputError(EdgebertError, ValueError):
    """A text or an array that cannot be run."""


class CheckpointError(EdgebertError):
    """A source model cannot be read."""


class UnsupportedModelError(CheckpointError):
    """A source model is of a kind edgebert does not know."""


class TokenizerError(EdgebertError):
    """A tokenizer is missing, unreadable, or does not fit its model."""


class ExportError(EdgebertError):
    """A model cannot be traced or written."""


class BundleError(EdgebertError):
    """A bundle cannot be read."""


class BundleExistsError(BundleError):
    """The destination of a bundle holds something already."""


class BundleIntegrityError(BundleError):
    """A bundle's files are not what its manifest says."""


class UnsafePathError(BundleError):
    """A bundle names a path outside its own folder."""


class HubError(BundleError):
    """A bundle cannot be fetched from the Hub or pushed to it."""


class OutputError(EdgebertError):
    """Answers or a page cannot be written where they should go."""


class EngineError(EdgebertError):
    """ONNX Runtime failed while it ran a graph."""


class EngineMemoryError(EngineError):
    """ONNX Runtime has too little memory to run a graph."""


class ModelClosedError(EdgebertError, ValueError):
    """A model is used after it was closed."""


class EngineMissingError(EdgebertError, ImportError):
    """ONNX Runtime is not installed."""


class ProviderUnavailableError(EdgebertError):
    """The requested execution provider does not run on this machine."""


class MachineChangedError(EdgebertError):
    """Two measurements cannot be compared: the machine was slower during one of them."""

    exit_code = 3


class CheckFailedError(EdgebertError):
    """The work was done and its result is not good enough."""

    exit_code = 1


class FusionError(CheckFailedError):
    """A graph lacks fused nodes that its target requires."""


class ParityError(CheckFailedError):
    """A graph's outputs differ from torch's."""


class QualityError(CheckFailedError):
    """A quantized graph is below its quality threshold."""


class BudgetError(QualityError):
    """No assignment of schemes meets the budget.

    Attributes:
        search: what was tried, an `edgebert_quantize.Search`.
    """

    def __init__(self, message: str, search: Any) -> None:
        super().__init__(message)
        self.search = search


class SampleError(CheckFailedError):
    """This machine's answers to the stored samples differ from those of the build machine."""


class DiffError(CheckFailedError):
    """Two bundles answer differently, by more than is tolerated."""


class SpeedError(CheckFailedError):
    """A quantized graph is slower than the one it was made from."""


class FallbackWarning(UserWarning):
    """fp32 runs instead of the default variant, whose answers would be wrong on this CPU."""


class UnverifiedWarning(UserWarning):
    """The variant was never measured on its provider; `edgebert verify` does that."""


class SmallerBatchWarning(UserWarning):
    """A micro-batch did not fit into memory; it and later ones are split into two."""


class TruncationWarning(UserWarning):
    """Texts were longer than the model takes and were cut; see `last_report`.

    Attributes:
        shell: as in `EdgebertError`.
    """

    def __init__(self, message: str = "", *, shell: str | None = None) -> None:
        super().__init__(message)
        self.shell = shell
