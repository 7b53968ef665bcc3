"""A narrower encoder gives what the whole one does with those parts masked, and is read back."""

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import edgebert
from edgebert.checkpoints import read_checkpoint
from edgebert.checkpoints.families.family import Family
from edgebert.checkpoints.families.registry import FAMILIES
from edgebert.checkpoints.rewriting import parts_of
from edgebert.checkpoints.saving import save_checkpoint
from edgebert.checkpoints.state_dict import (
    config_from_hf,
    config_to_hf,
    state_from_hf,
    state_to_hf,
)
from edgebert.compression.distillation.layers import with_layers
from edgebert.compression.widths.narrowing import Kept, narrowed
from edgebert.model.config import LayerWidths
from edgebert.model.encoder import Encoder
from edgebert.tasks.registry import checkpoint_tasks
from edgebert_runtime import check
from edgebert_runtime.errors import CheckpointError, ConfigError
from tests.support.families import SAMPLES, build, family_of, ours, save

BLOCKS = ("bert", "albert-groups", "mpnet", "deberta-v2", "modernbert", "nomic-bert")
"""Samples with blocks of every kind."""

IDS = torch.tensor([[4, 5, 6, 7, 8, 9, 10, 11], [12, 13, 14, 15, 0, 0, 0, 0]])
MASK = torch.tensor([[1] * 8, [1] * 4 + [0] * 4])

EACH = (
    Kept(heads=(0, 2), neurons=tuple(range(0, 68, 2))),
    Kept(heads=(1,), neurons=tuple(range(5, 68))),
    Kept(heads=(0, 1, 2), neurons=(7,)),
)
"""Of a sample's three layers."""


@pytest.fixture(scope="module")
def whole() -> Encoder:
    return ours(build(SAMPLES["bert"]))


def read_back(family: Family, encoder: Encoder, **changes: Any) -> Encoder:
    """What a folder of it would be read as."""
    noted = config_to_hf(family, encoder.config) | changes
    config = config_from_hf(family, noted, pooler=encoder.config.pooler)
    found = Encoder(config).eval()
    tensors = state_to_hf(family, encoder.state_dict(), encoder.config)
    found.load_state_dict(state_from_hf(family, tensors, config))
    return found


def states(encoder: Encoder) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = encoder(IDS, MASK)
    return found[MASK.bool()]


def masked(encoder: Encoder, kept: tuple[Kept, ...]) -> Encoder:
    """The whole encoder, whose last maps do not see what goes."""
    copy = deepcopy(encoder)
    size = encoder.config.head_dimension
    for layer, part in zip(copy.layers, kept, strict=True):
        output, contract = layer.attention.output.weight, layer.feed_forward.contract.weight
        heads = [head for head in range(3) if head not in part.heads]
        neurons = [each for each in range(contract.shape[1]) if each not in part.neurons]
        with torch.no_grad():
            output.view(48, 3, size)[:, heads] = 0
            contract[:, neurons] = 0
    return copy


@pytest.mark.parametrize("name", BLOCKS)
def test_what_is_left_gives_what_a_mask_gives_and_is_read_back(name: str) -> None:
    model = build(SAMPLES[name])
    encoder = ours(model)
    kept = EACH[: encoder.config.distinct_layers]
    smaller = narrowed(encoder, kept)
    expected = states(masked(encoder, kept))
    torch.testing.assert_close(states(smaller), expected, rtol=1e-4, atol=1e-4)
    assert (states(encoder) - expected).abs().max() > 1e-2
    found = read_back(family_of(model), smaller)
    assert found.config == smaller.config
    assert torch.equal(states(found), states(smaller))


