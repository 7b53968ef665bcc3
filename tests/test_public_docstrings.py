"""Every public name is described: what it is, its arguments, its fields and its errors."""

import ast
import dataclasses
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Final

import pytest

PACKAGES: Final = ("edgebert", "edgebert_export", "edgebert_quantize", "edgebert_runtime")
SECTION: Final = r"^{title}:\n((?:[ \t]+.*\n?|\n)*)"
ENTRY: Final = re.compile(r"^ {4}\*{0,2}(\w+)(?: \(.*\))?:", re.MULTILINE)
PROPERTIES: Final = (property, cached_property)


def public_objects() -> Iterator[tuple[str, Any]]:
    """The public classes and functions, and the public members that each class defines."""
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in module.__all__:
            found = getattr(module, name)
            if inspect.isfunction(found) or inspect.isclass(found):
                yield f"{package}.{name}", found
            if inspect.isclass(found):
                yield from members(f"{package}.{name}", found)


def members(place: str, found: type) -> Iterator[tuple[str, Any]]:
    """Methods and properties, but those that a base class defines and describes."""
    inherited = {name for base in found.__mro__[1:] for name in vars(base)}
    for name, member in vars(found).items():
        function = getattr(member, "__func__", member)
        if name.startswith("_") or name in inherited or name in fields_of(found):
            continue
        if inspect.isfunction(function) or isinstance(member, PROPERTIES):
            yield f"{place}.{name}", member


def problems(found: Any) -> Iterator[str]:
    """What the description of a public name lacks."""
    described = inspect.getdoc(found)
    if not described or found.__doc__ is None:
        yield "no docstring"
    elif inspect.isclass(found):
        listed = entries("Attributes", described)
        yield from (f"no attribute {name}" for name in sorted(own_fields(found) - listed))
    elif not isinstance(found, PROPERTIES):
        yield from problems_of_function(getattr(found, "__func__", found), described)


def problems_of_function(function: Any, described: str) -> Iterator[str]:
    """Arguments, where there are several, and errors that it raises itself."""
    taken = inspect.signature(function).parameters.keys() - {"self", "cls"}
    listed = entries("Args", described)
    if len(taken) > 1 or listed:
        yield from (f"no argument {name}" for name in sorted(taken - listed))
        yield from (f"no such argument: {name}" for name in sorted(listed - taken))
    missing = raised(function) - entries("Raises", described)
    yield from (f"no error {name}" for name in sorted(missing))


def entries(title: str, described: str) -> set[str]:
    """Names that a section of a docstring describes."""
    section = re.search(SECTION.format(title=title), described, re.MULTILINE)
    return set(ENTRY.findall(section[1])) if section else set()


def raised(function: Any) -> set[str]:
    """Errors that stand behind `raise` in its body."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    calls = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    names = [call.func for call in calls if isinstance(call, ast.Call)]
    return {name.id for name in names if isinstance(name, ast.Name)}


def fields_of(found: type) -> set[str]:
    return {each.name for each in dataclasses.fields(found)} if is_record(found) else set()


def own_fields(found: type) -> set[str]:
    """Fields that a class defines itself."""
    own = inspect.get_annotations(found).keys()
    return {name for name in fields_of(found) & own if not name.startswith("_")}


def is_record(found: type) -> bool:
    return dataclasses.is_dataclass(found)


def test_every_public_name_is_described() -> None:
    objects = dict(public_objects())
    assert len(objects) > 100
    lacking = [f"{place}: {text}" for place, found in objects.items() for text in problems(found)]
    assert lacking == []


class Sample:
    """A class."""

    def silent(self) -> None: ...

    def partial(self, one: int, two: int) -> None:
        """Do something.

        Args:
            one: a number.
            three: it is not there.
        """
        if one > two:
            raise ValueError(one)

    @property
    def told(self) -> int:
        """A number."""
        return 1


@dataclasses.dataclass
class Record:
    """A record.

    Attributes:
        one: a number.
    """

    one: int
    two: int


@pytest.mark.parametrize(
    ("found", "lacking"),
    [
        (Sample, []),
        (Sample.silent, ["no docstring"]),
        (
            Sample.partial,
            ["no argument two", "no such argument: three", "no error ValueError"],
        ),
        (Sample.told, []),
        (Record, ["no attribute two"]),
    ],
)
def test_what_is_missing_is_seen(found: object, lacking: list[str]) -> None:
    assert list(problems(found)) == lacking


def test_members_are_methods_and_properties() -> None:
    assert [place for place, _ in members("S", Sample)] == ["S.silent", "S.partial", "S.told"]
