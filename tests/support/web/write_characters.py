"""Write what the Rust library's normalizers make of every character, for characters.test.ts."""

import json
import sys
from pathlib import Path
from typing import Any, Final

from tokenizers import normalizers

BLOCK: Final = 256
SURROGATES: Final = range(0xD800, 0xE000)
NORMALIZERS: Final[dict[str, Any]] = {
    **{form: getattr(normalizers, form)() for form in ("NFC", "NFD", "NFKC", "NFKD")},
    "Lowercase": normalizers.Lowercase(),
    "StripAccents": normalizers.StripAccents(),
    "BertNormalizer": normalizers.BertNormalizer(),
}


def write_characters(path: Path) -> None:
    """For each normalizer its part of a `tokenizer.json`, and what it changes."""
    content = {
        name: {"part": json.loads(normalizer.__getstate__()), "changed": changed(normalizer)}
        for name, normalizer in NORMALIZERS.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def changed(normalizer: Any) -> dict[str, str]:
    """Character → what becomes of it, where that is another; a block that stays is passed over."""
    found: dict[str, str] = {}
    for first in range(0, sys.maxunicode + 1, BLOCK):
        if first in SURROGATES:
            continue
        block = "".join(map(chr, range(first, first + BLOCK)))
        if normalizer.normalize_str(block) == block:
            continue
        pairs = ((character, normalizer.normalize_str(character)) for character in block)
        found |= {character: made for character, made in pairs if made != character}
    return found