def test_a_folder_has_the_widths_beside_its_history(tmp_path: Path) -> None:
    tasks = checkpoint_tasks()
    source = read_checkpoint(save(build(SAMPLES["bert"]), tmp_path / "source"), tasks=tasks)
    smaller = narrowed(source.encoder, EACH)
    made = replace(source, encoder=smaller, config=smaller.config)
    save_checkpoint(tmp_path / "out", parts_of(made, "pruned", {}))
    found = read_checkpoint(tmp_path / "out", tasks=tasks)
    assert found.config == smaller.config
    assert torch.equal(states(found.encoder), states(smaller))
    noted = json.loads((tmp_path / "out" / "config.json").read_text(encoding="utf-8"))["edgebert"]
    assert noted["widths"][0] == {"heads": [0, 2], "intermediate": 34}
    assert noted["history"][0]["step"] == "pruned"
    save_checkpoint(tmp_path / "same", parts_of(replace(found, encoder=source.encoder), "x", {}))
    config = json.loads((tmp_path / "same" / "config.json").read_text(encoding="utf-8"))
    assert "widths" not in config["edgebert"]


def test_a_narrower_encoder_is_narrowed_again_and_loses_layers() -> None:
    encoder = ours(build(SAMPLES["mpnet"]))
    once = narrowed(encoder, EACH)
    first = Kept(heads=(1,), neurons=(3, 4))
    twice = narrowed(once, (first, _all(once, 1), _all(once, 2)))
    assert twice.config.widths_of(0) == LayerWidths(heads=(2,), intermediate=2)
    expected = masked(encoder, (Kept(heads=(2,), neurons=(6, 8)), *EACH[1:]))
    torch.testing.assert_close(states(twice), states(expected), rtol=1e-4, atol=1e-4)
    fewer = with_layers(once, (0, 2))
    assert fewer.config.widths == (once.config.widths_of(0), once.config.widths_of(2))


def _all(encoder: Encoder, layer: int) -> Kept:
    widths = encoder.config.widths_of(layer)
    heads, neurons = range(len(widths.heads)), range(widths.intermediate)
    return Kept(heads=tuple(heads), neurons=tuple(neurons))


@pytest.mark.parametrize(
    "empty", [Kept(heads=(), neurons=(1,)), Kept(heads=(1,), neurons=())], ids=["heads", "neurons"]
)
def test_a_layer_without_heads_or_neurons_is_refused(empty: Kept, whole: Encoder) -> None:
    with pytest.raises(ConfigError, match=r"layer 1 has .* expected at least 1 head and 1 to 68"):
        narrowed(whole, (EACH[0], empty, EACH[2]))


@pytest.mark.parametrize(
    ("widths", "message"),
    [
        (3, "edgebert.widths=3, expected a list"),
        ([{"heads": [0, 1]}], "widths lacks 'intermediate'"),
        ([{"heads": [0, "1"], "intermediate": 3}], r"heads\[1\] is '1', expected an integer"),
        ([{"heads": [0, 2], "intermediate": 34}], "widths of 1 layers, expected 3"),
        ([{"heads": [2, 0], "intermediate": 34}] * 3, r"layer 0 has the heads \[2, 0\]"),
        ([{"heads": [0, 2], "intermediate": 34}] * 3, r"query.weight is \(16, 48\), expected \(32"),
        (None, r"query.weight is \(32, 48\), expected \(48, 48\)"),
    ],
)
def test_widths_that_do_not_fit_are_refused(widths: Any, message: str, whole: Encoder) -> None:
    smaller = narrowed(whole, EACH)
    with pytest.raises(CheckpointError, match=message):
        read_back(FAMILIES["bert"], smaller, edgebert={"widths": widths})


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bert", "mpnet", "modernbert"])
def test_graphs_of_every_target_take_layers_of_different_widths(name: str, tmp_path: Path) -> None:
    source = read_checkpoint(
        save(build(SAMPLES[name]), tmp_path / "source"), tasks=checkpoint_tasks()
    )
    smaller = narrowed(source.encoder, EACH)
    made = replace(source, encoder=smaller, config=smaller.config)
    save_checkpoint(tmp_path / "out", parts_of(made, "pruned", {}))
    bundle = edgebert.export(tmp_path / "out", tmp_path / "cuda", target="cuda", precision="fp32")
    fused = {name: each.fusions for name, each in bundle.manifest.variants.items()}
    assert fused["cuda"]["attention"] == 3
    assert bundle.manifest.architecture["heads"] is None
    cpu = edgebert.export(tmp_path / "out", tmp_path / "cpu", precision="int8", force=True)
    assert check(cpu).passed
