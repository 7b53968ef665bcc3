"""The sentences and table cells of a page of Markdown, and the sentences of Python's literals."""

import ast
import re
from collections.abc import Iterator
from typing import Final

BLOCKS: Final = re.compile(r"^---\n.*?^---$|^(```+).*?^\1$|<!--.*?-->", re.DOTALL | re.MULTILINE)
"""Front matter, blocks of code, and comments."""

WITHIN: Final = {
    re.compile(r"`[^`\n]*`"): "code",  # counts as a word
    re.compile(r"!\[[^\]]*\]\([^)]*\)|https?://\S+"): "",
    re.compile(r"\[([^\]]*)\]\([^)]*\)"): r"\1",
}
"""Code, pictures and links within a line → what is read in their place."""

SENTENCE: Final = re.compile(r"(?<=[.!?;])\s+")
WORD: Final = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


def plain(page: str) -> str:
    """A page without what is no prose."""
    text = BLOCKS.sub("", page)
    for pattern, put in WITHIN.items():
        text = pattern.sub(put, text)
    return text


def cells(page: str) -> Iterator[str]:
    """The cells of all tables, without the lines that separate heads."""
    for line in plain(page).splitlines():
        if line.startswith("|") and set(line) - set("|-: "):
            yield from (cell.strip() for cell in line.strip().strip("|").split("|"))


def sentences(page: str) -> Iterator[str]:
    """The sentences outside of tables; each line of a list begins one."""
    prose = [line for line in plain(page).splitlines() if not line.startswith("|")]
    for paragraph in re.split(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) |#)", "\n".join(prose)):
        yield from filter(None, SENTENCE.split(" ".join(paragraph.split())))


def length(text: str) -> int:
    """Number of words."""
    return len(WORD.findall(text))


def literals(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of every string that is no docstring; what is put in is `…`."""
    tree = ast.parse(source)
    inside = {id(part) for node in ast.walk(tree) for part in _parts(node)}
    for node in ast.walk(tree):
        if id(node) not in inside and isinstance(node, ast.Constant | ast.JoinedStr):
            text = _text(node)
            if text:
                yield node.lineno, text


def _parts(node: ast.AST) -> list[ast.AST]:
    """Docstrings, and what an f-string consists of."""
    if isinstance(node, ast.Expr):
        return [node.value]
    return list(ast.walk(node))[1:] if isinstance(node, ast.JoinedStr) else []


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return "…"
