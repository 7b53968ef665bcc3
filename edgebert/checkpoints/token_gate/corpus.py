"""Texts and pairs on which tokenizers that differ give different tokens.

What is fixed comes from the blocks of Unicode and from what the parts of a tokenizer treat apart:
normalizers (NFC, NFD, NFKC, case, accents, control characters), pre-tokenizers (white space,
punctuation, digits, Chinese characters), models (unknown characters, words beyond WordPiece's 100
characters), added tokens (inside words, in other case, with white space around them), templates
(pairs, empty texts) and truncation (one token below the limit, at it, and above).
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, cycle, islice, pairwise
from typing import Any, Final

from tokenizers import Tokenizer

from edgebert_runtime.tokenization.items import Item

SCRIPTS: Final = (
    "Hello World",
    "The quick brown fox jumps over the lazy dog.",
    "HELLO World, iPhone McDonald's NASA",
    "café naïve Über Ångström São Straße İstanbul ŁÓDŹ",
    "cafe\u0301 nai\u0308ve U\u0308ber A\u030angstro\u0308m",  # the same, decomposed
    "Tiếng Việt được viết bằng chữ Quốc ngữ",
    "Ελληνικά, ΟΔΥΣΣΕΥΣ, ό,τι",
    "Привет, мир! Ёлка и йод",
    "مرحبا بالعالم، كَيْفَ الحال؟",
    "שלום עולם שָׁלוֹם",
    "नमस्ते दुनिया, हिन्दी",
    "বাংলা ভাষা",
    "தமிழ் மொழி",
    "ภาษาไทยไม่มีช่องว่าง",
    "ພາສາລາວ ខ្មែរ မြန်မာ བོད་",
    "我爱北京天安门。中文,test混合English",
    "繁體中文字與简体",
    "日本語のテキスト、カタカナとひらがな。が が ｶﾞ",
    "한국어 텍스트 \u1112\u1161\u11ab\u1100\u116e\u11a8",
    "ქართული ენა ՀԱՅԵՐԵՆ հայերեն አማርኛ ᏣᎳᎩ",
    "\U00020000\U0002a6df \u3400 \uf900",  # Chinese characters beyond the basic block
    "\U000ffffd \u16a0 \U000103a0",  # few vocabularies have these
)

FORMS: Final = (
    "ＦＵＬＬ　ｗｉｄｔｈ　１２３！",
    "ﬁnal ﬂow oﬃce ĳ ǆ ﷺ",
    "①②③ ⅳ ² ½ ™ ℡ ㎏ ㍿",
    "𝓕𝓪𝓷𝓬𝔂 𝟏𝟐𝟑 🅰",
    "Ω Å K",  # ohm, angstrom and kelvin signs
    "e\u0301\u0301\u0323 a\u0323\u0307 \u0301lone",
    "soft\u00adhyphen zero\u200bwidth join\u200der non\u200cjoiner word\u2060joiner",
    "\ufeffbyte order mark\ufeff",
    "\u202eright to left\u202c \u200e\u200f",
    "null\x00 bell\x07 escape\x1b delete\x7f next\x85 \x9f",
    "replacement \ufffd private \ue000 noncharacter \uffff",
)

EMOJI: Final = (
    "😀 😀😀 ❤️ ❤ ☺️",
    "👩‍👩‍👧‍👦 👍🏽 🏳️‍🌈 👩🏾‍💻",
    "🇩🇪🇫🇷 🇺🇸 1️⃣ #️⃣",
    "go🚀now",
)

SPACES: Final = (
    "",
    " ",
    "   ",
    "\t",
    "\n",
    "\r\n",
    " leading",
    "trailing ",
    "  two before and after  ",
    "many   inner    spaces",
    "tab\tnew\nline\r\nreturn\rvertical\x0bform\x0c",
    "\n\nparagraphs\n\n\nand  lines\n",
    "no\u00a0break\u3000ideographic\u2003em\u2009thin\u202fnarrow\u1680ogham",
    "\u2028line\u2029paragraph\u2028",
    "\u00a0around\u00a0",
    "\u3000around\u3000",
    "▁ metaspace ▁word▁",
    "Ġ byte level Ċ",
)

WRITTEN: Final = (
    "!",
    "!!! ... ?! -- — – ‘q’ “q” „q‟ «q» 。、！？",
    "don't can't I'm we've you'll it's l'été o'clock 'tis",
    "e.g. U.S.A. Mr. 3.14 1,234,567.89 -5 +49 1e-10 50% $9.99 €5 №1",
    "2024-01-31 12:34:56 0123456789 00000 1234567890123456789012345",
    "https://example.org/a/b?c=d&e=%20f#g user@example.org @user #tag",
    "def f(x): return {'a': [1, 2], \"b\": x**2} != None  # code\n\treturn\n",
    "<p class='x'>html &amp; entities</p> <br/>",
    "snake_case camelCase kebab-case CONSTANT_CASE a_b_",
    "a b c d e f g",
    "^_^ :-) <3 ~`|\\/",
    "[not a token] <not> {{x}} ## ##s @@",
    "C:\\path\\file ../a /usr/bin",
    "pneumono" * 40,
    "中" * 101,
    "é" * 101,
    "a1" * 60,
)

FIXED: Final = (*SCRIPTS, *FORMS, *EMOJI, *SPACES, *WRITTEN)

LONGEST: Final = 64
"""Characters of a token from which it is left out: a run of them is no word."""

FROM_VOCABULARY: Final = 120
ADDED: Final = 24
"""How many tokens of each kind are tried, spread over all of them."""

UNITS: Final = 5
"""Words that texts of a given length are made of."""

Added = tuple[str, ...]


def build_corpus(text: str, limit: int, others: Iterable[str] = ()) -> tuple[Item, ...]:
    """All texts and pairs for a tokenizer; always the same ones for the same tokenizers.

    Args:
        text: of its `tokenizer.json`.
        limit: where texts are cut, in tokens, special tokens included.
        others: texts of tokenizers that it is compared with, whose added tokens are tried, too.
    """
    tokenizer = Tokenizer.from_str(text)
    added = _added_tokens([text, *others])
    words = _spread(_vocabulary(tokenizer, added), FROM_VOCABULARY)
    texts = [*FIXED, *_long_words(tokenizer), *_own_words(words)]
    texts += chain.from_iterable(map(_around, added))
    units = _units(tokenizer, words)
    return tuple(
        dict.fromkeys([*texts, *_pairs(words, added), *_at_limit(tokenizer, limit, units)])
    )


def _added_tokens(texts: Sequence[str]) -> Added:
    """Those that some of the tokenizers lack, and those that all have."""
    each = [[token["content"] for token in json.loads(text)["added_tokens"]] for text in texts]
    all_have = set(each[0]).intersection(*each)
    lacking = [token for token in dict.fromkeys(chain(*each)) if token not in all_have]
    common = [token for token in each[0] if token in all_have]
    return tuple(filter(None, (*_spread(lacking, ADDED), *_spread(common, ADDED))))


def _vocabulary(tokenizer: Any, added: Added) -> list[str]:
    """Texts of the tokens, in the order of their ids, without the model's marks."""
    ids = tokenizer.get_vocab(with_added_tokens=False)
    ordered = sorted(ids, key=ids.__getitem__)
    return [token for token in ordered if len(token) < LONGEST and token not in added]


