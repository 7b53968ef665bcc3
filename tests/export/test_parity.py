import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

from edgebert.workflow.sources import Source, open_source
from edgebert_export import check_parity
from edgebert_export.graph.trace import EXAMPLE_BATCH, EXAMPLE_SEQUENCE
from edgebert_export.verification.cases import MASKS, parity_cases
from edgebert_runtime import Bundle
from edgebert_runtime.errors import ParityError


@pytest.fixture(scope="module")
def source(tiny_folder: Path) -> Source:
    return open_source(tiny_folder, max_length=20)


def edited(bundle: Bundle, tmp_path: Path, name_part: str, edit: object) -> Path:
    """A copy of the cpu graph with one initializer changed."""
    model = ir.load(bundle.path_of("onnx/model_cpu.onnx"))
    (name, value) = next(
        (name, value) for name, value in model.graph.initializers.items() if name_part in name
    )
    assert value.const_value is not None
    array = value.const_value.numpy().copy()
    edit(array)  # type: ignore[operator]
    value.const_value = ir.tensor(array, name=name)
    ir.save(model, tmp_path / "edited.onnx")
    return tmp_path / "edited.onnx"


def test_cases_cover_lengths_masks_and_batches(source: Source) -> None:
    names = {case.name for case in parity_cases(source.spec)}
    for length in (1, 2, 17, 20, 40):
        assert f"1x{length} full" in names
    assert all(f"3x40 {mask}" in names for mask in MASKS)
    assert any("row without tokens" in name for name in names)


def test_cases_use_every_id_and_never_the_traced_sizes(source: Source) -> None:
    cases = list(parity_cases(source.spec))
    types = np.concatenate([case.feeds["token_type_ids"].ravel() for case in cases])
    assert set(types) == {0, 1}
    shapes = {case.feeds["input_ids"].shape for case in cases}
    assert all(batch != EXAMPLE_BATCH and length != EXAMPLE_SEQUENCE for batch, length in shapes)


@pytest.mark.parametrize(("length", "rows"), [(2730, 3), (4096, 2), (8192, 1), (20_000, 1)])
def test_few_rows_are_of_a_length_that_takes_much_memory(
    source: Source, length: int, rows: int
) -> None:
    spec = replace(source.spec, max_positions=length)
    masks = {case.name: case.feeds["attention_mask"] for case in parity_cases(spec)}
    for mask in MASKS:
        kept = masks[f"{rows}x{length} {mask}"].mean(axis=1)
        assert [share == 1 for share in kept] == [rows > 1, *[False] * (rows - 1)][:rows]
        assert f"3x2730 {mask}" in masks


def test_masks_differ_in_kind(source: Source) -> None:
    cases = {case.name: case.feeds["attention_mask"] for case in parity_cases(source.spec)}
    assert (cases["3x40 right"][:, 0] == 1).all()
    assert (cases["3x40 left"][:, -1] == 1).all()
    assert (np.diff(cases["3x40 gaps"][1]) != 0).sum() > 2


def test_a_small_error_in_one_bias_is_found_and_named(
    source: Source, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    def nudge(array: np.ndarray) -> None:
        array[5] += 1e-3

    graph = edited(tiny_bundle, tmp_path, "layers.1.feed_forward_norm.bias", nudge)
    report = check_parity(graph, source.module, source.spec)
    assert not report.passed
    assert 5e-4 < report.worst.worst < 2e-3
    with pytest.raises(ParityError, match=re.escape("parity cases fail; worst: case")):
        report.require()


def test_a_wrong_position_row_is_found_only_at_full_length(
    source: Source, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    def spoil(array: np.ndarray) -> None:
        array[-1, 3] += 0.1  # one element: LayerNorm would undo a shift of all

    graph = edited(tiny_bundle, tmp_path, "position", spoil)
    report = check_parity(graph, source.module, source.spec)
    assert {case.case.split()[0].split("x")[1] for case in report.cases if not case.passed} == {
        "40"
    }


def test_nan_is_worse_than_any_number(source: Source, tiny_bundle: Bundle, tmp_path: Path) -> None:
    def poison(array: np.ndarray) -> None:
        array[0] = np.nan

    graph = edited(tiny_bundle, tmp_path, "layers.0.attention_norm.weight", poison)
    report = check_parity(graph, source.module, source.spec)
    assert report.worst.worst == np.inf
    assert not report.passed


def test_an_unchanged_graph_passes_with_room(source: Source, tiny_bundle: Bundle) -> None:
    report = check_parity(tiny_bundle.path_of("onnx/model.onnx"), source.module, source.spec)
    assert report.passed
    assert 0 < report.worst.worst < 1e-5
