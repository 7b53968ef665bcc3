"""The models that are measured: their checkpoints, and our bundles made of them."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

import safetensors.torch
import torch

import edgebert
import edgebert_export
import edgebert_quantize
import edgebert_runtime
from benchmarks.artifacts import FOLDER, made
from benchmarks.pairing import PeerError
from edgebert.checkpoints.families.bert import BERT
from edgebert.checkpoints.families.family import Family
from edgebert.checkpoints.families.modernbert import MODERNBERT
from edgebert.checkpoints.state_dict import config_to_hf, state_to_hf
from edgebert.model.config import Activation, EncoderConfig, LocalAttention, Positions, Rotary
from edgebert.model.encoder import Encoder
from edgebert_quantize.recipes import RecipeName
from edgebert_runtime import Bundle
from edgebert_runtime.errors import BundleError
from examples.minilm import minilm_folder

PRODUCT: Final = (edgebert, edgebert_export, edgebert_quantize, edgebert_runtime)

BERT_BASE: Final = EncoderConfig(
    vocabulary=30522,
    hidden=768,
    layers=12,
    heads=12,
    intermediate=3072,
    positions=512,
    token_types=2,
    activation=Activation.GELU,
    layer_norm_epsilon=1e-12,
    padding_id=0,
    hidden_dropout=0.1,
    attention_dropout=0.1,
    initializer_range=0.02,
    pooler=True,
)

LONG_ENCODER: Final = replace(
    BERT_BASE,
    hidden=384,
    layers=6,
    heads=6,
    intermediate=768,
    positions=8192,
    token_types=0,
    layer_norm_epsilon=1e-5,
    pooler=False,
    relative=Rotary(theta=160_000.0),
    local=LocalAttention(reach=64, layers=(1, 2, 4, 5), theta=10_000.0),
    position_kind=Positions.NONE,
    pre_norm=True,
    first_norm=False,
    final_norm=True,
    norm_bias=False,
    attention_bias=False,
    feed_forward_bias=False,
    gated=True,
)
"""ModernBERT made as small as MiniLM."""

TOKENIZER: Final = ("tokenizer.json", "tokenizer_config.json", "vocab.txt")


@dataclass(frozen=True, kw_only=True)
class Model:
    """What is measured.

    Attributes:
        name: on the command line.
        title: in the report.
        weights: what they are, said beside every number.
        source: makes the checkpoint's folder, or finds it.
    """

    name: str
    title: str
    weights: str
    source: Callable[[], Path]

    def config(self) -> Mapping[str, int]:
        """The checkpoint's config.json."""
        found: dict[str, int] = json.loads((self.source() / "config.json").read_text("utf-8"))
        return found


def random_checkpoint(name: str, family: Family, config: EncoderConfig) -> Path:
    """A folder with random weights, the same each time, and MiniLM's tokenizer."""

    def write(folder: Path) -> None:
        for file in TOKENIZER:
            (folder / file).write_bytes((minilm_folder() / file).read_bytes())
        described = json.dumps(config_to_hf(family, config))
        (folder / "config.json").write_text(described, encoding="utf-8")
        torch.manual_seed(0)
        state = state_to_hf(family, Encoder(config).state_dict(), config)
        weights = folder / "model.safetensors"
        safetensors.torch.save_file(state, weights, metadata={"format": "pt"})

    return made(f"{name}-source", write)


MODELS: Final[Mapping[str, Model]] = MappingProxyType(
    {
        "minilm": Model(
            name="minilm", title="MiniLM", weights="real weights", source=minilm_folder
        ),
        "bert-base": Model(
            name="bert-base",
            title="BERT-base",
            weights="random weights; dense speed does not depend on them",
            source=lambda: random_checkpoint("bert-base", BERT, BERT_BASE),
        ),
    }
)

MODERNBERT_SMALL: Final = Model(
    name="modernbert-small",
    title="a small ModernBERT",
    weights="random weights",
    source=lambda: random_checkpoint("modernbert-small", MODERNBERT, LONG_ENCODER),
)
"""What takes 8,192 tokens."""


NATIVE_VARIANT: Final = "int8-native"

VariantName = Literal["cpu", RecipeName]
"""`cpu` is fp32, others are called like their recipe."""


@cache
def our_bundle(model: Model, *recipes: RecipeName) -> Bundle:
    """A bundle made by the code as it is now, with fp32 and these recipes' variants."""
    folder = FOLDER / f"{model.name}-{_code_hash()}"
    try:
        bundle = Bundle.open(folder)
    except BundleError:
        bundle = edgebert.export(model.source(), folder, overwrite=True)
    for recipe in recipes:
        if not bundle.manifest.named(recipe):
            bundle = edgebert.quantize(bundle, recipe=recipe)
    return bundle


@cache
def our_cuda_bundle(model: Model) -> Bundle:
    """The same for a GPU, in fp32 and fp16."""
    folder = FOLDER / f"{model.name}-cuda-{_code_hash()}"
    try:
        return Bundle.open(folder)
    except BundleError:
        return edgebert.export(model.source(), folder, target="cuda", overwrite=True)


def our_graph(model: Model, variant: VariantName) -> Path:
    """The ONNX file of a variant."""
    bundle = our_bundle(model, *([] if variant == "cpu" else [variant]))
    variants = bundle.manifest.variants
    stock = [each for each in bundle.manifest.named(variant) if variants[each].library is None]
    return bundle.path_of(variants[stock[-1]].file)  # of several, the one for the CPU provider


def our_native_graph(model: Model) -> Path:
    """The ONNX file of int8 for edgebert-native.

    Raises:
        PeerError: the bundle was made without the library.
    """
    bundle = our_bundle(model, "int8")
    found = bundle.manifest.variants.get(NATIVE_VARIANT)
    if found is None:
        raise PeerError(
            f"{bundle.folder} has no {NATIVE_VARIANT}; install edgebert-native, and remove the "
            "folder"
        )
    return bundle.path_of(found.file)


@cache
def _code_hash() -> str:
    """Changes with every line of the product, so that no measurement is of an older graph."""
    digest = hashlib.sha256()
    for package in PRODUCT:
        for file in sorted(Path(package.__path__[0]).rglob("*.py")):
            digest.update(f"{file.name}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
