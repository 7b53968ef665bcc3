"""Optimizer, learning rate schedule, device and mixed precision of a training."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Final

import torch
from torch import nn

from edgebert.training.config import Autocast, TrainingConfig
from edgebert_runtime.errors import ConfigError

HALF_DTYPES: Final = {Autocast.BF16: torch.bfloat16, Autocast.FP16: torch.float16}


@dataclass(frozen=True, kw_only=True)
class MixedPrecision:
    """The device of the model, and the dtype of its forward pass.

    Attributes:
        device: of the model.
        half: the dtype that autocast computes in; None computes in float32.
    """

    device: torch.device
    half: torch.dtype | None

    def autocast(self) -> AbstractContextManager[object]:
        """Around each forward pass."""
        if self.half is None:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.half)

    def scaler(self) -> torch.amp.GradScaler:
        """Keeps fp16 gradients from vanishing (Micikevicius et al. 2018, section 3.2)."""
        return torch.amp.GradScaler(self.device.type, enabled=self.half is torch.float16)


def choose_mixed_precision(config: TrainingConfig) -> MixedPrecision:
    """The device and the autocast dtype of a config.

    Raises:
        ConfigError: torch does not know the device, or it is not there, or fp16 is asked of a CPU.
    """
    device = _device(config.device)
    autocast = Autocast(config.autocast)
    if autocast is Autocast.AUTO:
        autocast = _best(device)
    if autocast is Autocast.FP16 and device.type == "cpu":
        raise ConfigError("autocast fp16 needs a CUDA device; a CPU trains in fp32 or bf16")
    return MixedPrecision(device=device, half=HALF_DTYPES.get(autocast))


def adamw(model: nn.Module, config: TrainingConfig) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019) without decay on biases and LayerNorms, the vectors."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate)


def learning_rate(step: int, steps: int, config: TrainingConfig) -> float:
    """The rate of step 1…steps: linear warm-up to the peak, then linear decay to zero.

    The first step after the warm-up has the peak rate (Devlin et al. 2019, appendix A.2).
    """
    rising = round(config.warmup * steps)
    if step <= rising:
        return config.learning_rate * step / (rising + 1)
    return config.learning_rate * (steps - step + 1) / (steps - rising)


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ConfigError(f"device {name!r} is not available here ({reason}); try auto") from error
    return device


def _best(device: torch.device) -> Autocast:
    if device.type != "cuda":
        return Autocast.FP32
    return Autocast.BF16 if torch.cuda.is_bf16_supported() else Autocast.FP16
