"""A source whose tokens were compared with those of its own tokenizer."""

import json
from dataclasses import replace
from typing import Final

from edgebert.checkpoints.files import json_bytes
from edgebert.checkpoints.token_gate.gate import TokensChoice, check_tokens
from edgebert.checkpoints.tokenizer.classes import PLAIN_CLASS
from edgebert.workflow.sources import Source

CONFIG: Final = "tokenizer_config.json"


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
    return replace(
        source,
        parts=replace(parts, tokenizer=tokenizer, files=files),
        notes=(*source.notes, *checked.notes),
    )
