"""Who says which tokens a text has: the bundle itself, `tokenizer.json`, and transformers.

What sentence-transformers does before: from 5.4 on it strips no text, and `do_lower_case` puts
Lowercase before the tokenizer's normalizer unless one is there (sentence-transformers 6.2.0,
base/modules/transformer.py).
"""

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import tokenizers
from tokenizers import Tokenizer, normalizers

from edgebert.checkpoints.files import read_json
from edgebert.checkpoints.token_gate.tokens import Tokens, spans_of
from edgebert.transformers_bridge import (
    CallFailedError,
    guarded,
    load_auto_tokenizer,
    transformers_version,
)
from edgebert_runtime.bundle.manifest import TokenizerInfo
from edgebert_runtime.storage.text_file import write_text
from edgebert_runtime.tokenization.items import Item, strings_of
from edgebert_runtime.tokenization.tokenizer import TextTokenizer

FILE: Final = "tokenizer.json"
TRANSFORMERS: Final = "transformers"
BUNDLE: Final = "bundle"


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a bundle's tokenizer comes from.

    Attributes:
        folder: with the tokenizer's files.
        vocabulary: rows of the model's token table.
        lowercase: whether sentence-transformers lower-cases texts (`do_lower_case`).
    """

    folder: Path
    vocabulary: int
    lowercase: bool = False


@dataclass(frozen=True, kw_only=True)
class Witness:
    """One that can speak.

    Attributes:
        name, version: of what runs its tokenizer.
        run: gives the tokens of an item, or raises anything.
        json: its tokenizer as a `tokenizer.json` without truncation and padding; None where it has
            none, as transformers' tokenizers in Python.
    """

    name: str
    version: str
    run: Callable[[Item], Tokens]
    json: str | None

    def encode(self, item: Item) -> Tokens:
        """The tokens of an item, or why there are none; Rust panics are caught."""
        try:
            return guarded(lambda: self.run(item))
        except CallFailedError as error:
            return Tokens(failure=str(error))


@dataclass(frozen=True, kw_only=True)
class Silent:
    """One that cannot speak.

    Attributes:
        name: of the witness.
        reason: why it cannot.
    """

    name: str
    reason: str


def bundle_witness(text: str, info: TokenizerInfo) -> Witness:
    """The bundle's tokenizer, as the runtime will run it.

    Args:
        text: of its `tokenizer.json`.
        info: with its limit.
    """
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / FILE
        write_text(path, text)
        runtime = TextTokenizer(path, info)

    def run(item: Item) -> Tokens:
        (encoded,), (aligned,) = runtime.encode([item]), runtime.align([item])
        if encoded.tokens == 0:  # the runtime gives one padding token, as a graph needs a row
            return Tokens()
        ids, whole = tuple(encoded.input_ids), len(aligned.input_ids) == len(encoded.input_ids)
        return Tokens(
            ids=ids,
            type_ids=tuple(encoded.token_type_ids),
            mask=(1,) * len(ids),
            spans=spans_of(item, aligned.offsets, aligned.sources) if whole else None,
            pieces=tuple(aligned.pieces),
        )

    return Witness(name=BUNDLE, version=tokenizers.__version__, run=run, json=text)


def file_witness(origin: Origin, bundle_json: str, limit: int) -> Witness | Silent:
    """The folder's own `tokenizer.json`, as the tokenizers library runs it.

    Side files may hold added tokens that it lacks. They are no difference: it gets those that the
    bundle has.

    Raises:
        CheckpointError: `tokenizer.json` is damaged.
    """
    path = origin.folder / FILE
    if not path.exists():
        return Silent(name=FILE, reason="the folder has none")
    fields = _with_side_tokens(read_json(path, dict), json.loads(bundle_json))
    try:
        tokenizer = guarded(lambda: Tokenizer.from_str(json.dumps(fields, ensure_ascii=False)))
    except CallFailedError as error:
        return Silent(name=FILE, reason=f"tokenizers {tokenizers.__version__} refuses it: {error}")
    if origin.lowercase:
        _lower_first(tokenizer)
    text = _plain(tokenizer)
    tokenizer.no_padding()
    tokenizer.enable_truncation(limit)

    def run(item: Item) -> Tokens:
        encoding = tokenizer.encode_batch([item])[0]
        return Tokens(
            ids=tuple(encoding.ids),
            type_ids=tuple(encoding.type_ids),
            mask=tuple(encoding.attention_mask),
            spans=spans_of(item, encoding.offsets, encoding.sequence_ids),
            pieces=tuple(encoding.tokens),
        )

    return Witness(name=FILE, version=tokenizers.__version__, run=run, json=text)


def transformers_witness(origin: Origin, limit: int) -> Witness | Silent:
    """`AutoTokenizer`, where transformers is installed and takes the folder."""
    version = transformers_version()
    if version is None:
        return Silent(name=TRANSFORMERS, reason="it is not installed")
    try:
        tokenizer = load_auto_tokenizer(origin.folder)
    except CallFailedError as error:
        return Silent(name=TRANSFORMERS, reason=f"version {version} cannot load it: {error}")
    if origin.lowercase and not tokenizer.is_fast:
        return Silent(name=TRANSFORMERS, reason=f"version {version} lower-cases it in Python")
    if origin.lowercase:
        _lower_first(tokenizer.backend_tokenizer)
    text = _plain(tokenizer.backend_tokenizer) if tokenizer.is_fast else None
    run = partial(_call, tokenizer, limit)
    return Witness(name=TRANSFORMERS, version=version, run=run, json=text)


def _call(tokenizer: Any, limit: int, item: Item) -> Tokens:
    found = tokenizer(
        *([text] for text in strings_of(item)),  # as a batch: alone, an empty second text is none
        truncation=True,
        max_length=limit,
        return_token_type_ids=True,
        return_attention_mask=True,
        return_offsets_mapping=tokenizer.is_fast,
    )
    ids = tuple(found["input_ids"][0])
    return Tokens(
        ids=ids,
        type_ids=tuple(found["token_type_ids"][0]),
        mask=tuple(found["attention_mask"][0]),
        spans=spans_of(item, found["offset_mapping"][0], found.sequence_ids(0))
        if tokenizer.is_fast
        else None,
        pieces=tuple(tokenizer.convert_ids_to_tokens(ids)),
    )


def _with_side_tokens(file: Mapping[str, Any], bundle: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a file with the added tokens of a bundle that are none in it."""
    stored = file.get("added_tokens") or []
    known = {token["content"] for token in stored}
    further = [token for token in bundle["added_tokens"] if token["content"] not in known]
    return {**file, "added_tokens": [*stored, *further]}


def _lower_first(tokenizer: Any) -> None:
    """Lower-case before everything else, unless a Lowercase is there."""
    stored: Any = tokenizer.normalizer
    several = isinstance(stored, normalizers.Sequence)
    parts = list(stored) if several else [stored]
    if not any(isinstance(part, normalizers.Lowercase) for part in parts):
        rest = [part for part in parts if part is not None]
        tokenizer.normalizer = normalizers.Sequence([normalizers.Lowercase(), *rest])


def _plain(tokenizer: Any) -> str:
    """A tokenizer as text, without truncation and padding, as bundles have it."""
    fields = json.loads(tokenizer.to_str())
    return json.dumps(fields | {"truncation": None, "padding": None}, ensure_ascii=False)
