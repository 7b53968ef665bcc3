"""What a model says about itself and about its last call."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


class AsDict:
    """A dataclass that can be written as JSON."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """The fields by name; dataclasses in them are dicts, too."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]  # of dataclasses only


@dataclass(frozen=True, kw_only=True)
class ModelInfo(AsDict):
    """What is running.

    Attributes:
        bundle: folder of the bundle.
        task: what the model does.
        variant, precision, target: which graph.
        provider: `cpu`, `cuda` or another, what really runs.
        provider_options: what it was given.
        threads: intra-operator threads of a call on few texts.
        warm: whether a graph runs that `warm` kept.
        micro_batch_tokens: padded tokens that run at once at most.
        workers: how many micro-batches of many run side by side.
        worker_threads: intra-operator threads of each of them.
        max_length: where texts are cut, in tokens, special tokens included.
        dimensions: length of a vector; None for tasks that give none.
        batch_invariant: whether a text's answer is independent of the texts beside it.
        sha256: file → hash, of every file that was opened.
        verified: whether those hashes were checked, and how (`always`, `once`, `never`).
    """

    bundle: str
    task: str
    variant: str
    precision: str
    target: str
    provider: str
    provider_options: Mapping[str, str]
    threads: int
    warm: bool
    micro_batch_tokens: int
    workers: int
    worker_threads: int
    max_length: int
    dimensions: int | None
    batch_invariant: bool
    sha256: Mapping[str, str]
    verified: str


@dataclass(frozen=True, kw_only=True)
class TruncatedText(AsDict):
    """A text that was cut: its index in the call, its length and the limit, in tokens."""

    index: int
    tokens: int
    limit: int


@dataclass(frozen=True, kw_only=True)
class RunReport(AsDict):
    """What the last call did.

    Attributes:
        texts: how many texts were given.
        windows: what they were run as; as many as texts, unless long ones were cut into windows.
        tokens: tokens run, special tokens included, padding not.
        padded_tokens: tokens run, padding included.
        micro_batches: how many times the graph ran.
        truncated: the texts that were cut.
    """

    texts: int
    windows: int
    tokens: int
    padded_tokens: int
    micro_batches: int
    truncated: tuple[TruncatedText, ...]
