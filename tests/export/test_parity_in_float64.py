"""Rounding passes however large the numbers are; a fault of the graph fails by far."""

from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

import edgebert
from edgebert.workflow.sources import Source, open_source
from edgebert_export import check_parity
from edgebert_export.verification.arithmetic import PIECE, Float64, Moved
from edgebert_export.verification.cases import MIXED_NUMBERS, parity_cases
from edgebert_export.verification.differences import Outputs, Rows, differences
from edgebert_export.verification.yardstick import Reference, measure
from edgebert_runtime import Bundle
from tests.support.families import NAMES, SAMPLES, build, build_with_head, ours, save

LARGE_NUMBERS = 60.0
TRIED = 2e-7
"""A tolerance that rounding exceeds, so that the yardstick decides."""


def enlarge(weights: Any) -> None:
    """Outlier dimensions, and none of the others."""
    weights[:4] *= LARGE_NUMBERS


@pytest.fixture(scope="module")
def pair(
    tiny_folder: Path, tiny_exported: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Source]:
    """A graph with large numbers, and the torch module it is of."""
    source = open_source(tiny_folder, max_length=20)
    model = ir.load(tiny_exported.path_of("onnx/model_cpu.onnx"))
    for name, value in model.graph.initializers.items():
        if "layers.1.feed_forward_norm.weight" in name and value.const_value is not None:
            array = value.const_value.numpy().copy()
            enlarge(array)
            value.const_value = ir.tensor(array, name=name)
    path = tmp_path_factory.mktemp("large") / "model.onnx"
    ir.save(model, path)
    module: Any = deepcopy(source.module)
    with torch.no_grad():
        enlarge(module.encoder.layers[1].feed_forward_norm.weight)
    return path, replace(source, module=module)


def test_rounding_passes_by_every_yardstick(pair: tuple[Path, Source]) -> None:
    graph, source = pair
    assert check_parity(graph, source.module, source.spec).passed
    report = check_parity(graph, source.module, source.spec, tolerance=TRIED)
    report.require()
    assert report.worst.reference is Reference.FLOAT64
    assert report.worst.torch_error
    assert report.worst.exact == pytest.approx(report.worst.torch, rel=1e-4, abs=1e-4)
    assert report.to_manifest()["references"]["float64"] == sum(
        case.reference is Reference.FLOAT64 for case in report.cases
    )


def another_gelu(module: Any) -> None:
    module.encoder.layers[0].feed_forward.activation = nn.GELU(approximate="tanh")


def another_epsilon(module: Any) -> None:
    module.encoder.embeddings.norm.eps = 1e-3


def no_bias(module: Any) -> None:
    module.encoder.layers[0].attention.output.bias.data.zero_()


def positions_off_by_one(module: Any) -> None:
    table = module.encoder.embeddings.position.weight.data
    table.copy_(table.roll(1, 0))


def transposed_head(module: Any) -> None:
    weight = module.encoder.layers[0].attention.query.weight.data
    weight[:12] = weight[:12].T.reshape(12, -1)[:, : weight.shape[1]].clone()


def exchanged_heads(module: Any) -> None:
    weight = module.encoder.layers[1].attention.value.weight.data
    weight.copy_(weight.roll(12, 0))


def another_scale(module: Any) -> None:
    module.encoder.layers[0].attention.scale *= 1.01


