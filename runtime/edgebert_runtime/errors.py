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
    ├── OverloadedError          a service has more work than it can do in the time it may take
    ├── ServiceClosedError       a service is asked after it was told to close
    ├── ProviderUnavailableError the requested provider does not run here
    ├── MachineChangedError      no result: the machine was slower for a part of the time
    └── CheckFailedError         the work was done and the result is not good enough
        ├── FusionError              the graph lacks fused nodes that its target requires
        ├── ParityError              the graph's outputs differ from torch's
        ├── QualityError             a quantized graph is below its quality threshold
        │   └── BudgetError              …or no assignment meets the budget
        ├── SampleError              the answers differ from those of the build machine
        ├── DiffError                two bundles answer differently
        ├── BatchFailedError         units of a batch job were given up
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
    """An argument, or a combination of arguments, makes no sense.

    Correct the argument that the message names.
    """


class InputError(EdgebertError, ValueError):
    """A text or an array that cannot be run.

    Correct the text, the array or the file that the message names.
    """


class CheckpointError(EdgebertError):
    """A source model cannot be read.

    Check the folder or Hub id, and that its files are complete.
    """


class UnsupportedModelError(CheckpointError):
    """A source model is of a kind edgebert does not know.

    Export it as a `torch.nn.Module` of your own; docs/models.md lists the known kinds.
    """


class TokenizerError(EdgebertError):
    """A tokenizer is missing, unreadable, or does not fit its model.

    Add a `tokenizer.json`, or the files from which transformers makes one.
    """


class ExportError(EdgebertError):
    """A model cannot be traced or written.

    Follow the message; a module must be traceable by `torch.export`.
    """


class BundleError(EdgebertError):
    """A bundle cannot be read.

    Check the path, and the version of edgebert that wrote the bundle.
    """


class BundleExistsError(BundleError):
    """The destination of a bundle holds something already.

    Choose another folder or another name, or pass `overwrite`.
    """


class BundleIntegrityError(BundleError):
    """A bundle's files are not what its manifest says.

    Copy or download the bundle again.
    """


class UnsafePathError(BundleError):
    """A bundle names a path outside its own folder.

    Do not use the bundle, unless you know who wrote it.
    """


class HubError(BundleError):
    """A bundle cannot be fetched from the Hub or pushed to it.

    Check the name, the network and `HF_TOKEN`.
    """


class OutputError(EdgebertError):
    """Answers or a page cannot be written where they should go.

    Name another file, or pass `overwrite`.
    """


class EngineError(EdgebertError):
    """ONNX Runtime failed while it ran a graph.

    Read ONNX Runtime's own message; try another variant or provider.
    """


class EngineMemoryError(EngineError):
    """ONNX Runtime has too little memory to run a graph.

    Use smaller batches, shorter texts or a smaller variant.
    """


class ModelClosedError(EdgebertError, ValueError):
    """A model is used after it was closed.

    Load the model again, or call `close` later.
    """


class OverloadedError(EdgebertError):
    """A service has more work than it can do in the time that a request may wait.

    Ask again after `retry_after` seconds, or start more servers.

    Attributes:
        retry_after: seconds after which there is room, as estimated now.
    """

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ServiceClosedError(EdgebertError):
    """A service is asked after it was told to close.

    Ask another server; this one ends.
    """


class EngineMissingError(EdgebertError, ImportError):
    """ONNX Runtime is not installed.

    Install `edgebert-runtime[cpu]` or `edgebert-runtime[gpu]`.
    """


class ProviderUnavailableError(EdgebertError):
    """The requested execution provider does not run on this machine.

    Install what the message names, or choose another provider.
    """


class MachineChangedError(EdgebertError):
    """Two measurements cannot be compared: the machine was slower during one of them.

    Measure again while nothing else runs.
    """

    exit_code = 3


class CheckFailedError(EdgebertError):
    """The work was done and its result is not good enough.

    Read the report; it says what failed and by how much.
    """

    exit_code = 1


class FusionError(CheckFailedError):
    """A graph lacks fused nodes that its target requires.

    Change the model's code as the message says, or lower `ExportSpec.promises`.
    """


class ParityError(CheckFailedError):
    """A graph's outputs differ from torch's.

    Do not ship the graph; report the model, or export it with another target.
    """


class QualityError(CheckFailedError):
    """A quantized graph is below its quality threshold.

    Choose another recipe, or calibrate with texts like your own.
    """


class BudgetError(QualityError):
    """No assignment of schemes meets the budget.

    Allow a larger loss; the message names the best assignment.

    Attributes:
        search: what was tried, an `edgebert_quantize.Search`.
    """

    def __init__(self, message: str, search: Any) -> None:
        super().__init__(message)
        self.search = search


class SampleError(CheckFailedError):
    """This machine's answers to the stored samples differ from those of the build machine.

    Run `edgebert-run check` with another variant or provider; do not trust the answers.
    """


class DiffError(CheckFailedError):
    """Two bundles answer differently, by more than is tolerated.

    Read which texts differ, and allow a larger difference if it does not matter.
    """


class BatchFailedError(CheckFailedError):
    """Units of a batch job were given up: each killed its workers, or failed, time after time.

    Read `_edgebert/failed` in the job's folder; the same command tries them again.
    """


class SpeedError(CheckFailedError):
    """A quantized graph is slower than the one it was made from.

    Keep the larger variant, or pass `force`.
    """


class FallbackWarning(UserWarning):
    """fp32 runs instead of the default variant, whose answers would be wrong on this CPU.

    Quantize again with `cpu=` of this machine, or make fp32 the default.
    """


class UnverifiedWarning(UserWarning):
    """The variant was never measured on its provider; `edgebert verify` does that.

    Run `edgebert verify` on a machine with that provider.
    """


class SmallerBatchWarning(UserWarning):
    """A micro-batch did not fit into memory; it and later ones are split into two.

    Nothing; answers are the same. Smaller calls avoid the repetition.
    """


class TruncationWarning(UserWarning):
    """Texts were longer than the model takes and were cut; see `last_report`.

    Pass `long="window"`, or shorter texts.

    Attributes:
        shell: as in `EdgebertError`.
    """

    def __init__(self, message: str = "", *, shell: str | None = None) -> None:
        super().__init__(message)
        self.shell = shell
