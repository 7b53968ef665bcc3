"""Tiny random models of transformers in hand-made bundles: no exporter of ours takes part."""

import hashlib
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from torch import Tensor, nn

from edgebert_runtime.bundle.manifest import (
    HeadInfo,
    Manifest,
    TaskInfo,
    TensorInfo,
    TokenizerInfo,
    Variant,
    read_manifest,
)
from edgebert_runtime.bundle.staging import hash_folder
from tests.support.made_once import MadeOnce

WORDS: Final = (
    "the a an of to is in it small cat dog sat on mat and ran far over red blue un . , ! ? ' - "
    "paris berlin ada love lives works for acme corp cafe naive 中 国 🙂 e i o 3 7 "
    "##able ##s ##lace ##in ##e ##o ##1 ##7 ##a ##in"
)
MERGED: Final = "the small cat sat on in and lives paris love works for corp red dog"
SPECIALS: Final = "[PAD] [UNK] [CLS] [SEP] [MASK]"
WORDPIECES: Final = list(dict.fromkeys(f"{SPECIALS} {WORDS}".split()))

MAX_LENGTH: Final = 48
LABELS: Final = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")

BERT_ROLES: Final = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
ROBERTA_ROLES: Final = {
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "cls_token": "<s>",
    "sep_token": "</s>",
    "mask_token": "<mask>",
}


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A model three times: torch, the tokenizer transformers uses with it, and our bundle."""

    model: Any
    tokenizer: Any
    folder: Path

    def pipeline(self, task: str, **options: Any) -> Any:
        return transformers.pipeline(task, model=self.model, tokenizer=self.tokenizer, **options)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What to build: the class of transformers, its outputs, and what the manifest says of it."""

    task: str
    model: str
    head: HeadInfo
    outputs: tuple[TensorInfo, ...]
    byte_level: bool = False


GetSample = Callable[[Recipe], Sample]
"""From a recipe to what was built of it."""


def wordpiece() -> Tokenizer:
    """As BERT uncased: lower case, no accents, `##` before what continues a word."""
    vocabulary = {token: index for index, token in enumerate(WORDPIECES)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(SPECIALS.split())
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    return tokenizer


def byte_level() -> Tokenizer:
    """As RoBERTa: bytes, merges, a space is part of the token after it, one segment for pairs."""
    specials = list(ROBERTA_ROLES.values())
    merges = [pair for word in MERGED.split() for pair in zip(prefixes(word), word, strict=True)]
    pieces = ["".join(pair) for pair in merges]
    tokens = dict.fromkeys([*specials, *sorted(pre_tokenizers.ByteLevel.alphabet()), *pieces])
    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocabulary, list(dict.fromkeys(merges))))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(specials)
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", vocabulary["</s>"]),
        ("<s>", vocabulary["<s>"]),
        trim_offsets=True,
        add_prefix_space=False,
    )
    return tokenizer


def prefixes(word: str) -> list[str]:
    return ["Ġ" + word[:length] for length in range(len(word))]


def logits(*shape: str | int) -> tuple[TensorInfo, ...]:
    return (TensorInfo(name="logits", dtype="float32", shape=("batch", *shape)),)


def head(*labels: str, activation: str = "softmax") -> HeadInfo:
    return HeadInfo(labels=labels, activation=activation)


BERT: Final = {
    "classify": Recipe(
        task="classify",
        model="BertForSequenceClassification",
        head=head("bad", "fair", "good", "none"),
        outputs=logits(4),
    ),
    "rank": Recipe(
        task="rank",
        model="BertForSequenceClassification",
        head=head("relevance", activation="sigmoid"),
        outputs=logits(1),
    ),
    "tag": Recipe(
        task="tag",
        model="BertForTokenClassification",
        head=head(*LABELS),
        outputs=logits("sequence", len(LABELS)),
    ),
    "answer": Recipe(
        task="answer",
        model="BertForQuestionAnswering",
        head=head(),
        outputs=tuple(
            TensorInfo(name=f"{edge}_logits", dtype="float32", shape=("batch", "sequence"))
            for edge in ("start", "end")
        ),
    ),
    "fill": Recipe(
        task="fill",
        model="BertForMaskedLM",
        head=head(),
        outputs=logits("sequence", "vocabulary"),
    ),
    "next_sentence": Recipe(
        task="next_sentence",
        model="BertForNextSentencePrediction",
        head=head(),
        outputs=logits(2),
    ),
}

ROBERTA: Final = {
    task: replace(BERT[task], model=BERT[task].model.replace("Bert", "Roberta"), byte_level=True)
    for task in ("tag", "answer", "fill")
}


class Outputs(nn.Module):
    """A model of transformers with positional inputs and only the outputs the bundle has."""

    def __init__(self, model: Any, inputs: list[str], outputs: list[str]) -> None:
        super().__init__()
        self.model, self.inputs, self.outputs = model, inputs, outputs

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        found = self.model(**dict(zip(self.inputs, tensors, strict=True)))
        return tuple(found[name] for name in self.outputs)


