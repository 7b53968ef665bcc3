"""From hand-made records to what a page says of them."""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks.__main__ import app
from benchmarks.cases.accuracy import (
    distances,
    encoded,
    largest_change,
    recall,
    recall_together,
)
from benchmarks.cases.limits import native_products_of, products_of
from benchmarks.cases.throughput import require_right
from benchmarks.pairing import PeerError
from benchmarks.records import FILE, find, keep, key_of, read_records
from benchmarks.report.accuracy import accuracy_sections
from benchmarks.report.documents import NUMBERED, RESULTS, ROOT, whole_page
from benchmarks.report.encoders import growth_sections, latency_sections, limits_sections
from benchmarks.report.headlines import filled
from benchmarks.report.markdown import write_markdown
from benchmarks.report.numbers import brief, failures
from benchmarks.report.page import page_of
from benchmarks.report.texts import (
    load_sections,
    many_sections,
    start_sections,
    throughput_answer,
    throughput_sections,
)
from benchmarks.report.times import times_of
from edgebert.profiling.products import Product
from edgebert.reporting.bars import Bars
from edgebert.reporting.plots import Plot
from edgebert_runtime import Bundle
from edgebert_runtime.reporting.document import Section, Table
from edgebert_runtime.reporting.html import html

MACHINE: Final = {
    "cpu": "A CPU",
    "cores": 2,
    "flags": ["avx2", "avx_vnni"],
    "load": 0.1,
    "libraries": {"onnxruntime": "1.2", "torch": "3.4"},
    "commit": "abc",
    "dirty": False,
}
CASES: Final = {"latency", "throughput", "load", "start", "accuracy", "growth", "limits"}
MEBIBYTE: Final = 2**20
REFERENCE: Final = np.array([[1, 0], [0, 1]], np.float32)


