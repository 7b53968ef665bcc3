"""Tokenizers of every kind, and texts on which they are compared with those of a page."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tokenizers import AddedToken, Tokenizer, normalizers

from edgebert.checkpoints.token_gate.corpus import build_corpus
from edgebert_runtime.tokenization.items import Item
from tests.support import tokenizer_folders, tokenizer_layouts
from tests.support.zoo.layouts import LAYOUTS
from tests.support.zoo.tokenizers import tokenizer_fields

LIMIT: Final = 24
MINILM: Final = Path(".cache/minilm/tokenizer.json")
RANDOM_TEXTS: Final = 400
"""Beside the corpus, for each tokenizer."""

BLOCKS: Final = (
    *((0x20, 0x7F), (0xA0, 0x180), (0x250, 0x2B0), (0x300, 0x370), (0x370, 0x400), (0x400, 0x530)),
    *((0x590, 0x600), (0x600, 0x700), (0x900, 0x980), (0xE00, 0xE80), (0x1100, 0x1200)),
    *((0x1E00, 0x1F00), (0x1F00, 0x2000), (0x2000, 0x2070), (0x2100, 0x2200), (0x2600, 0x2700)),
    *((0x3000, 0x3100), (0x3130, 0x3190), (0x3400, 0x3500), (0x4E00, 0x4F00), (0xAC00, 0xAD00)),
    *((0xE000, 0xE010), (0xF900, 0xFB00), (0xFB00, 0xFB50), (0xFE00, 0xFE70), (0xFF00, 0xFFF0)),
    *((0x0, 0x20), (0x7F, 0xA0), (0xFFF9, 0x10000), (0x10400, 0x10450), (0x1D400, 0x1D800)),
    *((0x1F1E6, 0x1F200), (0x1F300, 0x1F650), (0x20000, 0x2A6E0), (0x2A700, 0x2B820)),
    *((0x2F800, 0x2FA20), (0x30000, 0x3134B), (0xE0001, 0xE0080), (0x10FF00, 0x110000)),
)
"""First code point of a block, and the one behind it."""

MARKS: Final = (
    "\u0300\u0301\u0307\u0308\u0323\u0327\u0334\u0345\u093c\u064b\u05b0\u3099\u0489\U0001d165"
)
SPECIALS: Final = ("[CLS]", "[MASK]", "<s>", "<mask>", "</s>", "[UNK]", "<unk>", "[PAD]", "[SEP")


def tokenizers() -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and `tokenizer.json` of each; those that are alike once."""
    seen: set[str] = set()
    for name, fields in _all():
        text = json.dumps(fields, sort_keys=True)
        if text not in seen:
            seen.add(text)
            yield name, fields


def _all() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, layout in LAYOUTS.items():
        if layout.tokenizer:
            yield f"layout {name}", tokenizer_fields(layout)
    yield "word pieces, cased", tokenizer_layouts.word_pieces(lower=False)
    yield "word pieces, no template", tokenizer_layouts.word_pieces(template=False)
    yield "word pieces, added tokens of every kind", _with_added(tokenizer_layouts.word_pieces())
    yield "byte pairs", tokenizer_layouts.byte_pairs()
    yield "unigrams", tokenizer_layouts.unigram()
    yield "unigrams of ALBERT", tokenizer_layouts.unigram(steps=tokenizer_layouts.ALBERT_STEPS)
    yield "unigrams, NFC", tokenizer_layouts.unigram(steps=(normalizers.NFC(),))
    for build in (
        tokenizer_folders.word_pieces,
        tokenizer_folders.byte_pairs,
        tokenizer_folders.unigrams,
    ):
        yield f"folder {build.__name__}", tokenizer_folders.fields_of(build())
    if MINILM.is_file():
        yield "MiniLM", json.loads(MINILM.read_text(encoding="utf-8"))


def _with_added(fields: dict[str, Any]) -> dict[str, Any]:
    tokenizer = Tokenizer.from_str(json.dumps(fields))
    tokenizer.add_tokens(
        [
            AddedToken("movie", single_word=True),
            AddedToken("<url>", rstrip=True, normalized=False),
            AddedToken("Ähm", lstrip=True, rstrip=True),
            AddedToken("<Ö>", single_word=True, lstrip=True, special=True, normalized=True),
        ]
    )
    return tokenizer_folders.fields_of(tokenizer)


def items(fields: dict[str, Any], seed: int) -> list[Item]:
    """The corpus of the gate for a tokenizer, and random texts."""
    corpus = build_corpus(json.dumps(fields), LIMIT)
    chosen = random.Random(seed)
    words = sorted(Tokenizer.from_str(json.dumps(fields)).get_vocab())
    return [*corpus, *(_random_text(chosen, words) for _ in range(RANDOM_TEXTS))]


def _random_text(chosen: random.Random, words: list[str]) -> str:
    """Parts from one to three blocks of Unicode, tokens, marks and white space."""
    blocks = chosen.sample(BLOCKS, chosen.randint(1, 3))
    return "".join(_part(chosen, blocks, words) for _ in range(chosen.randint(1, 14)))


def _part(chosen: random.Random, blocks: list[tuple[int, int]], words: list[str]) -> str:
    kind = chosen.random()
    if kind < 0.6:
        return "".join(
            chr(chosen.randrange(*chosen.choice(blocks))) for _ in range(chosen.randint(1, 5))
        )
    if kind < 0.7:
        return "".join(chosen.choice(MARKS) for _ in range(chosen.randint(1, 3)))
    if kind < 0.8:
        return chosen.choice(words)
    if kind < 0.85:
        return chosen.choice(SPECIALS)
    return chosen.choice((" ", "  ", "\t", "\n", "\u00a0", "\u3000", "\u200b", "\ufeff", "\x85"))
