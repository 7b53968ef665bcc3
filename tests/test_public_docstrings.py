"""Every public name is described: what it is, its arguments, its fields, its errors."""

import dataclasses
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from functools import cached_property
from types import ModuleType
from typing import Any, Final

import pytest

PACKAGES: Final = ("edgebert", "edgebert_export", "edgebert_quantize", "edgebert_runtime")
SECTION: Final = r"^{title}:\n((?:[ \t]+.*\n?|\n)*)"
ENTRY: Final = re.compile(r"^ {4}\*{0,2}(\w+)(?: \(.*\))?:", re.MULTILINE)
RECEIVERS: Final = {"self", "cls"}


def public_objects() -> Iterator[tuple[str, Any]]:
    """What the packages offer and documents can describe, and the public members of classes."""
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in module.__all__:
            found = getattr(module, name)
            if inspect.isfunction(found) or inspect.isclass(found):
                yield f"{package}.{name}", found
            if inspect.isclass(found):
                yield from public_members(f"{package}.{name}", found)


def public_members(place: str, found: type) -> Iterator[tuple[str, Any]]:
    """Methods and properties that a class defines."""
    for name, member in vars(found).items():
        if not name.startswith("_") and isinstance(
            member, staticmethod | classmethod | property | cached_property | Callable
        ):
            yield f"{place}.{name}", member


def problems(found: Any) -> Iterator[str]:
    """What the description of a public name lacks."""
    described = inspect.getdoc(found)
    if not described:
        yield "no docstring"
        return
    if inspect.isclass(found):
        yield from missing("Attributes", described, field_names(found))
    elif not isinstance(found, property | cached_property):
        function = getattr(found, "__func__", found)
        names = inspect.signature(function).parameters.keys() - RECEIVERS
        if "Args:" in described or len(names) > 1:
            yield from missing("Args", described, {name for name in names})


def field_names(found: type) -> set[str]:
    """Fields of a dataclass that it defines itself."""
    if not dataclasses.is_dataclass(found):
        return set()
    own = inspect.get_annotations(found)
    return {
        each.name
        for each in dataclasses.fields(found)
        if each.name in own and not each.name.startswith("_")
    }


def missing(title: str, described: str, names: set[str]) -> Iterator[str]:
    """Names that a section of a docstring lacks, or has too many."""
    section = re.search(SECTION.format(title=title), described, re.MULTILINE)
    listed = set(ENTRY.findall(section[1])) if section else set()
    if listed != names:
        yield f"{title}: lacks {sorted(names - listed)}, has beside {sorted(listed - names)}"


OBJECTS: Final = dict(public_objects())


def test_every_public_name_is_described() -> None:
    lacking = [f"{place}: {text}" for place, found in OBJECTS.items() for text in problems(found)]
    assert lacking == []