def _spread(items: Sequence[str], count: int) -> tuple[str, ...]:
    """The first and the last, and what lies between at equal distances."""
    if len(items) <= count:
        return tuple(items)
    return tuple(items[at * (len(items) - 1) // (count - 1)] for at in range(count))


def _own_words(tokens: Sequence[str]) -> Iterator[str]:
    """Tokens as the vocabulary spells them, and without marks: alone, in case, and joined."""
    bare = [_without_marks(token) for token in tokens]
    for token in tokens:
        yield token
    for token in bare[::4]:
        yield from (token.upper(), token.title())
    for size in (2, 3, 7):
        yield from (" ".join(bare[at : at + size]) for at in range(0, len(bare), 4 * size))
        yield from ("".join(bare[at : at + size]) for at in range(0, len(bare), 8 * size))


def _without_marks(token: str) -> str:
    return token.replace("▁", " ").replace("Ġ", " ").removeprefix("##")


def _long_words(tokenizer: Any) -> Iterator[str]:
    """Words about as long as WordPiece knows them, of a letter that may continue a word."""
    letter = next((each for each in "aeiourst" if tokenizer.token_to_id(f"##{each}")), "x")
    yield from (letter * length for length in (99, 100, 101, 250))


def _around(token: str) -> Iterator[str]:
    """An added token where its flags show: alone, with space, in words, doubled, in other case."""
    yield from (token, f" {token} ", f"  {token}  x", f"a {token} b", f"a{token}b")
    yield from (f"a {token}b", f"a{token} b", f"{token}{token}", f"{token} {token}")
    yield from (f"{token}.", f"a\t{token}\nb", token.upper(), token.lower(), f"A {token.title()} B")
    yield token[:-1] or token


def _pairs(words: Sequence[str], added: Added) -> Iterator[Item]:
    """Two texts at once."""
    yield from (("", ""), ("a", ""), ("", "b"), (" a ", " b "), ("Hello World", "你好 мир"))
    yield from islice(pairwise(FIXED), 0, None, 4)
    yield from islice(pairwise(words), 0, None, 16)
    yield from ((f"the {token}", f"{token} b") for token in added[:8])


def _at_limit(tokenizer: Any, limit: int, units: Sequence[str]) -> Iterator[Item]:
    """Texts of one token less than the limit, as many, and one more; pairs likewise."""
    single = limit - tokenizer.num_special_tokens_to_add(False)
    double = limit - tokenizer.num_special_tokens_to_add(True)
    for more in (-1, 0, 1):
        yield _joined(units, single + more)
    for first in (double // 2, max(double - 2, 1)):
        for more in (0, 1):
            yield (_joined(units, first), _joined(units, double - first + more))
    yield (_joined(units, limit), _joined(units, limit))


def _units(tokenizer: Any, tokens: Sequence[str]) -> tuple[str, ...]:
    """Words of one token each, wherever they stand; a vocabulary without any gives "a"."""
    words = ("a", "the", "in", "of", "1", *(_without_marks(token).strip() for token in tokens))
    units = (word for word in words if word and _count(tokenizer, f"{word} {word}") == 2)
    return tuple(islice(units, UNITS)) or ("a",)


def _joined(units: Sequence[str], count: int) -> str:
    return " ".join(islice(cycle(units), max(count, 0)))


def _count(tokenizer: Any, text: str) -> int:
    return len(tokenizer.encode(text, add_special_tokens=False).ids)
