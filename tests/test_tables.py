"""No table loses a digit, however narrow the terminal is."""

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.cli.terminal import print_bundle, print_file, print_page, print_report
from edgebert.profiling.page import page_of
from edgebert_runtime import Bundle
from edgebert_runtime.cli.main import main
from edgebert_runtime.cli.output import output_width, print_lines
from edgebert_runtime.cli.readable import check_lines, info_lines
from edgebert_runtime.reporting.text_table import table_lines, value_lines
from tests.support.bench_reports import REPORT as BENCH
from tests.support.profile_reports import REPORT as PROFILE
from tests.support.reports import CHECK, INFO, QUALITY, SEARCH, TRAINING, VERIFY

WIDTHS: Final = (60, 80, 200)

cells = st.text("abc0123456789.…×%", min_size=1, max_size=20)
tables = st.integers(1, 9).flatmap(
    lambda count: st.lists(st.lists(cells, min_size=count, max_size=count), min_size=1, max_size=5)
)


@given(rows=tables, width=st.integers(1, 100))
def test_folding_keeps_every_cell(rows: Sequence[Sequence[str]], width: int) -> None:
    head, *others = rows
    lines = list(table_lines(head, others, width))
    assert Counter(" ".join(lines).split()) == Counter(cell for row in rows for cell in row)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    room = max(width, widths[0] + 2 + max(widths[1:], default=0))
    assert all(len(line) <= room for line in lines)


@given(values=st.lists(st.tuples(cells, st.lists(cells, min_size=1)), max_size=5))
@pytest.mark.parametrize("width", [1, 40, None])
def test_folding_keeps_every_word(values: list[tuple[str, list[str]]], width: int | None) -> None:
    lines = value_lines([(name, " ".join(words)) for name, words in values], width, "  ")
    found = Counter(" ".join(lines).split())
    assert found == Counter(word for name, words in values for word in (name, *words))


def test_a_table_by_hand() -> None:
    rows = [("int8", "0.9993", "22.7"), ("fp16", "1", "")]
    assert list(table_lines(("variant", "cosine", "MiB"), rows, 16)) == [
        "variant  cosine",
        "          MiB",
        "int8     0.9993",
        "         22.7",
        "fp16          1",
    ]
    lines = list(value_lines([("labels", "one, two, three, four")], 28, "  "))
    assert lines == ["  labels  one, two, three,", "          four"]


def compare(folder: Path) -> None:
    for name, factor in (("before", 1.0), ("after", 1.05)):
        rounds = [{"median_ms": factor * value} for value in (1.25, 2.5, 3.75)]
        timing = {"variant": "int8", "threads": 1, "batch": 8, "sequence": 32, "rounds": rounds}
        record = {"timings": [timing], "starts": []}
        (folder / name).write_text(json.dumps(record), encoding="utf-8")
    assert main(["compare", str(folder / "before"), str(folder / "after")]) == 0


def show_check() -> None:
    record = {**CHECK.to_dict(), "passed": False, "worst": 2.0651e-07, "tolerance": 0.0001}
    print_lines(check_lines("my-model", [record], output_width()))


def show_info() -> None:
    print_lines(info_lines(INFO.to_dict(), "edgebert", output_width()))


SHOWN: Final[dict[str, Callable[[Path, Bundle], object]]] = {
    "bench": lambda _, __: print_report(BENCH),
    "check": lambda _, __: show_check(),
    "compare": lambda folder, _: compare(folder),
    "export, inspect": lambda _, bundle: print_bundle(bundle, quantized=False),
    "info": lambda _, __: show_info(),
    "profile": lambda _, __: print_page(page_of(PROFILE)),
    "quantize": lambda _, bundle: print_bundle(bundle, quantized=True),
    "quantize --budget": lambda _, __: print_report(SEARCH),
    "quantize FILE": lambda _, bundle: print_file(bundle.folder / "tokenizer.json", QUALITY),
    "train": lambda _, __: print_report(TRAINING),
    "verify": lambda _, __: print_report(VERIFY),
}
"""Command → what prints its tables."""


@pytest.mark.parametrize("command", SHOWN)
def test_no_table_loses_a_digit(
    command: str,
    tmp_path: Path,
    tiny_bundle: Bundle,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    SHOWN[command](tmp_path, tiny_bundle)
    whole = capsys.readouterr().out
    assert re.search(r"\d", whole)
    for width in WIDTHS:
        monkeypatch.setenv("COLUMNS", str(width))
        SHOWN[command](tmp_path, tiny_bundle)
        found = capsys.readouterr().out
        assert Counter(found.split()) == Counter(whole.split())
        assert "…" not in re.sub(r"\d…\d", "", found)  # which is how quartiles are written
