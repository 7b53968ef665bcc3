"""Write what the Rust tokenizer makes of many texts, for runtime/web/tests/tokens.test.ts."""

import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from edgebert_runtime.tokenization.items import Item, strings_of
from tests.support.web.token_cases import items, tokenizers
from tests.support.web.units import units_of


def write_tokens(folder: Path) -> None:
    """One JSON file a tokenizer: its `tokenizer.json`, texts and their tokens."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (name, fields) in enumerate(tokenizers()):
        text = json.dumps(fields)
        tokenizer = Tokenizer.from_str(text)
        tokenizer.no_truncation()
        tokenizer.no_padding()
        cases = [_case(tokenizer, item) for item in items(fields, seed)]
        content = {"name": name, "tokenizer": text, "cases": cases}
        (folder / f"{seed:02}.json").write_text(json.dumps(content), encoding="utf-8")


def _case(tokenizer: Any, item: Item) -> dict[str, Any]:
    encoding = tokenizer.encode(*strings_of(item))
    units = [units_of(text) for text in strings_of(item)]
    places = [
        (0, 0) if source is None else (units[source][start], units[source][end])
        for source, (start, end) in zip(encoding.sequence_ids, encoding.offsets, strict=True)
    ]
    return {
        "item": item,
        "ids": encoding.ids,
        "types": encoding.type_ids,
        "pieces": encoding.tokens,
        "starts": [start for start, _ in places],
        "ends": [end for _, end in places],
        "words": encoding.word_ids,
        "sources": encoding.sequence_ids,
        "decoded": [
            tokenizer.decode(encoding.ids, skip_special_tokens=skip) for skip in (False, True)
        ],
    }