def record(case: str, about: str, rows: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    common = {"case": case, "about": about, "command": f"again {case}", "machine": MACHINE}
    return common | {"rounds": 2, "rows": rows} | more


def encoder_row(name: str, maker: str, precision: str, **shapes: list[list[int]]) -> dict[str, Any]:
    samples = {name.removeprefix("s"): rounds for name, rounds in shapes.items()}
    row = {"system": name, "maker": maker, "precision": precision, "setting": "", "threads": 2}
    return row | {"samples_us": samples, "cosines": dict.fromkeys(samples, 0.99)}


def table_of(section: Section) -> Table:
    return next(block for block in section.blocks if isinstance(block, Table))


def test_latency_is_set_beside_ours_of_the_same_kind() -> None:
    """Ours: medians 2 and 4 ms; theirs 4 and 6: twice and 1.5 times as long."""
    rows = [
        encoder_row("edgebert fp32", "edgebert", "fp32", s1x128=[[1000, 2000, 9000], [4000] * 3]),
        encoder_row("torch eager", "torch", "fp32", s1x128=[[4000] * 3, [6000] * 3]),
        encoder_row("edgebert int8", "edgebert", "int8", s1x128=[[1000] * 3, [1000] * 3]),
        encoder_row("torch bf16", "torch", "bf16", s1x128=[[3000] * 3, [5000] * 3]),
        {
            "system": "broken",
            "maker": "x",
            "precision": "int8",
            "setting": "",
            "threads": 2,
            "failure": "wrong\nanswer.",
        },
    ]
    (section,) = latency_sections([record("latency", "minilm", rows)])
    assert [row[2] for row in table_of(section).rows] == [
        "3.00",
        "5.00 (1.75)",
        "1.00",
        "4.00 (4.00)",
        "–",
    ]
    assert table_of(section).rows[1][-1] == "`--only 'torch eager'`"
    assert "broken has no numbers: wrong answer." in section.text
    assert "commit abc." in section.text
    assert section.command == "again latency"
    (bars,) = (block for block in section.blocks if isinstance(block, Bars))
    assert [(bar.name, bar.parts[0].value, bar.chosen) for bar in bars.bars][:2] == [
        ("edgebert fp32", 3.0, True),
        ("torch eager", 5.0, False),
    ]


def test_throughput_tells_first_passes_from_later_ones() -> None:
    """100 texts: ours in 1 s; theirs in 4 s at first, and in 2 s once it has seen them."""
    common = {"stream": "mixed", "cores": 2}
    rows = [
        common | {"engine": "edgebert_int8", "system": "ours", "seconds": [[1.0, 1.0], [1.0, 1.0]]},
        common | {"engine": "x", "system": "theirs", "seconds": [[4.0, 2.0], [4.0]]},
        common | {"engine": "y", "system": "gone", "failure": "cannot be installed"},
    ]
    (section,) = throughput_sections([record("throughput", "", rows, streams={"mixed": 100})])
    assert table_of(section).rows == [
        ["ours", "100", "100", "1.00 (1.00…1.00)", "–", "`--only edgebert_int8`"],
        ["theirs", "25", "50", "4.00 (4.00…4.00)", "–", "`--only x`"],
        ["gone", "–", "–", "–", "–", "`--only y`"],
    ]


@pytest.mark.parametrize(("count", "p99"), [(1000, "0.99"), (999, "–")])
def test_no_99th_percentile_from_few_answers(count: int, p99: str) -> None:
    samples = [number * 1000 // count for number in range(count)]
    rows = [{"engine": "x", "system": "x", "samples_us": [samples], "seconds": [2.0]}]
    (section,) = load_sections([record("load", "", rows, clients=4)])
    cells = table_of(section).rows[0]
    assert cells[1] == f"{count}"
    assert cells[2] == "0.50"
    assert cells[4] == p99


def test_a_start_is_the_sum_of_its_stretches() -> None:
    """Ours grows by 40 − 10 MiB: it imports lazily, so the bare imports are what counts."""

    def row(engine: str, factor: int, peak: int, imported: int) -> dict[str, Any]:
        stretches = {"interpreter": 10.0, "imports": 40.0, "load": 45.0, "first run": 5.0}
        ms = {name: factor * value for name, value in stretches.items()}
        memory = {"peak_bytes": [peak * MEBIBYTE] * 2, "imported_bytes": [imported * MEBIBYTE] * 2}
        found = {"engine": engine, "system": engine, "ms": [ms, ms]} | memory
        return found | {"installed_bytes": 100 * MEBIBYTE}

    rows = [row("edgebert_int8", 2, 40, 3), row("bare_int8", 1, 30, 10), row("other", 5, 99, 9)]
    (section,) = start_sections(
        [record("start", "minilm", rows, variant="int8", file_bytes=22 * MEBIBYTE)]
    )
    assert [cells[1:6] for cells in table_of(section).rows] == [
        ["200", "2.00 (2.00…2.00)", "40", "30", "100"],
        ["100", "1.00 (1.00…1.00)", "30", "20", "100"],
        ["500", "5.00 (5.00…5.00)", "99", "90", "100"],
    ]


def test_accuracy_is_a_row_and_two_marks() -> None:
    quality = {
        "size_bytes": 3 * MEBIBYTE,
        "mean": 0.99839,
        "first_percentile": 0.996,
        "worst": 0.99,
        "pair": 0.0483,
        "batch": 3e-7,
        "padded": 0.0,
        "recall": 0.71234,
    }
    exact = encoder_row("edgebert fp32", "edgebert", "fp32", s1x128=[[2000] * 3] * 2)
    small = encoder_row("edgebert int8", "edgebert", "int8", s1x128=[[1000] * 3] * 2)
    rows = [exact | quality | {"mean": 1.0}, small | quality]
    more = {"texts": 4, "pairs": 9, "reference_recall": 0.7155}
    (section,) = accuracy_sections([record("accuracy", "", rows, **more)])
    assert table_of(section).rows[1] == [
        "edgebert int8",
        "0.99839",
        "0.9960",
        "0.9900",
        "0.048",
        "3.0e-07",
        "0.0e+00",
        "71.23",
        "3.0",
        "0.50",
        "`--only 'edgebert int8'`",
    ]
    assert "torch 71.55" in section.text
    assert "together" not in section.text
    time, size = (block for block in section.blocks if isinstance(block, Plot))
    assert [(point.x, point.label) for point in time.series[0].points] == [(0.5, "int8")]
    assert size.series[0].points[0].x == 3.0


def test_accuracy_of_short_texts_and_of_two_ways_together_is_in_columns() -> None:
    quality = dict.fromkeys(("mean", "first_percentile", "worst", "recall"), 0.99)
    quality |= dict.fromkeys(("size_bytes", "pair", "batch", "padded"), 0.0)
    exact = encoder_row("edgebert fp32", "edgebert", "fp32", s1x128=[[2000] * 3] * 2)
    native = encoder_row("edgebert int8 native", "edgebert", "int8", s1x128=[[1000] * 3] * 2)
    rows = [exact | quality | {"brief": 1.0}, native | quality]
    rows[1] |= {"brief": 0.99712, "recall_together": [0.8031, 0.8]}
    more = {"texts": 4, "pairs": 9, "reference_recall": 0.8}
    (section,) = accuracy_sections([record("accuracy", "", rows, **more)])
    table = table_of(section)
    assert list(table.columns[9:11]) == ["3–8 tokens", "together"]
    assert [row[9:11] for row in table.rows] == [["1.0000", "–"], ["0.9971", "80.31, 80.00"]]
    assert "`together`" in section.text


def test_recall_together_takes_each_side_of_another() -> None:
    one = {"short": np.eye(3, dtype=np.float32), "long": np.eye(3, dtype=np.float32)}
    other = {"short": one["short"][[1, 0, 2]], "long": one["long"]}
    assert recall_together(one, other) == [1.0, pytest.approx(1 / 3)]


@pytest.mark.parametrize(("about", "places"), [("sequence", [8, 16]), ("batch", [1, 2])])
def test_growth_is_a_curve(about: str, places: list[int]) -> None:
    row = encoder_row(
        "edgebert fp32", "edgebert", "fp32", s1x8=[[1000] * 3] * 2, s2x16=[[3000] * 3] * 2
    )
    (section,) = growth_sections([record("growth", about, [row])])
    (plot,) = (block for block in section.blocks if isinstance(block, Plot))
    assert [(point.x, point.y) for point in plot.series[0].points] == [
        (places[0], 1.0),
        (places[1], 3.0),
    ]


def test_growth_with_cores_is_of_the_largest_shape() -> None:
    rows = [
        encoder_row("x", "x", "fp32", s1x8=[[1] * 3] * 2, s8x8=[[1000 * time] * 3] * 2)
        | {"threads": threads}
        for threads, time in ((1, 8), (2, 5))
    ]
    (section,) = growth_sections([record("growth", "cores", rows)])
    assert table_of(section).rows == [["x", "8.00", "5.00"]]


def test_memory_of_many_texts_is_beside_the_open_model() -> None:
    row = {"engine": "edgebert_int8", "system": "edgebert int8", "texts": 1000}
    row |= {"seconds": [2.0, 2.0], "resting_kib": [1024] * 2, "peak_kib": [4096] * 2}
    (section,) = many_sections([record("growth", "texts", [row])])
    assert table_of(section).rows == [["edgebert int8", "1,000", "500", "3"]]


def test_a_fraction_is_the_floor_over_the_time() -> None:
    """2·10⁹ operations: 4 ms alone are 500 of them a second; 5 ms are 400, four fifths."""
    floors = [
        {"kind": kind, "shape": "1x8", "giga_operations": 2.0, "ms": [4.0, 4.0]}
        for kind in ("float32", "int8")
    ]
    row = encoder_row("edgebert fp32", "edgebert", "fp32", s1x8=[[5000] * 3] * 2)
    (section,) = limits_sections([record("limits", "minilm", [row], floors=floors)])
    assert table_of(section).rows == [
        ["edgebert fp32", "400 (0.80)"],
        ["products alone, float32", "500"],
        ["products alone, int8", "500"],
    ]


def test_the_native_encoder_is_beside_products_of_both() -> None:
    """5 ms; ONNX Runtime's products take 6 ms of 3·10⁹ operations, its own 4 ms of 2·10⁹."""
    floors = [
        {"kind": kind, "shape": "1x8", "giga_operations": operations, "ms": [time, time]}
        for kind, operations, time in (("int8", 3.0, 6.0), ("edgebert-native", 2.0, 4.0))
    ]
    row = encoder_row("edgebert int8 native", "edgebert", "int8", s1x8=[[5000] * 3] * 2)
    (section,) = limits_sections([record("limits", "minilm", [row], floors=floors)])
    assert table_of(section).rows == [
        ["edgebert int8 native", "600 (1.20)"],
        ["edgebert int8 native, of its own products", "400 (0.80)"],
        ["products alone, int8", "500"],
        ["products alone, edgebert-native", "500"],
    ]


def test_linear_layers_of_bert_by_hand() -> None:
    config = {"num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 256}
    assert native_products_of(config, "4x8") == {
        (32, 64, 192): 2,
        (32, 64, 64): 2,
        (32, 64, 256): 2,
        (32, 256, 64): 2,
    }


def test_the_answer_names_the_native_encoder_where_it_ran() -> None:
    common = {"stream": "mixed", "cores": 2}
    rows = [
        common | {"engine": engine, "system": engine, "seconds": [[seconds], [seconds]]}
        for engine, seconds in (
            ("sentence_transformers", 12.0),
            ("edgebert_int8", 2.0),
            ("edgebert_int8_native", 1.0),
        )
    ]
    measured = record("throughput", "", rows, streams={"mixed": 320})
    stock = record("throughput", "", rows[:2], streams={"mixed": 320})
    said = (
        "MiniLM in int8 embeds 6.0 times as many texts a second as sentence-transformers with torch"
    )
    assert throughput_answer([measured])[0] == f"{said}, and 12.0 times with edgebert-native."
    assert throughput_answer([stock])[0] == f"{said}."


def test_products_of_bert_by_hand() -> None:
    """BERT-base, one text of 128 tokens: 22.3 GOP, as in 12 × (4·768² + 2·768·3072)·2·128 + …."""
    config = {
        "num_hidden_layers": 12,
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_attention_heads": 12,
    }
    found = products_of(config, "1x128", "int8")
    assert found[Product("int8", 128, 768, 768)] == 48
    assert found[Product("float32", 128, 64, 128, 12)] == 12
    operations = sum(product.operations * count for product, count in found.items())
    assert operations == 12 * (4 * 768**2 + 2 * 768 * 3072) * 2 * 128 + 12 * 4 * 128**2 * 768
    assert operations == pytest.approx(22.3e9, rel=0.01)


def test_a_folder_has_one_record_of_a_case_about_something(tmp_path: Path) -> None:
    keep(record("latency", "minilm", []), tmp_path)
    keep(record("latency", "bert-base", []), tmp_path)
    keep(record("latency", "minilm", [{"new": 1}]), tmp_path)
    records = read_records(tmp_path / FILE)
    assert [each["about"] for each in records] == ["bert-base", "minilm"]
    found = find(records, "latency", "minilm")
    assert found is not None
    assert found["rows"] == [{"new": 1}]
    assert find(records, "latency") is None
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize("line", ["{", "[]", '{"case": "latency"}'])
def test_a_line_that_is_no_record_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / FILE
    path.write_text(json.dumps(record("load", "", [])) + f"\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"line 2 of .* is no record"):
        read_records(path)


def test_a_page_has_what_was_measured_and_nothing_else() -> None:
    rows = [encoder_row("edgebert fp32", "edgebert", "fp32", s1x128=[[1000] * 3] * 2)]
    page = page_of([record("latency", "minilm", rows)])
    assert [section.title for section in page.sections] == ["Encoder latency, MiniLM"]
    assert "again latency" in html(page)
    assert page_of([]).sections == []


@pytest.mark.parametrize(("value", "text"), [(0.1234, "0.12"), (12.34, "12.3"), (123.4, "123")])
def test_three_digits_count(value: float, text: str) -> None:
    assert brief(value) == text


def test_a_failure_is_told_once() -> None:
    rows = [{"system": "a", "failure": "b."}, {"system": "a", "failure": "b."}]
    assert failures([*rows, {"system": "c"}]) == "a has no numbers: b."


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["latency", "--model", "gpt"], "gpt"),
        (["latency", "--rounds", "1"], "equal to 2"),
        (["latency", "--only", "nobody"], "nobody"),
        (["throughput", "--only", "nobody"], "nobody"),
        (["latency", "--shapes", "8"], "8"),
        (["latency", "--threads", "0"], "0"),
        (["growth", "sideways"], "sideways"),
        (["run", "everything"], "everything"),
    ],
)
def test_wrong_arguments_are_named_before_anything_runs(arguments: list[str], words: str) -> None:
    found = CliRunner().invoke(app, arguments)
    assert found.exit_code == 2
    assert words in found.output


@pytest.mark.parametrize(
    "vectors",
    [
        np.array([[1.0, 0.0]]),
        np.array([[1.0, 0.0], [0.0, 1.0]]),
        np.array([[1.0, 0.0], [np.nan, 1.0]]),
    ],
)
def test_wrong_vectors_have_no_throughput(vectors: np.ndarray) -> None:
    reference = np.array([[1.0, 0.0], [1.0, 0.0]])
    require_right("edgebert_fp32", reference, reference)
    with pytest.raises(PeerError, match="wrong answer"):
        require_right("edgebert_fp32", vectors, reference)


def test_distances_by_hand() -> None:
    """The second vector is turned by 60° towards the first: similarity 0 became 0.866."""
    alone = np.array([[1, 0], [np.sqrt(0.75), 0.5]], np.float32)
    together = alone + np.array([[0, 0], [0, -0.25]], np.float32)
    assert distances(alone, REFERENCE) == pytest.approx(
        {"mean": 0.75, "first_percentile": 0.505, "worst": 0.5, "pair": 0.8660254}
    )
    assert largest_change(alone, together) == pytest.approx(0.25)
    assert largest_change(alone, alone) == 0


def test_equal_vectors_are_no_distance_apart() -> None:
    found = distances(REFERENCE, REFERENCE)
    assert found == {"mean": 1, "first_percentile": 1, "worst": 1, "pair": 0}


def test_a_text_finds_its_own() -> None:
    """Of three short texts the first finds its own long one, the others each other's."""
    shorts = np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float32)
    longs = np.array([[1, 0], [0.6, 0.8], [0, 1]], np.float32)
    assert recall(shorts, longs) == pytest.approx(1 / 3)
    assert recall(shorts, shorts) == 1


