"""Writes the tables of docs/tasks from the code: a task's options, and the fields of its answer.

Usage: python -m tests.support.task_pages
"""

import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from edgebert_runtime.inference.reports import AsDict
from edgebert_runtime.tasks.registry import task_specs
from edgebert_runtime.tasks.spec import TaskSpec

FOLDER: Final = Path("docs/tasks")
MARK: Final = "<!-- {name}, from the code: python -m tests.support.task_pages -->\n"
END: Final = "<!-- end -->\n"
ENTRY: Final = re.compile(r"^(\w+(?:, \w+)*):\s*(.*(?:\n +\S.*)*)", re.MULTILINE)
"""Names and text of an entry of a docstring's section, its lines indented under it."""


def page(spec: TaskSpec) -> Path:
    """Where a task is described."""
    return FOLDER / f"{spec.command_name}.md"


def method_of(spec: TaskSpec) -> str:
    """The method that the task's example calls."""
    found = re.search(r"model\.(\w+)\(", spec.example)
    assert found is not None, spec.example
    return found[1]


def entries(docstring: str, section: str) -> dict[str, str]:
    """What a section of a docstring says of each name, on one line."""
    _, _, rest = docstring.partition(f"{section}:\n")
    body = re.split(r"^\S", rest, maxsplit=1, flags=re.MULTILINE)[0]
    return {
        name: " ".join(text.split())
        for names, text in ENTRY.findall(inspect.cleandoc("\n" + body))
        for name in names.split(", ")
    }


def spelt(kind: Any) -> str:
    """A type as code, without the modules of its names."""
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return " | ".join(map(spelt, inside))
    if origin is typing.Literal:
        return " | ".join(f'"{value}"' for value in inside)
    if kind is types.NoneType:
        return "None"
    if kind is Ellipsis:
        return "..."
    if origin is None:
        return str(kind.__name__)
    return f"{origin.__name__}[{', '.join(map(spelt, inside))}]"


def options(spec: TaskSpec) -> str:
    """A row for each argument of the task's method, beside its items."""
    said = entries(inspect.getdoc(getattr(spec.model, method_of(spec))) or "", "Args")
    hints = typing.get_type_hints(spec.options)
    rows = [("option", "type", "default", "command line", "meaning")]
    for field in dataclasses.fields(spec.options):
        if field.name not in said:
            continue
        line = field.metadata["help"]
        shell = f"`--{field.name.replace('_', '-')}`" if line else ""
        default = _default(field.default)
        meaning = line or _first(said[field.name])
        rows.append((f"`{field.name}`", f"`{spelt(hints[field.name])}`", default, shell, meaning))
    return table(rows)


def _first(said: str) -> str:
    """What is said before a semicolon: a cell holds one fact."""
    return said.partition("; ")[0].rstrip(".")


def _default(value: Any) -> str:
    """As a reader would type it."""
    shown = f'("{value[0]}",)' if isinstance(value, tuple) else value
    return f'`"{value}"`' if isinstance(value, str) else f"`{shown}`"


def fields(*answers: type) -> str:
    """A row for each field of the answers' dataclasses."""
    rows = [("field", "type", "meaning")]
    for answer in answers:
        said = entries(inspect.getdoc(answer) or "", "Attributes")
        hints = typing.get_type_hints(answer)
        prefix = f"{answer.__name__}." if len(answers) > 1 else ""
        rows += [
            (f"`{prefix}{name}`", f"`{spelt(hints[name])}`", _first(said[name]))
            for name in (field.name for field in dataclasses.fields(answer))
        ]
    return table(rows)


def answers(spec: TaskSpec) -> tuple[type, ...]:
    """The dataclasses that an answer of the task consists of."""
    model = inspect.getmodule(spec.model)
    assert model is not None
    return tuple(
        kind
        for _, kind in inspect.getmembers(model, dataclasses.is_dataclass)
        if isinstance(kind, type) and issubclass(kind, AsDict) and kind.__module__ == model.__name__
    )


def table(rows: typing.Sequence[typing.Sequence[str]]) -> str:
    """Rows as Markdown; the first is the header."""
    cells = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    lines = ([cell.replace("|", "\\|") for cell in row] for row in cells)
    return "".join(f"| {' | '.join(row)} |\n" for row in lines)


def generated(spec: TaskSpec) -> Iterator[tuple[str, str]]:
    """The line that begins each table of a page, with the table."""
    yield MARK.format(name="options"), options(spec)
    if answers(spec):
        yield MARK.format(name="answer"), fields(*answers(spec))


def filled(spec: TaskSpec, text: str) -> str:
    """A page with its tables as the code has them.

    Raises:
        ValueError: it lacks a mark.
    """
    for mark, made in generated(spec):
        before, begin, rest = text.partition(mark)
        _, end, after = rest.partition(END)
        if not (begin and end):
            raise ValueError(f"{page(spec)} lacks {mark.strip()} or {END.strip()}")
        text = f"{before}{begin}{made}{end}{after}"
    return text


def main() -> None:
    """Replace what stands between the marks of every page."""
    for spec in task_specs():
        path = page(spec)
        path.write_text(filled(spec, path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
