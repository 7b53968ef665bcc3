"""What the witnesses say of a bundle's tokens, and the text of the error where they disagree."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from edgebert.checkpoints.token_gate.tokens import Tokens
from edgebert.checkpoints.token_gate.witnesses import FILE, TRANSFORMERS, Silent, Witness
from edgebert_runtime.tokenization.items import Item, strings_of

TEXT_CHARACTERS: Final = 60
SHOWN: Final = 12
"""Tokens of a text that are shown; of a longer one those around the first difference."""
BEFORE: Final = 4
"""How many of them stand before it."""

READABLE: Final = {"ids": "tokens", "type_ids": "type ids", "mask": "mask", "spans": "offsets"}
"""What a difference is called in a message."""

REBUILT: Final = (
    "transformers 5 builds the tokenizer of some classes (BERT, XLM-RoBERTa, DeBERTa-v2) again "
    "over tokenizer.json. Choose file unless the model was trained with this version."
)
OVERRULED: Final = (
    "Other files of the folder, or defaults of its tokenizer class, override tokenizer.json in "
    "transformers. Choose transformers if the model was trained with it, file if they lack a key."
)
UNLIKE_ALL: Final = "edgebert reads these files in another way than all others. Choose file."
UNLIKE_FILE: Final = (
    "edgebert reads tokenizer.json together with tokenizer_config.json and side files. Choose file "
    "if tokenizer.json alone is right, unchecked if the bundle's tokens are."
)
UNLIKE_TRANSFORMERS: Final = (
    "There is no tokenizer.json, and transformers reads the vocabulary in another way. Choose "
    "transformers if the model was trained with it."
)


@dataclass(frozen=True, kw_only=True)
class Spoken:
    """One witness, as the manifest records it.

    Attributes:
        name, version: of the witness; None where it was silent.
        silent: why it could not speak; None where it did.
    """

    name: str
    version: str | None = None
    silent: str | None = None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a comparison found.

    Attributes:
        texts: how many texts and pairs were compared.
        witnesses: who was asked.
        complaint: lines of the error where tokens differ; empty where they are the same.
    """

    texts: int
    witnesses: tuple[Spoken, ...]
    complaint: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The verdict as JSON has it."""
        return asdict(self)

    @staticmethod
    def of(fields: dict[str, Any]) -> "Verdict":
        """The verdict that `to_dict` gave, perhaps by way of a file."""
        return Verdict(
            texts=fields["texts"],
            witnesses=tuple(Spoken(**each) for each in fields["witnesses"]),
            complaint=tuple(fields["complaint"]),
        )


@dataclass(frozen=True)
class _Row:
    """One item on which somebody differs.

    Attributes:
        item: the text, or the pair.
        kind: what differs, an attribute of `Tokens`.
        found: the tokens of the bundle and then of each witness.
        unlike: which of the witnesses differ from the bundle.
    """

    item: Item
    kind: str
    found: tuple[Tokens, ...]
    unlike: frozenset[str]

    @property
    def rank(self) -> tuple[bool, bool, bool, int]:
        """Sorts what is easily understood first: ids, what prints, two words, short texts."""
        strings = strings_of(self.item)
        hidden = not all(string.isprintable() and string.strip() for string in strings)
        words = strings[0].split(" ")
        plain = len(strings) == 1 and len(words) == 2 and all(map(str.isalpha, words))
        return self.kind != "ids", hidden, not plain, 0 if plain else sum(map(len, strings))


def compare(bundle: Witness, asked: Sequence[Witness | Silent], corpus: Sequence[Item]) -> Verdict:
    """Compare a bundle's tokens with those of all witnesses that can speak."""
    witnesses = [each for each in asked if isinstance(each, Witness)]
    rows = list(_rows(bundle, witnesses, corpus))
    return Verdict(
        texts=len(corpus),
        witnesses=tuple(map(_spoken, asked)),
        complaint=tuple(_complaint(bundle, witnesses, rows, len(corpus))) if rows else (),
    )


def _spoken(witness: Witness | Silent) -> Spoken:
    if isinstance(witness, Silent):
        return Spoken(name=witness.name, silent=witness.reason)
    return Spoken(name=witness.name, version=witness.version)


def _rows(bundle: Witness, witnesses: Sequence[Witness], corpus: Iterable[Item]) -> Iterable[_Row]:
    for item in corpus:
        own, *others = found = [each.encode(item) for each in (bundle, *witnesses)]
        kinds = [own.difference(other) for other in others]
        unlike = {each.name: kind for each, kind in zip(witnesses, kinds, strict=True) if kind}
        if unlike:
            yield _Row(item, next(iter(unlike.values())), tuple(found), frozenset(unlike))


def _complaint(
    bundle: Witness, witnesses: Sequence[Witness], rows: Sequence[_Row], total: int
) -> Iterable[str]:
    row = min(rows, key=lambda each: each.rank)
    names = [_called(each) for each in (bundle, *witnesses)]
    width = max(map(len, (*names, "text")))
    yield f"{len(rows)} of {total} texts differ in {READABLE[row.kind]}, for example:"
    yield f"  {'text':{width}}  {_shortened(row.item)}"
    shown = _shown_as(row)
    at = _first_difference(row)
    for name, tokens in zip(names, row.found, strict=True):
        yield f"  {name:{width}}  {_shown(tokens, shown, at)}"
    yield _likely(witnesses, rows)


def _called(witness: Witness) -> str:
    return f"{TRANSFORMERS} {witness.version}" if witness.name == TRANSFORMERS else witness.name


def _shortened(item: Item) -> str:
    return " + ".join(_cut(repr(string)) for string in strings_of(item))


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_CHARACTERS else f"{text[:TEXT_CHARACTERS]}…"


def _shown_as(row: _Row) -> str:
    """The attribute of `Tokens` that shows the difference best."""
    pieces = {tokens.pieces for tokens in row.found}
    return "pieces" if row.kind == "ids" and len(pieces) > 1 else row.kind


def _first_difference(row: _Row) -> int:
    values = [getattr(tokens, row.kind) or () for tokens in row.found]
    shortest = min(map(len, values))
    unlike = (at for at in range(shortest) if len({each[at] for each in values}) > 1)
    return next(unlike, shortest)


def _shown(tokens: Tokens, name: str, at: int) -> str:
    if tokens.failure is not None:
        return _cut(f"fails: {tokens.failure}")
    values = getattr(tokens, name) or ()
    start = max(at - BEFORE, 0) if len(values) > SHOWN else 0
    part = values[start : start + SHOWN]
    shown = " ".join(_printable(str(value)) for value in part) or "no tokens"
    return f"{'… ' if start else ''}{shown}{' …' if start + SHOWN < len(values) else ''}"


def _printable(piece: str) -> str:
    """A token that a terminal can show: what does not print is escaped."""
    return piece if piece.isprintable() else repr(piece)[1:-1]


def _likely(witnesses: Sequence[Witness], rows: Sequence[_Row]) -> str:
    """Why they may differ, and which is likely to be right."""
    spoke = frozenset(each.name for each in witnesses)
    unlike = frozenset[str]().union(*(row.unlike for row in rows))
    if spoke == {FILE}:
        return UNLIKE_FILE
    if spoke == {TRANSFORMERS}:
        return UNLIKE_TRANSFORMERS
    if unlike == spoke:
        return UNLIKE_ALL
    return REBUILT if unlike == {TRANSFORMERS} else OVERRULED