def test_padding_is_as_wide_as_asked(tiny_bundle: Bundle) -> None:
    texts = ["a red dog", "a"]
    shapes = [
        feeds["input_ids"].shape
        for length in (0, 20)
        for feeds in encoded(tiny_bundle, texts, length=length)
    ]
    assert shapes == [(1, 5), (1, 3), (1, 20), (1, 20)]
    (both,) = encoded(tiny_bundle, texts, batch=2)
    assert both["input_ids"].shape == (2, 5)
    assert both["attention_mask"].tolist() == [[1] * 5, [1] * 3 + [0] * 2]


def test_a_failure_is_kept_without_places_of_the_machine(tmp_path: Path) -> None:
    said = f"{ROOT}/benchmarks/peers/a.py hangs; see {Path.home()}/.cache/x"
    keep(record("start", "minilm", [{"engine": "a", "system": "a", "failure": said}]), tmp_path)
    (kept,) = read_records(tmp_path / FILE)
    assert kept["rows"][0]["failure"] == "benchmarks/peers/a.py hangs; see ~/.cache/x"


def test_headlines_take_their_place_and_nothing_else_moves() -> None:
    rows = [
        {"engine": "bare_int8", "system": "bare", "ms": [{"load": 100.0}, {"load": 100.0}]},
        {"engine": "edgebert_int8", "system": "x", "ms": [{"load": 120.0}, {"load": 130.0}]},
        {"engine": "edgebert_int8_kept", "system": "x", "ms": [{"load": 110.0}] * 2},
    ]
    large = [row | {"engine": row["engine"].replace("int8", "fp32")} for row in rows]
    rows += [
        {"engine": "edgebert_int8_native", "system": "x", "ms": [{"load": 105.0}] * 2},
        {"engine": "edgebert_int8_native_kept", "system": "x", "ms": [{"load": 90.0}] * 2},
    ]
    records = [record("start", "minilm", rows), record("start", "bert-base", large)]
    words = (
        "MiniLM in int8 takes 1.25 times their time, and 1.10 times after `edgebert-run warm`. "
        "With edgebert-native it takes 1.05 and 0.90 times. "
        "BERT-base in fp32 takes 1.25 times, and 1.10 times after it (110 ms)."
    )
    found = filled("a <!--start-->\nold<!--/start--> b <!--plain--> c", records)
    assert found.startswith(f"a <!--start-->{words}<!--/start-->")
    assert found.endswith(" b <!--plain--> c")
    assert filled(found, records) == found
    with pytest.raises(KeyError, match="nothing"):
        filled("<!--nothing--><!--/nothing-->", records)
    with pytest.raises(LookupError, match="latency minilm was not measured"):
        filled("<!--latency--><!--/latency-->", records)


