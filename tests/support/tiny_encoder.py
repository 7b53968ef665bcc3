"""A tiny BERT with words of its own, its folder, and texts for it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Final

import safetensors.torch
import torch

from edgebert.checkpoints.families.bert import BERT
from edgebert.checkpoints.state_dict import config_to_hf, state_to_hf
from edgebert.model.config import Activation, EncoderConfig
from edgebert.model.encoder import Encoder

WORDS: Final = (
    "the a an of to is in it small cat dog sat on mat and ran far over red blue un ##able ##s ."
)
SPECIALS: Final = "[PAD] [UNK] [CLS] [SEP] [MASK]"

TINY: Final = EncoderConfig(
    vocabulary=len(f"{SPECIALS} {WORDS}".split()),
    hidden=48,
    layers=2,
    heads=4,
    intermediate=56,
    positions=40,
    token_types=2,
    activation=Activation.GELU,
    layer_norm_epsilon=1e-12,
    padding_id=0,
    hidden_dropout=0.1,
    attention_dropout=0.1,
    initializer_range=0.3,
    pooler=True,
)

WIDER: Final = replace(
    TINY, hidden=256, layers=1, heads=8, intermediate=1024, initializer_range=0.02
)
"""So wide that int8 is faster than fp32."""

EVEN: Final = replace(TINY, intermediate=64)
"""Of widths that ONNX Runtime 1.21 to 1.24 multiplies right on a CPU with AMX, too."""

TEXTS: Final = [
    "the small cat sat on the mat .",
    "a dog",
    "",
    "it ran far over the red unable dogs " * 3,
]


def build_tiny(config: EncoderConfig = TINY) -> Encoder:
    """Every parameter random: equal biases would be stored once and hide a mix-up."""
    torch.manual_seed(0)
    encoder = Encoder(config).eval()
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return encoder


def save_tiny(encoder: Encoder, folder: Path) -> Path:
    """A Hugging Face folder with only a vocab.txt for a tokenizer."""
    folder.mkdir()
    config = json.dumps(config_to_hf(BERT, encoder.config))
    (folder / "config.json").write_text(config, encoding="utf-8")
    (folder / "vocab.txt").write_text("\n".join(f"{SPECIALS} {WORDS}".split()), encoding="utf-8")
    state = state_to_hf(BERT, encoder.state_dict(), encoder.config)
    safetensors.torch.save_file(state, folder / "model.safetensors")
    return folder