def last_token_is_dropped(module: Any) -> None:
    def drop(_: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        mask = args[1].clone()
        mask[:, -1] = 0
        return args[0], mask, *args[2:]

    module.encoder.register_forward_pre_hook(drop)


@pytest.mark.parametrize(
    "fault",
    [
        another_gelu,
        another_epsilon,
        no_bias,
        positions_off_by_one,
        transposed_head,
        exchanged_heads,
        another_scale,
        last_token_is_dropped,
    ],
)
def test_a_fault_fails_by_orders_of_magnitude(
    pair: tuple[Path, Source], fault: Callable[[Any], None]
) -> None:
    """Torch is changed, so the graph is the one that is wrong."""
    graph, source = pair
    module: Any = deepcopy(source.module)
    fault(module)
    worst = check_parity(graph, module, source.spec).worst
    assert worst.torch_error is not None
    assert worst.worst > 100 * worst.torch_error
    assert worst.worst > 20 * worst.tolerance
    assert "in float64; off by" in str(worst)


@pytest.mark.parametrize(
    "name", ["nomic-bert", *[pytest.param(x, marks=pytest.mark.slow) for x in NAMES]]
)
def test_large_random_weights_are_exported(name: str, tmp_path: Path) -> None:
    sample = SAMPLES[name]
    sample = replace(sample, changes={**sample.changes, "initializer_range": 0.3})
    torch.manual_seed(0)
    model = build_with_head(sample, "tag" if name == "nomic-bert" else "fill")
    bundle = edgebert.export(save(model, tmp_path / "source"), tmp_path / "out")
    for variant in bundle.manifest.variants.values():
        assert variant.parity is not None
        assert variant.parity["torch_error"] is None or variant.parity["reference"] == "float64"


@pytest.mark.parametrize("family", ["bert", "mpnet", "deberta-v3", "modernbert", "nomic-bert"])
def test_an_encoder_gives_what_its_copy_in_float64_gives(family: str) -> None:
    encoder = ours(build(SAMPLES[family]))
    ids = torch.randint(0, 1003, (3, 40), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    mask[1, 30:] = 0
    with torch.no_grad():
        plain, mode = encoder(ids, mask), Float64()
        with mode:
            found = encoder(ids, mask)
        assert encoder(ids, mask).equal(plain)
        copied = deepcopy(encoder).double()(ids, mask)
    assert found.dtype is torch.float64
    assert mode.narrowed == []
    kept = mask > 0
    assert float((plain - found)[kept].abs().max()) > 1e-7
    torch.testing.assert_close(found[kept], copied[kept], rtol=1e-5, atol=1e-6)


class Narrow(nn.Module):
    """Adds up numbers in a way of its own."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.table = nn.Embedding(40, 48)
        self.map = nn.Linear(48, 48)
        self.way = way

    def forward(self, input_ids: Tensor) -> Tensor:
        hidden: Tensor = self.map(self.table(input_ids))
        if self.way == "casts":
            hidden = functional.softmax(hidden.float(), -1, dtype=torch.float32)
        if self.way == "refuses" and hidden.dtype is not torch.float32:
            raise TypeError(f"expected float32, got {hidden.dtype}")
        if self.way == "buffer":
            hidden = torch.zeros(hidden.shape).copy_(hidden)
        if self.way == "bits":  # in float64 the same memory is other numbers
            return hidden.view(torch.int32).view(torch.float32)[..., :48]
        mapped: Tensor = self.map(hidden)
        return mapped


@pytest.mark.parametrize(
    ("way", "kind"),
    [
        ("casts", Reference.FLOAT64),
        ("refuses", Reference.MOVED),
        ("buffer", Reference.MOVED),
        ("bits", Reference.MOVED),
    ],
)
def test_the_yardstick_is_float64_unless_a_module_computes_float32_inside(
    way: str, kind: Reference
) -> None:
    torch.manual_seed(0)
    module, ids = Narrow(way), torch.arange(12).reshape(2, 6)

    def run(mode: TorchDispatchMode | None) -> Outputs:
        with torch.no_grad(), mode or nullcontext():
            return {"out": module(ids).numpy()}

    every = np.ones((2, 6), dtype=np.bool_)
    yardstick = measure(run, run(None), {"out": Rows(compared=every, zero=~every)})
    assert yardstick.kind is kind
    assert 1e-9 < yardstick.errors["out"] < 1e-6


def test_moved_results_are_neighbours_and_keep_what_is_dropped() -> None:
    values = torch.tensor([1.0, -3.0, 0.0, torch.finfo(torch.float32).min, -torch.inf])
    with Moved(0):
        moved = values * 1
    assert moved[2:].equal(values[2:])
    assert torch.all((moved != values)[:2])
    assert moved[:2].allclose(values[:2], rtol=2.4e-7, atol=0)


@pytest.mark.parametrize("bias", [True, False])
def test_a_large_matrix_is_widened_in_pieces(bias: bool) -> None:
    layer = nn.Linear(8, PIECE // 4, bias=bias)
    hidden = torch.randn(3, 5, 8)
    with torch.no_grad(), Float64():
        found = layer(hidden)
    assert found.dtype is torch.float64
    torch.testing.assert_close(found, layer.double()(hidden.double()), rtol=1e-12, atol=1e-12)


def test_a_mixed_batch_of_a_wide_vocabulary_has_few_tokens(tmp_path: Path) -> None:
    source = open_source(save(build_with_head(SAMPLES["bert"], "fill"), tmp_path / "source"))
    spec = replace(source.spec, vocabulary=250_002, max_positions=512)
    cases = {case.name: case.feeds["input_ids"].size for case in parity_cases(spec)}
    assert max(cases.values()) == 512
    assert all(size * 250_002 <= MIXED_NUMBERS for name, size in cases.items() if "512" not in name)
    assert any(name.startswith("3x") for name in cases)


def test_a_difference_is_absolute_below_one_and_relative_above() -> None:
    rows = {"a": Rows(compared=np.array([True, True, False]), zero=np.array([False] * 3))}
    expected = {"a": np.array([[0.5, 200.0], [1.0, 0.0], [9.0, 9.0]])}
    found = {"a": np.array([[0.5, 202.0], [1.5, 0.0], [0.0, 9.0]])}
    (one,) = differences(found, expected, rows).values()
    assert (one.size, one.at) == (0.5, (1, 0))
    found["a"][1, 0] = 1.0
    (one,) = differences(found, expected, rows).values()
    assert (one.size, one.at) == (0.01, (0, 1))
    found["a"][2, 1] = np.nan
    (one,) = differences(found, expected, rows).values()
    assert (one.size, one.at) == (np.inf, (2, 1))
