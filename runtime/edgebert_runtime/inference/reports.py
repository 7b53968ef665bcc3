"""What a model says about itself and about its last call."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import PurePath
from typing import Any, Final

REPR_CHARACTERS: Final = 180
"""Longest `repr` of a report: two lines of a terminal."""


class AsDict:
    """A dataclass that can be written as JSON."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, as JSON has them: dicts, lists, texts and numbers."""
        return _fields(self)


class Report(AsDict):
    """A dataclass that a function returns: `repr` is short, `str` is a table of its fields."""

    __slots__ = ()

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        cut = shown if len(shown) <= REPR_CHARACTERS else f"{shown[:REPR_CHARACTERS]}…"
        return f"{type(self).__name__}({cut})"

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self, width: int | None = None) -> Iterator[str]:
        """The lines of `str`.

        Args:
            width: characters that the lines of a table are folded to; None is any number.
        """
        del width  # a line for each field needs no folding
        return field_lines(self.to_dict())


def field_lines(values: Mapping[str, Any]) -> Iterator[str]:
    """A line for each value: its name, and what it is."""
    rows = [row for name, value in values.items() for row in _rows(name, value)]
    width = max((len(name) for name, _ in rows), default=0)
    return (f"{name:<{width}}  {value}".rstrip() for name, value in rows)


def _fields(value: Any) -> dict[str, Any]:
    return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}


def to_plain(value: Any) -> Any:
    """A value as JSON reads it back."""
    if isinstance(value, AsDict):
        return value.to_dict()
    if is_dataclass(value):
        return _fields(value)
    if hasattr(value, "_asdict"):
        return to_plain(value._asdict())
    if isinstance(value, Mapping):
        return {str(key): to_plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(inner) for inner in value]
    return str(value) if isinstance(value, PurePath) else value


def _rows(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """The rows of one field; what a field holds has rows of its own."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _rows(f"{name}.{key}", inner)
    elif isinstance(value, list | tuple):
        for at, inner in enumerate(value):
            yield from _rows(f"{name}.{at}", inner)
    else:
        yield name, "" if value is None else " ".join(str(value).splitlines())


@dataclass(frozen=True, kw_only=True, repr=False)
class ModelInfo(Report):
    """What is running.

    Attributes:
        bundle: folder of the bundle.
        task: what the model does.
        variant: name of the graph.
        precision: number format of its weights.
        target: provider family whose operators it uses.
        way: how the graph runs: `stock`, or `native` with a library of custom operators.
        kernel: the instruction set that the library computes with; None where none runs.
        no_kernel: why none runs, of a bundle that has a variant for one; else None.
        provider: `cpu`, `cuda` or another, what really runs.
        provider_options: what it was given.
        threads: intra-operator threads of a call on few texts.
        warm: whether what `warm` kept is used.
        micro_batch_tokens: padded tokens that run at once at most.
        max_padding: share of them that may be padding, 0 to 1.
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
    way: str
    kernel: str | None
    no_kernel: str | None
    precision: str
    target: str
    provider: str
    provider_options: Mapping[str, str]
    threads: int
    warm: bool
    micro_batch_tokens: int
    max_padding: float
    workers: int
    worker_threads: int
    max_length: int
    dimensions: int | None
    batch_invariant: bool
    sha256: Mapping[str, str]
    verified: str


@dataclass(frozen=True, kw_only=True)
class TruncatedText(AsDict):
    """A text that was cut.

    Attributes:
        index: of the text in the call.
        tokens: its length before it was cut, special tokens included.
        limit: tokens that were kept, special tokens included.
    """

    index: int
    tokens: int
    limit: int


@dataclass(frozen=True, kw_only=True, repr=False)
class RunReport(Report):
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
