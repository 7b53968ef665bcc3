"""How many times longer a text can become in the parts of a `tokenizer.json`, without running them.

Parts are those of the library `tokenizers` (its documentation, "Components"). Most of them never
lengthen a text by more than Unicode itself does. A replacement by a longer text does, and so does
a part that is repeated: three replacements of "a" by a thousand make 10^9 characters of one.
"""

import json
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from edgebert_runtime.errors import TokenizerError

MOST: Final = 32.0
"""Times that a text may become longer; replacements of common tokenizers by at most 3."""

UNICODE: Final = 18.0
"""Characters of the longest decomposition, NFKC and NFKD of U+FDFA (unicode.org/faq)."""

SECTIONS: Final = ("normalizer", "pre_tokenizer", "post_processor", "decoder")
OPENING: Final = re.compile(r"\s*:\s*(?=\{)")
HIDING: Final = re.compile(r"\\u00[2-7]")
"""An escape of a character that needs none: a key or a type may hide in it."""

DECOMPOSING: Final = frozenset(
    ("NFC", "NFD", "NFKC", "NFKD", "Precompiled", "BertNormalizer", "Lowercase")
)
PARTS: Final = ("normalizers", "pretokenizers", "decoders", "processors")
"""Keys of a `Sequence` for what it consists of."""

PROBE: Final = "a  B\n1-é"


def check_growth(path: Path) -> None:
    """Refuse a tokenizer that makes a text longer without bound, before the library reads it.

    Raises:
        TokenizerError: the file is none, cannot be read, or a text can become more than `MOST`
            times as long.
    """
    try:
        content = path.read_bytes().decode("utf-8") if path.is_file() else None
    except (OSError, ValueError) as error:
        raise TokenizerError(f"{path} cannot be read: {error}; export the model again") from error
    if content is None:
        raise TokenizerError(f"{path} is not a file; export the model again")
    for name, section in _sections(content):
        times = _growth(list(_steps(section)))
        if times > MOST:
            raise TokenizerError(
                f"{path} has a {name} that can make a text {times:.3g} times as long, expected at "
                f"most {MOST:g} times; do not use this bundle unless you know where it comes from"
            )


def _sections(content: str) -> Iterator[tuple[str, Any]]:
    """Every object under the name of a section; one that is no section does no harm."""
    if "\\u00" in content and HIDING.search(content):
        with suppress(ValueError, RecursionError):
            content = json.dumps(json.loads(content), ensure_ascii=False)
    decoder = json.JSONDecoder()
    for name in SECTIONS:
        for end in _ends(content, f'"{name}"'):
            found = OPENING.match(content, end)
            with suppress(ValueError, RecursionError):  # the library refuses it, too
                if found:
                    yield name, decoder.raw_decode(content, found.end())[0]


def _ends(content: str, text: str) -> Iterator[int]:
    """Where each occurrence of a text ends."""
    at = content.find(text)
    while at >= 0:
        yield at + len(text)
        at = content.find(text, at + len(text))


def _steps(part: Any) -> Iterator[Mapping[str, Any]]:
    """The parts of a section that are no `Sequence`, in order."""
    pending = [part]
    while pending:
        found = pending.pop()
        if isinstance(found, dict):
            yield found
            inner = [found[key] for key in PARTS if isinstance(found.get(key), list)]
            pending += [each for parts in reversed(inner) for each in reversed(parts)]


def _growth(steps: list[Mapping[str, Any]]) -> float:
    """The product over the parts.

    The first parts that decompose characters count as 1: what they do is in every tokenizer, and
    doing it again changes nothing. After a replacement by other characters they count.
    """
    times, fresh = 1.0, False
    for step in steps:
        kind = str(step.get("type"))
        if kind in DECOMPOSING:
            times *= max(UNICODE, _longest(step)) if fresh else _beyond_unicode(step)
            fresh = False
            continue
        times *= GROWTH.get(kind, lambda _: 1.0)(step)
        fresh = fresh or not str(step.get("content", "")).isascii()
        if times > MOST**4:
            break
    return times


def _beyond_unicode(step: Mapping[str, Any]) -> float:
    return max(1.0, _longest(step) / UNICODE)


def _longest(step: Mapping[str, Any]) -> float:
    """The longest replacement of a `Precompiled` map: after its trie, texts that end with NUL."""
    try:
        raw = b64decode(step.get("precompiled_charsmap") or b"")
    except (TypeError, ValueError):
        return 1.0
    texts = raw[4 + int.from_bytes(raw[:4], "little") :].split(b"\0")
    return max(len(text.decode("utf-8", "replace")) for text in texts)


def _replacement(step: Mapping[str, Any]) -> float:
    content, pattern = len(str(step.get("content", ""))), step.get("pattern")
    if not isinstance(pattern, dict):
        return 1.0
    if pattern.get("String"):
        return max(1.0, content / len(str(pattern["String"])))
    empty = _matches_nothing(str(pattern.get("Regex", "")))
    return max(1.0, content + 1.0 if empty else content)


def _matches_nothing(pattern: str) -> bool:
    """Whether a pattern may match between two characters; yes where Python cannot tell."""
    try:
        return any(found.end() == found.start() for found in re.finditer(pattern, PROBE))
    except (re.error, OverflowError, RecursionError):
        return True


def _prefix(step: Mapping[str, Any]) -> float:
    return 1.0 + len(str(step.get("prepend") or step.get("replacement") or ""))


def _template(step: Mapping[str, Any]) -> float:
    """Copies of a text that a template makes."""
    single, pair = step.get("single"), step.get("pair")
    copies = [
        sum(isinstance(piece, dict) and "Sequence" in piece for piece in pieces)
        for pieces in (single, pair)
        if isinstance(pieces, list)
    ]
    return max(1.0, *copies)


GROWTH: Final = {
    "Replace": _replacement,
    "Prepend": _prefix,
    "Metaspace": _prefix,
    "ByteLevel": lambda _: 2.0,
    "TemplateProcessing": _template,
}
"""Type of a part → how it lengthens a text; others do not."""
