"""The command `report`: a page with charts of results that were written as JSON."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from edgebert_runtime.errors import InputError, OutputError
from edgebert_runtime.reporting.document import Page
from edgebert_runtime.storage.json_reader import Refusal


def report(
    results: Annotated[
        Path, typer.Argument(help="file of bench, profile or quantize --json, of any machine")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="HTML page to write")
    ] = Path("page.html"),
    overwrite: Annotated[bool, typer.Option(help="replace what is there")] = False,
) -> None:
    """Write a page with charts of measured results."""
    from edgebert.reporting.drawing import require_matplotlib
    from edgebert_runtime.reporting.html import write_html
    from edgebert_runtime.storage.atomic_write import check_places

    require_matplotlib()
    check_places(output)
    if output.exists() and not overwrite:
        raise OutputError(f"{output} exists; name another file with -o, or pass --overwrite")
    write_html(_page(results), output)
    typer.echo(str(output))


def _page(path: Path) -> Page:
    """The page of a results file of any kind.

    Raises:
        InputError: it cannot be read, is of another version, or a key is missing or does not fit.
    """
    from edgebert_runtime.storage.json_reader import read_json, shown

    def refusal(problem: str) -> InputError:
        return InputError(f"{path} {problem}; measure again with --json")

    value = read_json(path, refusal)
    kinds = _kinds()
    found = value.get("kind") if isinstance(value, dict) else None
    if found not in kinds:
        raise refusal(f"has results of kind {shown(found)}, expected {' or '.join(kinds)}")
    version, page_of = kinds[found]
    if value.get("version") != version:
        raise refusal(
            f"is of version {shown(value.get('version'))}, this edgebert reads version {version}"
        )
    return page_of(value, refusal)


def _kinds() -> dict[str, tuple[int, Callable[[Mapping[str, Any], Refusal], Page]]]:
    """Kind of results → the version that is read, and what makes their page."""
    from edgebert.profiling import report as profile
    from edgebert_quantize.search import result as search
    from edgebert_runtime.benchmarking import results as bench

    return {
        bench.KIND: (bench.VERSION, _bench),
        profile.KIND: (profile.VERSION, _profile),
        search.KIND: (search.VERSION, _search),
    }


def _bench(value: Mapping[str, Any], refusal: Refusal) -> Page:
    from edgebert.reporting.bench import read_bench
    from edgebert.reporting.drawn_pages import drawn
    from edgebert_runtime.benchmarking.report import page

    found = read_bench(value, refusal)
    return drawn(page(found), found)


def _profile(value: Mapping[str, Any], refusal: Refusal) -> Page:
    from edgebert.profiling.page import page_of
    from edgebert.profiling.results_file import read_profile

    return page_of(read_profile(value, refusal))


def _search(value: Mapping[str, Any], refusal: Refusal) -> Page:
    from edgebert.reporting.frontier import page
    from edgebert.reporting.search_file import read_search

    return page(read_search(value, refusal), Path(str(value.get("bundle"))).name)
