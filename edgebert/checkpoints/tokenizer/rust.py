"""Calls of the tokenizers library, whose panics `except Exception` does not catch."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from edgebert_runtime.errors import TokenizerError
from edgebert_runtime.tokenization.rust_tokenizer import OURS


@contextmanager
def tokenizer_errors(found: str, advice: str) -> Iterator[None]:
    """Turn any failure inside into a `TokenizerError`: found (the library's reason); advice.

    A panic of the Rust code derives from BaseException. Interrupts and exits pass through.

    Raises:
        TokenizerError: something inside failed.
    """
    try:
        yield
    except OURS:
        raise
    except BaseException as error:
        raise TokenizerError(f"{found} ({error}); {advice}") from error


def parse(folder: Path, fields: Mapping[str, Any]) -> Tokenizer:
    """The tokenizer that the fields of `tokenizer.json` describe.

    Raises:
        TokenizerError: the tokenizers library cannot read it.
    """
    with tokenizer_errors(
        f"{folder / 'tokenizer.json'} cannot be read by this version of tokenizers",
        "fetch it again, or install a newer tokenizers",
    ):
        return Tokenizer.from_str(json.dumps(fields, ensure_ascii=False))
