"""Draws the rooms of each package and who imports whom, from the imports themselves.

Usage: python -m tests.support.code_map

Writes docs/figures/code-map-*.svg, and the last column of the tables of rooms in
docs/architecture.md. A room is a package or a module right below a distribution's package.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Final

import grimp
from importlinter.configuration import configure

PAGE: Final = Path("docs/architecture.md")
FIGURES: Final = Path("docs/figures")
PACKAGES: Final = ("edgebert_runtime", "edgebert_export", "edgebert_quantize", "edgebert")
COMMON: Final = frozenset(("__init__", "__main__", "_version", "errors", "progress"))
"""Not drawn: what all may import, and what imports everything."""

MARK: Final = "<!-- rooms of {package}, imports: python -m tests.support.code_map -->\n"
END: Final = "<!-- end -->\n"
ROW: Final = re.compile(r"^\| `(\w+)` \| (.*?) \| [^|]*\|$", re.MULTILINE)

WIDTH, HEIGHT, ACROSS, DOWN = 132, 30, 148, 66
"""Pixels: of a box, and from one box to the next."""

STYLE: Final = (
    "text{font:13px sans-serif;text-anchor:middle;fill:#1f2328}"
    "rect{fill:#f6f8fa;stroke:#57606a}path{stroke:#57606a;fill:none}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}"
    "rect{fill:#161b22;stroke:#8b949e}path{stroke:#8b949e}}"
)

Imports = Mapping[str, frozenset[str]]
"""Room → the rooms it imports."""

Stop = str | tuple[str, str, int]
"""A room, or the place in a row where an arrow between two rooms passes by."""


def build_graph() -> grimp.ImportGraph:
    """All imports of the four packages, and of others by them."""
    configure()
    return grimp.build_graph(*PACKAGES, include_external_packages=True, cache_dir=None)


def room(module: str) -> str:
    """The room of a module; `__init__` of the package itself."""
    return [*module.split("."), "__init__"][1]


def arrows(graph: grimp.ImportGraph, package: str) -> set[tuple[str, str]]:
    """Of one package: who imports whom, room by room."""
    modules = {name for name in graph.modules if name.partition(".")[0] == package}
    pairs = {
        (room(importer), room(imported))
        for importer in modules
        for imported in graph.find_modules_directly_imported_by(importer) & modules
    }
    return {(one, other) for one, other in pairs if one != other}


def rooms(graph: grimp.ImportGraph, package: str) -> Imports:
    """The rooms that are drawn, each with those of them that it imports.

    What a room imports from the package itself comes from the rooms that its `__init__` imports.
    """
    found = arrows(graph, package)
    found |= {
        (here, there)
        for here, root in found
        for other, there in found
        if root == other == "__init__" and here != there
    }
    names = {room(name) for name in graph.modules if name.startswith(f"{package}.")} - COMMON
    return {
        name: frozenset(there for here, there in found if here == name and there in names)
        for name in sorted(names)
    }


def levels(imports: Imports) -> dict[str, int]:
    """Room → the longest way down to it, from 0 for a room that no other imports."""
    found: dict[str, int] = {}

    def level(name: str) -> int:
        if name not in found:
            above = (level(each) + 1 for each, there in imports.items() if name in there)
            found[name] = max(above, default=0)
        return found[name]

    for name in imports:
        level(name)
    return found


def direct(imports: Imports) -> set[tuple[str, str]]:
    """The arrows that are drawn: those that no longer way stands for."""
    below: dict[str, frozenset[str]] = {}
    for name in sorted(imports, key=levels(imports).__getitem__, reverse=True):
        below[name] = imports[name].union(*(below[each] for each in imports[name]))
    return {
        (name, each)
        for name, there in imports.items()
        for each in there
        if not any(each in below[other] for other in there)
    }


def ways(imports: Imports) -> list[list[Stop]]:
    """Each arrow that is drawn as the stops it makes, one in each row between its two rooms."""
    level = levels(imports)
    return [
        [one, *((one, other, row) for row in range(level[one] + 1, level[other])), other]
        for one, other in sorted(direct(imports))
    ]


def places(imports: Imports) -> dict[Stop, tuple[int, int]]:
    """The left upper corner of each stop, near those above it; rows in the middle."""
    level, drawn = levels(imports), ways(imports)
    above: dict[Stop, list[Stop]] = {name: [] for name in imports}
    for way in drawn:
        for one, other in pairwise(way):
            above.setdefault(other, []).append(one)
    rows: list[list[Stop]] = [[] for _ in range(max(level.values()) + 1)]
    for stop in above:
        rows[level[stop] if isinstance(stop, str) else stop[2]].append(stop)
    widest = max(map(len, rows))
    found: dict[Stop, tuple[int, int]] = {}
    for down, row in enumerate(rows):
        left = (widest - len(row)) * ACROSS // 2 + 8
        middles = {stop: fmean([found[one][0] for one in above[stop]] or [0]) for stop in row}
        for at, stop in enumerate(sorted(row, key=middles.__getitem__)):
            found[stop] = (left + at * ACROSS, down * DOWN + 8)
    return found


def svg(package: str, imports: Imports) -> str:
    """The drawing of a package."""
    there = places(imports)
    width = max(x for x, _ in there.values()) + WIDTH + 8
    height = max(y for _, y in there.values()) + HEIGHT + 8
    title = f"{package}: rooms, each imports only rooms below it"
    lines = [_line([there[stop] for stop in way]) for way in ways(imports)]
    lines += [_box(name, *there[name]) for name in imports]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>\n" + "\n".join(lines) + "\n</svg>\n"
    )


def _line(corners: Sequence[tuple[int, int]]) -> str:
    """From the lower edge of the first stop, through those between, to the upper of the last."""
    half = WIDTH // 2
    path = f"M{corners[0][0] + half} {corners[0][1] + HEIGHT}"
    for (x, y), (end_x, end_y) in pairwise(corners):
        path += f"C{x + half} {y + DOWN} {end_x + half} {end_y - DOWN // 2} {end_x + half} {end_y}"
        path += f"v{HEIGHT}"
    return f'<path d="{path.removesuffix(f"v{HEIGHT}")}"/>'


def _box(name: str, x: int, y: int) -> str:
    middle = f'<text x="{x + WIDTH // 2}" y="{y + HEIGHT // 2 + 4}">{escape(name)}</text>'
    return f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="4"/>{middle}'


def table(imports: Imports, said: Mapping[str, str]) -> str:
    """A row a room, from top to bottom.

    Args:
        imports: of the package.
        said: room → what it holds.
    """
    order = sorted(imports, key=levels(imports).__getitem__)
    lines = ["| room | what it holds | imports |", "|---|---|---|"]
    lines += [f"| `{name}` | {said.get(name, '')} | {_listed(imports[name])} |" for name in order]
    return "\n".join(lines) + "\n"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def filled(page: str, graph: grimp.ImportGraph) -> str:
    """The page with the rooms and imports of today; what a room holds stays as it is.

    Raises:
        ValueError: it lacks a mark.
    """
    for package in PACKAGES:
        before, begin, rest = page.partition(MARK.format(package=package))
        old, end, after = rest.partition(END)
        if not (begin and end):
            raise ValueError(f"{PAGE} lacks the marks of {package}")
        page = f"{before}{begin}{table(rooms(graph, package), dict(ROW.findall(old)))}{end}{after}"
    return page


def figure(package: str) -> Path:
    """Where its drawing lies."""
    return FIGURES / f"code-map-{package.replace('_', '-')}.svg"


def main() -> None:
    """Write the drawings, and the tables of the page."""
    graph = build_graph()
    for package in PACKAGES:
        figure(package).write_text(svg(package, rooms(graph, package)), encoding="utf-8")
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), graph), encoding="utf-8")


if __name__ == "__main__":
    main()
