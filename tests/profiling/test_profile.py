"""A profile of a real bundle, in real processes, and the command."""

import json
import re
from pathlib import Path

import pytest

from edgebert.profiling import Product, ProfileReport, profile
from edgebert.profiling.tracing import GraphRun, profile_graphs
from edgebert_runtime import Bundle
from edgebert_runtime.errors import ConfigError, EdgebertError
from tests.support.commands import edgebert

BATCH, SEQUENCE = 2, 8
ROWS = BATCH * SEQUENCE
HIDDEN, INTERMEDIATE, HEADS, LAYERS = 48, 56, 4, 2
"""Of the tiny encoder."""

ATTENTION = LAYERS * BATCH * HEADS * 2 * (2 * SEQUENCE * SEQUENCE * HIDDEN // HEADS)
LINEAR = LAYERS * 2 * ROWS * (4 * HIDDEN * HIDDEN + 2 * HIDDEN * INTERMEDIATE)


def measured(bundle: Bundle, variant: str) -> ProfileReport:
    return profile(bundle, variant, batch=BATCH, sequence=SEQUENCE, threads=1, runs=2)


@pytest.fixture(scope="module")
def floats(tiny_bundle: Bundle) -> ProfileReport:
    return measured(tiny_bundle, "fp32")


@pytest.fixture(scope="module")
def integers(tiny_bundle: Bundle) -> ProfileReport:
    return measured(tiny_bundle, "int8")


@pytest.mark.parametrize("which", ["floats", "integers"])
def test_all_time_is_accounted_for_once(which: str, request: pytest.FixtureRequest) -> None:
    report: ProfileReport = request.getfixturevalue(which)
    names = [operator.name for operator in report.operators]
    assert len(set(names)) == len(names) > 40
    for groups in (report.by_kind, report.by_region):
        assert sum(group.count for group in groups) == len(names)
        times = sum(group.microseconds for group in groups) + report.outside_us
        assert times == pytest.approx(report.total_us)
    assert report.outside_us > 0
    assert report.profiled.median > 0
    assert report.plain.median > 0
    assert report.runs == 2


@pytest.mark.parametrize("which", ["floats", "integers"])
def test_every_operator_has_its_place(which: str, request: pytest.FixtureRequest) -> None:
    report: ProfileReport = request.getfixturevalue(which)
    regions = [group.name for group in report.by_region]
    assert regions == ["embeddings", "shared", "layer 1", "layer 2", "pooling"]


def test_products_have_the_operations_of_the_model(floats: ProfileReport) -> None:
    assert floats.all.operations == LINEAR + ATTENTION
    found = {use.product: use.count for use in floats.uses}
    assert found == {
        Product("float32", ROWS, HIDDEN, HIDDEN): 4 * LAYERS,
        Product("float32", ROWS, HIDDEN, INTERMEDIATE): LAYERS,
        Product("float32", ROWS, INTERMEDIATE, HIDDEN): LAYERS,
        Product("float32", SEQUENCE, HIDDEN // HEADS, SEQUENCE, BATCH * HEADS): LAYERS,
        Product("float32", SEQUENCE, SEQUENCE, HIDDEN // HEADS, BATCH * HEADS): LAYERS,
    }
    assert set(floats.rates) == set(found)
    assert set(floats.ceilings) == {"float32"}


def test_integers_have_the_same_operations(integers: ProfileReport) -> None:
    uses = [use for use in integers.uses if use.product.kind == "int8"]
    assert sum(use.count * use.product.operations for use in uses) == LINEAR
    found = {use.product: use.count for use in uses}
    assert found[Product("int8", ROWS, HIDDEN, HIDDEN)] == 4 * LAYERS
    assert set(integers.ceilings) == {"float32", "int8"}
    assert all(operator.isolated_us is not None for operator in integers.operators)


def test_the_time_alone_counts_each_product_once(floats: ProfileReport) -> None:
    times = [use.count * floats.rates[use.product].microseconds for use in floats.uses]
    assert floats.isolated_us == pytest.approx(sum(times))


def test_tokens_are_as_many_as_the_model_takes(tiny_bundle: Bundle) -> None:
    said: list[str] = []
    report = profile(tiny_bundle.folder, threads=1, runs=1, progress=said.append)
    assert (report.sequence, report.batch, report.runs) == (40, 1, 1)
    assert report.bundle == "tiny"
    assert said == [f"profiling {report.variant}, round 1 of 1"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"variant": "int3"}, "has no variant 'int3'"),
        ({"batch": 0}, "batch must be at least 1, got 0"),
        ({"runs": -1}, "runs must be at least 1, got -1"),
        ({"threads": 0}, "threads must be at least 1, got 0"),
        ({"sequence": 0}, "sequence must be at least 1, got 0"),
        ({"sequence": 41}, "sequence must be at most 40, the model's limit; got 41"),
    ],
)
def test_what_makes_no_sense_is_refused(
    arguments: dict[str, object], message: str, tiny_bundle: Bundle
) -> None:
    with pytest.raises(ConfigError, match=message):
        profile(tiny_bundle, **arguments)  # type: ignore[arg-type]


