"""The losses, computed by hand; and the learning rate, step by step."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from edgebert.training import TrainingConfig, losses
from edgebert.training.optimization import adamw, choose_mixed_precision, learning_rate
from edgebert_runtime.errors import ConfigError


def test_cross_entropy_counts_what_is_not_ignored() -> None:
    logits = torch.tensor([[0.0, math.log(3.0)], [5.0, 1.0], [0.0, 0.0]])
    targets = torch.tensor([1, losses.IGNORED, 0])
    # −ln(3/4) and −ln(1/2); the second row is not counted.
    expected = math.log(4 / 3) + math.log(2)
    assert losses.cross_entropy(logits, targets).item() == pytest.approx(expected)


def test_cross_entropy_takes_one_target_a_token() -> None:
    logits = torch.zeros(2, 3, 4)
    targets = torch.tensor([[0, 1, losses.IGNORED], [losses.IGNORED, 3, 2]])
    assert losses.cross_entropy(logits, targets).item() == pytest.approx(4 * math.log(4))


def test_binary_cross_entropy_by_hand() -> None:
    logits = torch.tensor([[0.0, math.log(3.0)]])
    # −ln(1/2) for yes, −ln(1 − 3/4) for no.
    expected = math.log(2) + math.log(4)
    found = losses.binary_cross_entropy(logits, torch.tensor([[1.0, 0.0]]))
    assert found.item() == pytest.approx(expected)


def test_squared_error_by_hand() -> None:
    found = losses.squared_error(torch.tensor([[1.0], [4.0]]), torch.tensor([[3.0], [4.5]]))
    assert found.item() == pytest.approx(4.25)


def test_contrast_by_hand() -> None:
    vectors = torch.tensor([[3.0, 0.0], [0.0, 2.0]])
    positives = torch.tensor([[1.0, 0.0], [0.6, 0.8]])
    # Cosines are [[1, 0.6], [0, 0.8]]; scaled by 20. Rows and columns, each their own answer.
    rows = math.log1p(math.exp(-8)) + math.log1p(math.exp(-16))
    columns = math.log1p(math.exp(-20)) + math.log1p(math.exp(-4))
    found = losses.contrastive(vectors, positives)
    assert found.item() == pytest.approx((rows + columns) / 2, rel=1e-4)


def test_the_learning_rate_rises_and_falls_in_lines() -> None:
    config = TrainingConfig(learning_rate=8.0, warmup=0.3)
    rates = [learning_rate(step, 10, config) for step in range(1, 11)]
    # Three steps up by quarters, the highest at the fourth, then seven equal steps down to 8/7.
    falling = [8.0 * left / 7 for left in range(7, 0, -1)]
    assert rates == pytest.approx([2.0, 4.0, 6.0, *falling])


@pytest.mark.parametrize("warmup", [0.0, 1.0])
def test_the_learning_rate_is_never_zero_nor_too_high(warmup: float) -> None:
    config = TrainingConfig(learning_rate=1.0, warmup=warmup)
    for steps in (1, 2, 7):
        rates = [learning_rate(step, steps, config) for step in range(1, steps + 1)]
        assert all(0 < rate <= 1 for rate in rates)


def test_biases_and_layer_norms_do_not_decay() -> None:
    model = nn.Sequential(nn.Embedding(3, 4), nn.Linear(4, 4), nn.LayerNorm(4))
    decaying, others = adamw(model, TrainingConfig(weight_decay=0.3)).param_groups
    assert (decaying["weight_decay"], others["weight_decay"]) == (0.3, 0.0)
    assert [tuple(p.shape) for p in decaying["params"]] == [(3, 4), (4, 4)]
    assert [tuple(p.shape) for p in others["params"]] == [(4,), (4,), (4,)]


def test_on_a_cpu_nothing_is_narrow_unless_asked() -> None:
    assert choose_mixed_precision(TrainingConfig(device="cpu")).half is None
    asked = choose_mixed_precision(TrainingConfig(device="cpu", autocast="bf16"))
    assert asked.half is torch.bfloat16
    assert not asked.scaler().is_enabled()
    with pytest.raises(ConfigError, match="fp16 needs a CUDA device"):
        choose_mixed_precision(TrainingConfig(device="cpu", autocast="fp16"))
    with pytest.raises(ConfigError, match="device 'abacus' is not available"):
        choose_mixed_precision(TrainingConfig(device="abacus"))


def test_every_number_out_of_range_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        TrainingConfig(epochs=0, learning_rate=-1.0, warmup=1.5, autocast="fp8", patience=0)
    for name in ("epochs=0", "learning_rate=-1.0", "warmup=1.5", "autocast='fp8'", "patience=0"):
        assert name in str(caught.value)


@pytest.mark.parametrize("name", ["learning_rate", "weight_decay"])
@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_rates_are_finite(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"{name}={value}, expected .*, and finite"):
        TrainingConfig(**{name: value})


def test_the_old_name_of_autocast_is_taken_with_a_warning() -> None:
    with pytest.warns(DeprecationWarning, match="is now autocast") as caught:
        config = TrainingConfig(device="cpu", precision="bf16")
    assert caught[0].filename == __file__
    assert config == TrainingConfig(device="cpu", autocast="bf16")
    assert replace(config, epochs=2).autocast == "bf16"
    with (
        pytest.warns(DeprecationWarning, match="is now autocast"),
        pytest.raises(ConfigError, match="autocast='fp8', expected one of auto, fp32, bf16, fp16"),
    ):
        TrainingConfig(precision="fp8")