def test_two_runs_are_compared_by_what_is_ours(tmp_path: Path) -> None:
    """Torch became slower, which is not our matter; then ours did."""
    shapes = {"s1x8": [[1000] * 3] * 2}
    ours = encoder_row("edgebert fp32", "edgebert", "fp32", **shapes)
    torch = encoder_row("torch eager", "torch", "fp32", **shapes)
    slow = {"samples_us": {"1x8": [[2000] * 3] * 2}}
    for name, rows in {
        "before": [ours, torch],
        "same": [ours, torch | slow],
        "slow": [ours | slow, torch],
    }.items():
        keep(record("latency", "minilm", rows), tmp_path / name)
    runner, before = CliRunner(), str(tmp_path / "before")
    same = runner.invoke(app, ["compare", before, str(tmp_path / "same")])
    assert (same.exit_code, "torch" in same.output) == (0, False)
    slower = runner.invoke(app, ["compare", before, str(tmp_path / "slow")])
    assert slower.exit_code == 1
    assert "latency minilm: edgebert fp32, 2 cores, 1x8" in slower.output
    nothing = runner.invoke(app, ["compare", before, str(tmp_path / "none")])
    assert nothing.exit_code == 2
    assert "share no measurement" in nothing.output


def test_every_row_has_times_to_compare() -> None:
    stretches = {"imports": 40.0, "load": 60.0}
    rows = {
        "load": {"engine": "edgebert_int8", "system": "a", "samples_us": [[1000] * 3] * 2},
        "start": {"engine": "edgebert_int8", "system": "a", "ms": [stretches] * 2},
        "throughput": {
            "engine": "edgebert_int8",
            "system": "a",
            "stream": "mixed",
            "cores": 2,
            "seconds": [[0.5, 0.1], [0.25]],
        },
        "growth": {"engine": "edgebert_int8", "system": "a", "texts": 9, "seconds": [2.0, 3.0]},
    }
    assert times_of([record(case, "", [row]) for case, row in rows.items()]) == {
        "load: a": [1.0, 1.0],
        "start: a": [100.0, 100.0],
        "throughput: a, mixed, 2 cores": [500.0, 250.0],
        "growth: a, 9": [2000.0, 3000.0],
    }


def test_the_committed_documents_are_what_the_records_say(tmp_path: Path) -> None:
    records = read_records(RESULTS / FILE)
    (tmp_path / "docs").mkdir()
    written = tmp_path / "docs" / "benchmarks.md"
    write_markdown(whole_page(records), written, tmp_path / "docs" / "figures")
    paths = list((tmp_path / "docs").rglob("*.*"))
    assert written in paths
    assert any(path.suffix == ".svg" for path in paths)
    for path in paths:
        committed = ROOT / path.relative_to(tmp_path)
        assert committed.read_text(encoding="utf-8") == path.read_text(encoding="utf-8")
    assert html(whole_page(records)) == (RESULTS / "report.html").read_text(encoding="utf-8")
    for path in NUMBERED:
        text = path.read_text(encoding="utf-8")
        assert text == filled(text, records)


def test_committed_records_were_taken_from_committed_code() -> None:
    records = read_records(RESULTS / FILE)
    assert {case for case, _ in map(key_of, records)} >= CASES
    assert [key_of(each) for each in records if each["machine"]["dirty"] is not False] == []
