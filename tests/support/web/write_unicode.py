"""Write the page's tables of characters, measured at the Rust tokenizer.

Usage: python -m tests.support.web.write_unicode > runtime/web/src/tokenization/unicode_tables.ts

Which characters are letters, marks or punctuation depends on the version of Unicode. Engines of
JavaScript have newer versions than the library `tokenizers`, each its own, so a page takes what is
written here.
"""

import sys
import unicodedata
from collections.abc import Iterable
from typing import Final

from tokenizers import normalizers, pre_tokenizers

SURROGATES: Final = range(0xD800, 0xE000)
CHARACTERS: Final = [chr(at) for at in range(sys.maxunicode + 1) if at not in SURROGATES]
DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
LINE: Final = 96

HEADER: Final = """\
/**
 * Characters as the Rust library has them; tests/support/web/write_unicode.py writes this file.
 * Ranges are pairs of base-36 numbers: characters since the range before, and characters in this.
 */
"""

BYTES: Final = pre_tokenizers.ByteLevel(add_prefix_space=False)
BERT: Final = pre_tokenizers.BertPreTokenizer()
NUMERIC: Final = pre_tokenizers.Digits()
CANONICAL: Final = normalizers.NFD()
COMPATIBLE: Final = normalizers.NFKD()
CLEAN: Final = normalizers.BertNormalizer(True, False, False, False)
NONSPACING: Final = normalizers.BertNormalizer(False, False, True, False)
CHINESE: Final = normalizers.BertNormalizer(False, True, False, False)
ACCENTS: Final = normalizers.StripAccents()


def is_white_space(character: str) -> bool:
    return len(BERT.pre_tokenize_str(f"a{character}b")) == 2


def is_punctuation(character: str) -> bool:
    return len(BERT.pre_tokenize_str(f"a{character}b")) == 3


def is_letter(character: str) -> bool:
    return len(BYTES.pre_tokenize_str(f"a{character}")) == 1


def is_number(character: str) -> bool:
    return len(BYTES.pre_tokenize_str(f"1{character}")) == 1


def is_numeric(character: str) -> bool:
    return len(NUMERIC.pre_tokenize_str(f"a{character}")) == 2


def is_control(character: str) -> bool:
    return CLEAN.normalize_str(character) == ""


def is_nonspacing_mark(character: str) -> bool:
    return NONSPACING.normalize_str(character) == ""


def is_accent(character: str) -> bool:
    return ACCENTS.normalize_str(character) == ""


def is_chinese(character: str) -> bool:
    return CHINESE.normalize_str(character) != character


def is_composed(character: str) -> bool:
    return COMPATIBLE.normalize_str(character) != character


def combining_class(character: str) -> int:
    """The order among marks; 0 for those that the library never moves."""
    return unicodedata.combining(character) if _moves(character) else 0


def _moves(character: str) -> bool:
    return any(
        CANONICAL.normalize_str(text) != text
        for text in (f"\u0301{character}", f"{character}\u0334")
    ) or character in ("\u0301", "\u0334")


def ranges(members: Iterable[int]) -> str:
    """Gaps and lengths, in base 36."""
    found: list[list[int]] = []
    for at in members:
        if found and found[-1][1] == at:
            found[-1][1] += 1
        else:
            found.append([at, at + 1])
    ends = [0, *(end for _, end in found)]
    return " ".join(
        f"{base_36(start - before)} {base_36(end - start)}"
        for before, (start, end) in zip(ends, found, strict=False)
    )


def base_36(number: int) -> str:
    digits = ""
    while number or not digits:
        number, rest = divmod(number, 36)
        digits = DIGITS[rest] + digits
    return digits


def constant(name: str, text: str) -> str:
    """A constant of TypeScript, its text in lines."""
    lines, rest = [], text
    while rest:
        lines.append(f'  "{rest[:LINE]}"')
        rest = rest[LINE:]
    return f"export const {name} =\n" + " +\n".join(lines) + ";\n"


def main() -> None:
    tables = {
        "WHITE_SPACE": is_white_space,
        "PUNCTUATION": is_punctuation,
        "LETTER": is_letter,
        "NUMBER": is_number,
        "NUMERIC": is_numeric,
        "CONTROL": is_control,
        "NONSPACING_MARK": is_nonspacing_mark,
        "ACCENT": is_accent,
        "CHINESE": is_chinese,
        "COMPOSED": is_composed,
    }
    parts = [HEADER]
    for name, holds in tables.items():
        parts.append(constant(name, ranges(ord(each) for each in CHARACTERS if holds(each))))
    classes: dict[int, list[int]] = {}
    for character in CHARACTERS:
        if number := combining_class(character):
            classes.setdefault(number, []).append(ord(character))
    rows = [f'  {number}: "{ranges(members)}",' for number, members in sorted(classes.items())]
    parts.append(
        "export const COMBINING_CLASS: Readonly<Record<number, string>> = {\n"
        + "\n".join(rows)
        + "\n};\n"
    )
    sys.stdout.write("\n".join(parts))


if __name__ == "__main__":
    main()
