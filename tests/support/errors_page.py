"""`docs/reference/errors.md`, made from the classes of `edgebert_runtime.errors`.

`python -m tests.support.errors_page` writes it.
"""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edgebert_runtime import errors
from edgebert_runtime.cli.ending import INTERRUPTED, READER_GONE, TERMINATED

FILE: Final = Path(__file__).parents[2] / "docs" / "reference" / "errors.md"

EXIT_CODES: Final = {
    0: "The command did its work.",
    errors.CheckFailedError.exit_code: "The work was done and its result is not good enough.",
    errors.EdgebertError.exit_code: "The caller made a mistake: an argument, a file or an input.",
    errors.MachineChangedError.exit_code: "`compare`: the machine changed, so there is no result.",
    INTERRUPTED: "Interrupted (Ctrl-C, SIGINT).",
    READER_GONE: "The reader of standard output has gone (SIGPIPE).",
    TERMINATED: "Terminated (SIGTERM).",
}

INTRODUCTION: Final = """\
<!-- python -m tests.support.errors_page -->

# Errors and exit codes

A message is one line: what was found, what was expected, what to do. A command writes it to
standard error.

## Exit codes

| exit code | meaning |
|---:|---|
"""

CLASSES: Final = """
An exception that is not in the tables below is a bug. A command then shows its traceback.

## Errors

Every class is in `edgebert_runtime.errors`, which is `edgebert.errors`, too. All are subclasses of
`EdgebertError`. Catch a base class to catch the classes below it.

| class | base classes | exit code | meaning | what to do |
|---|---|---:|---|---|
"""

WARNINGS: Final = """
## Warnings

Each is a `UserWarning`. A command shows it as one line.

| class | meaning | what to do |
|---|---|---|
"""


def text() -> str:
    """The page."""
    codes = "".join(f"| {code} | {meaning} |\n" for code, meaning in EXIT_CODES.items())
    failures = "".join(map(_error, classes(errors.EdgebertError)))
    warned = "".join(map(_warning, classes(UserWarning)))
    return f"{INTRODUCTION}{codes}{CLASSES}{failures}{WARNINGS}{warned}"


def classes(base: type[Exception]) -> Iterator[type[Exception]]:
    """What the module defines below a base, in its order."""
    for found in vars(errors).values():
        if inspect.isclass(found) and issubclass(found, base) and found is not base:
            yield found


def meaning_and_advice(found: type[Exception]) -> tuple[str, str]:
    """The first two paragraphs of a class's docstring.

    Raises:
        ValueError: it has one paragraph only.
    """
    paragraphs = inspect.cleandoc(found.__doc__ or "").split("\n\n")
    if len(paragraphs) < 2:
        raise ValueError(f"the docstring of {found.__name__} does not say what to do")
    meaning, advice = (" ".join(each.split()) for each in paragraphs[:2])
    return meaning, advice


def _error(found: type[Exception]) -> str:
    bases = ", ".join(f"`{base.__name__}`" for base in found.__bases__)
    code = getattr(found, "exit_code", "")
    meaning, advice = meaning_and_advice(found)
    return f"| `{found.__name__}` | {bases} | {code} | {meaning} | {advice} |\n"


def _warning(found: type[Exception]) -> str:
    meaning, advice = meaning_and_advice(found)
    return f"| `{found.__name__}` | {meaning} | {advice} |\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
