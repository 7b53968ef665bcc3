"""The scripts that languages are written in, and those of a token's letters.

Source: Unicode Standard Annex 24, Unicode Script Property; CLDR, likely subtags.
"""

from collections.abc import Sequence
from typing import Final

from edgebert_runtime.errors import ConfigError

EVERYWHERE: Final = frozenset({"Zyyy", "Zinh", "Zzzz"})
"""Scripts of what belongs to no language: digits, punctuation, accents, what Unicode lacks."""

SEVERAL: Final = {
    "Jpan": ("Hani", "Hira", "Kana"),
    "Kore": ("Hang", "Hani"),
    "Hans": ("Hani",),
    "Hant": ("Hani",),
}
"""Scripts that are made of others."""

INSTALL: Final = "pip install 'edgebert[trim]'"


def scripts_of(languages: Sequence[str]) -> frozenset[str]:
    """The scripts, by their four letters (ISO 15924), that languages are usually written in.

    Args:
        languages: as `de`, `zh-Hant` or `sr-Latn` (BCP 47).

    Raises:
        ConfigError: one is no language, or the package that knows them is missing.
    """
    try:
        import langcodes
    except ImportError as error:
        raise ConfigError(f"languages need the package langcodes; {INSTALL}") from error
    found: set[str] = set()
    for language in languages:
        try:
            script = langcodes.Language.get(language).maximize().script
        except langcodes.tag_parser.LanguageTagError:
            script = None
        if not script or not langcodes.tag_is_valid(language):
            raise ConfigError(
                f"{language!r} is no language; write a code such as de, fr or zh (BCP 47)"
            )
        found.update(SEVERAL.get(script, (script,)))
    return frozenset(found)


def is_written_in(text: str, scripts: frozenset[str]) -> bool:
    """Whether every character of a text is of these scripts, or of none in particular.

    Raises:
        ConfigError: the package that knows scripts is missing.
    """
    try:
        from fontTools.unicodedata import script
    except ImportError as error:
        raise ConfigError(f"languages need the package fonttools; {INSTALL}") from error
    return all(script(each) in scripts or script(each) in EVERYWHERE for each in text)