def test_a_variant_that_needs_a_gpu_is_refused(bundle: Bundle) -> None:
    path = bundle.folder / "edgebert.json"
    fields = json.loads(path.read_text(encoding="utf-8"))
    fields["variants"]["cpu"]["needs"] = "cuda"
    path.write_text(json.dumps(fields), encoding="utf-8")
    with pytest.raises(EdgebertError, match=r"'cpu'.*(needs|has no) "):
        profile(bundle, "cpu")


def test_an_operator_that_does_not_run_here_is_named(bundle: Bundle, tmp_path: Path) -> None:
    import numpy as np
    import onnx_ir as ir

    graph = bundle.path_of("onnx/model_cpu.onnx")
    model = ir.load(graph)
    node = next(node for node in model.graph if node.op_type == "LayerNormalization")
    node.op_type, node.domain = "NoSuchOperator", "nobody"
    model.opset_imports["nobody"] = 1
    ir.save(model, tmp_path / "changed.onnx")
    np.savez(tmp_path / "feeds.npz", input_ids=np.zeros((1, 2), np.int64))
    task = GraphRun(graph=tmp_path / "changed.onnx", feeds=tmp_path / "feeds.npz", outputs=["x"])
    with pytest.raises(EdgebertError, match=r"measuring failed .*NoSuchOperator"):
        profile_graphs([task], threads=1, runs=1)


@pytest.fixture(scope="module")
def commanded(tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the command prints, and what it writes."""
    json_file = tmp_path_factory.mktemp("profile") / "profile.json"
    done = edgebert(
        *("profile", tiny_bundle.folder, "--variant", "cpu", "--sequence", SEQUENCE),
        *("--batch", BATCH, "--threads", 1, "--runs", 1, "--json", json_file),
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"profiling cpu, round 1 of 1\ndone in 0:\d\d\n", done.stderr)
    return done.stdout, json_file


def test_the_command_prints_tables(commanded: tuple[str, Path]) -> None:
    printed, _ = commanded
    assert printed.startswith("2 × 8 tokens on one thread take ")
    for title in ("The whole", "By layer", "By operator", "By product"):
        assert re.search(rf"^{title}$", printed, re.MULTILINE), title
    for row in ("products alone", "layer 2", "LayerNormalization", "outside operators"):
        assert re.search(rf"^{row} ", printed, re.MULTILINE), row


def test_the_command_writes_everything(commanded: tuple[str, Path]) -> None:
    _, json_file = commanded
    fields = json.loads(json_file.read_text(encoding="utf-8"))
    assert (fields["variant"], fields["batch"], fields["sequence"]) == ("cpu", BATCH, SEQUENCE)
    assert sum(item["operations"] * item["count"] for item in fields["products"]) == (
        LINEAR + ATTENTION
    )
    times = sum(item["microseconds"] for item in fields["operators"])
    assert times + fields["parts_us"]["outside operators"] == pytest.approx(fields["total_us"])


def test_places_that_cannot_be_written_are_refused_before_anything_is_measured(
    tiny_bundle: Bundle, tmp_path: Path
) -> None:
    nowhere = tmp_path / "no" / "such" / "file.json"
    done = edgebert("profile", tiny_bundle.folder, "--json", nowhere)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"edgebert: {nowhere} cannot be written: ")
    assert list(tmp_path.iterdir()) == []
