"""A source whose tokens were compared with those of its own tokenizer."""

import json
from dataclasses import replace
from typing import Final

from edgebert.checkpoints.files import json_bytes
from edgebert.checkpoints.token_gate.gate import TokensChoice, check_tokens
from edgebert.checkpoints.tokenizer.classes import PLAIN_CLASS
from edgebert.workflow.sources import Source
from edgebert_runtime.bundle.manifest import TokenizerInfo

CONFIG: Final = "tokenizer_config.json"

SIDES: Final = {"left": "Left", "right": "Right"}
"""Where padding goes → its name in `tokenizer.json`."""


def with_checked_tokens(source: Source, choice: TokensChoice) -> Source:
    """The source, with what its manifest says of its tokens, and the tokenizer that was chosen.

    Raises:
        ConfigError, TokenizerError, CheckpointError: as `check_tokens`.
    """
    parts = source.parts
    text = parts.files[parts.tokenizer.file].decode("utf-8")
    checked = check_tokens(text, parts.tokenizer, source.tokenizer, choice)
    files = dict(parts.files)
    if choice in ("file", "transformers"):
        files[parts.tokenizer.file] = checked.json.encode("utf-8")
        settings = json.loads(files[CONFIG])
        files[CONFIG] = json_bytes(settings | {"tokenizer_class": PLAIN_CLASS})
    tokenizer = replace(parts.tokenizer, tokens=checked.record)
    files[tokenizer.file] = _with_limits(files[tokenizer.file], tokenizer)
    return replace(
        source,
        parts=replace(parts, tokenizer=tokenizer, files=files),
        notes=(*source.notes, *checked.notes),
    )


def _with_limits(text: bytes, info: TokenizerInfo) -> bytes:
    """A `tokenizer.json` that cuts and pads as the runtime does.

    It is for loaders that read no other file. Those that ask for a length or none, as transformers,
    sentence-transformers, fastembed and the runtime do, set their own.
    Source: tokenizers 0.23, tokenizers/src/utils/{truncation,padding}.rs.
    """
    truncation = {
        "direction": "Right",
        "max_length": info.max_length,
        "strategy": "LongestFirst",
        "stride": 0,
    }
    padding = {
        "strategy": "BatchLongest",
        "direction": SIDES[info.padding_side],
        "pad_to_multiple_of": None,
        "pad_id": info.pad_id,
        "pad_type_id": info.pad_type_id,
        "pad_token": info.pad_token,
    }
    fields = json.loads(text) | {"truncation": truncation, "padding": padding}
    return json.dumps(fields, ensure_ascii=False).encode("utf-8")