def build(recipe: Recipe, made_once: MadeOnce) -> Sample:
    """Build, export and describe one model; the same for the same recipe."""
    tokenizer = byte_level() if recipe.byte_level else wordpiece()
    model = random_model(recipe, tokenizer)
    name = hashlib.sha256(repr(recipe).encode()).hexdigest()[:16]
    folder = made_once(f"task-{name}", partial(write, recipe, tokenizer, model))
    wrapped = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"),
        model_max_length=MAX_LENGTH,
        model_input_names=input_names(recipe),
        **roles_of(recipe),
    )
    return Sample(model=model, tokenizer=wrapped, folder=folder)


def write(recipe: Recipe, tokenizer: Tokenizer, model: Any, folder: Path) -> None:
    (folder / "onnx").mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    outputs = [each.name for each in recipe.outputs]
    export(model, folder / "onnx" / "model.onnx", input_names(recipe), outputs)
    manifest = describe(recipe, folder, tokenizer)
    (folder / "edgebert.json").write_text(manifest.to_json(), encoding="utf-8")


def roles_of(recipe: Recipe) -> dict[str, str]:
    return ROBERTA_ROLES if recipe.byte_level else BERT_ROLES


def input_names(recipe: Recipe) -> list[str]:
    """RoBERTa has one segment, so its graph does without."""
    return ["input_ids", "attention_mask"] + ["token_type_ids"] * (not recipe.byte_level)


def random_model(recipe: Recipe, tokenizer: Tokenizer) -> Any:
    """Weights large enough for varied answers, small enough to keep engines within 5e-6."""
    torch.manual_seed(len(recipe.task) + recipe.byte_level)
    family = "Roberta" if recipe.byte_level else "Bert"
    config = getattr(transformers, f"{family}Config")(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=MAX_LENGTH + 2,
        type_vocab_size=1 if recipe.byte_level else 2,
        initializer_range=0.35,
        pad_token_id=tokenizer.token_to_id(roles_of(recipe)["pad_token"]),
        attn_implementation="eager",
        id2label=dict(enumerate(recipe.head.labels)) if recipe.head.labels else {0: "x", 1: "y"},
    )
    model = getattr(transformers, recipe.model)(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    return model


def export(model: Any, path: Path, inputs: list[str], outputs: list[str]) -> None:
    batch, sequence = torch.export.Dim("batch"), torch.export.Dim("sequence")
    examples = tuple(torch.ones((2, 5), dtype=torch.int64) for _ in inputs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Outputs(model, inputs, outputs),
            examples,
            path,
            input_names=inputs,
            output_names=outputs,
            dynamic_shapes=(tuple({0: batch, 1: sequence} for _ in inputs),),
            dynamo=True,
            external_data=False,
            verbose=False,
            optimize=False,
        )


def describe(recipe: Recipe, folder: Path, tokenizer: Tokenizer) -> Manifest:
    roles = roles_of(recipe)
    graph = "onnx/model.onnx"
    return Manifest(
        created_by={"tests": "0"},
        source={"kind": "module", "name": recipe.model, "model_type": None},
        architecture={"hidden": 32, "layers": 1, "heads": 2, "vocabulary": 40, "token_types": 2},
        inputs=tuple(
            TensorInfo(name=name, dtype="int64", shape=("batch", "sequence"))
            for name in input_names(recipe)
        ),
        tokenizer=TokenizerInfo(
            file="tokenizer.json",
            max_length=MAX_LENGTH,
            max_positions=MAX_LENGTH,
            padding_side="right",
            pad_id=tokenizer.get_vocab()[roles["pad_token"]],
            pad_token=roles["pad_token"],
            pad_type_id=0,
            special_tokens=roles,
        ),
        tasks={recipe.task: TaskInfo(outputs=recipe.outputs, head=recipe.head)},
        default_task=recipe.task,
        default_variant="fp32",
        variants={"portable": variant(graph, recipe.task)},
        files=hash_folder(folder),
    )


def variant(graph: str, *tasks: str) -> Variant:
    return Variant(
        tasks=tasks,
        file=graph,
        files=(graph,),
        precision="fp32",
        target="portable",
        recipe=None,
        opset=20,
        ir_version=10,
        min_onnxruntime="1.20.0",
        fusions={},
        parity=None,
        batch_invariant=True,
    )


def edited(folder: Path, copy: Path, change: Callable[[Manifest], Manifest]) -> Path:
    """A copy of a bundle whose manifest says something else."""
    shutil.copytree(folder, copy)
    text = change(read_manifest(copy)).to_json()
    (copy / "edgebert.json").write_text(text, encoding="utf-8")
    return copy
