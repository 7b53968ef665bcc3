"""Writes the table of docs/checkpoints.md from the layouts.

Usage: python -m tests.support.zoo.page
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.support.zoo.layouts import LAYOUTS, Layout

PAGE: Final = Path("docs/checkpoints.md")
BEGIN: Final = "<!-- written: python -m tests.support.zoo.page -->\n"
END: Final = "<!-- end -->\n"
HEADER: Final = (
    "| repository | model | tokenizer | outcome | evidence |\n|---|---|---|---|---|\n"  # columns
)


def row(layout: Layout) -> str:
    cells = (layout.repository, _model(layout), _tokenizer(layout), _outcome(layout))
    return f"| {' | '.join(cells)} | {_evidence(layout)} |\n"


def table() -> str:
    return HEADER + "".join(row(layout) for layout in LAYOUTS.values())


def _model(layout: Layout) -> str:
    config = layout.files["config.json"]
    architectures = config.get("architectures", ())
    return ", ".join(architectures) or f"`{config.get('model_type', 'none named')}`"


def _tokenizer(layout: Layout) -> str:
    named = layout.files.get("tokenizer_config.json", {}).get("tokenizer_class", "no class named")
    files = [name for name in ("tokenizer.json", *layout.beside) if name in _files(layout)]
    return f"{named}; {', '.join(files) or 'not looked at'}"


def _files(layout: Layout) -> tuple[str, ...]:
    return (*layout.files, *layout.beside)


def _outcome(layout: Layout) -> str:
    expected = layout.expected
    if layout.refused is not None:
        return f"refused: `{layout.refused}`"
    parts = [f"`{expected['task']}`, {expected['max_length']} tokens"]
    parts += [f"a note names `{expected['note']}`"] if "note" in expected else []
    parts += (
        [f"other tokens in transformers: {expected['differs']}"] if "differs" in expected else []
    )
    return "; ".join(parts)


def _evidence(layout: Layout) -> str:
    kinds = dict.fromkeys(
        each["source"] for each in layout.evidence if each["kind"] != "memory" and _decides(each)
    )
    level = "remembered in part" if layout.remembered else "read" if layout.exact else "derived"
    return f"{level}: {'; '.join(kinds)}"


def _decides(each: Mapping[str, Any]) -> bool:
    return not {"absent", "weights"}.issuperset(each["files"])


def main() -> None:
    """Replace what stands between the marks."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}{table()}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
