"""Every head of every family against transformers, in torch; and which head a folder is for."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from edgebert.checkpoints.families.registry import FAMILIES
from edgebert.checkpoints.heads import head_to_hf
from edgebert.model.heads import EncoderWithHead
from edgebert_runtime.bundle.manifest import HeadInfo
from edgebert_runtime.errors import CheckpointError, ConfigError, EdgebertError
from tests.support.checkpoints import read_checkpoint
from tests.support.families import (
    ENDINGS,
    LABELS,
    NAMES,
    SAMPLES,
    build,
    build_with_head,
    has_head,
    save,
)

CASES = [(name, task) for name in NAMES for task in ENDINGS if has_head(SAMPLES[name], task)]


def run_both(
    theirs: Any, ours: EncoderWithHead, task: str
) -> tuple[list[Tensor], list[Tensor], Tensor]:
    """Their outputs, ours, and which tokens are kept; one text padded right."""
    ids = torch.randint(0, 400, (3, 17))
    mask = torch.ones_like(ids)
    mask[1, 9:] = 0
    types = ours.encoder.config.token_types
    segments = {"token_type_ids": torch.randint(0, types, ids.shape)} if types > 1 else {}
    with torch.no_grad():
        out = theirs(input_ids=ids, attention_mask=mask, **segments)
        found = ours(ids, mask, *segments.values())
    expected = [out.start_logits, out.end_logits] if task == "answer" else [out.logits]
    return expected, list(found), mask.bool()


@pytest.mark.parametrize(("name", "task"), CASES)
def test_logits_are_those_of_transformers(name: str, task: str, tmp_path: Path) -> None:
    theirs = build_with_head(SAMPLES[name], task)
    checkpoint = read_checkpoint(save(theirs, tmp_path))
    assert checkpoint.task == task
    assert checkpoint.head is not None
    ours = EncoderWithHead(checkpoint.encoder, checkpoint.head)
    expected, found, kept = run_both(theirs, ours, task)
    for one, other in zip(expected, found, strict=True):
        compared = kept if task in ("tag", "answer", "fill") else slice(None)
        torch.testing.assert_close(other[compared], one[compared], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("name", "task"), CASES)
def test_a_heads_tensors_go_back_under_their_names(name: str, task: str, tmp_path: Path) -> None:
    theirs: Any = build_with_head(SAMPLES[name], task)
    checkpoint = read_checkpoint(save(theirs, tmp_path))
    assert checkpoint.head is not None
    family = FAMILIES[theirs.config.model_type]
    tables = [table for table in family.tasks if table.task == task]
    stored = load_file(tmp_path / "model.safetensors")
    table = next(table for table in tables if table.is_in(stored))
    assert table.architecture == type(theirs).__name__
    for key, tensor in head_to_hf(table, checkpoint.head).items():
        assert torch.equal(tensor, stored[key]), key


def config_of(folder: Path) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return fields


def change_config(folder: Path, **changes: Any) -> None:
    fields = {key: value for key, value in (config_of(folder) | changes).items() if value != "gone"}
    (folder / "config.json").write_text(json.dumps(fields), encoding="utf-8")


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    model = build_with_head(SAMPLES["bert"], "classify", id2label={0: "bad", 1: "so-so", 2: "good"})
    return save(model, tmp_path / "classifier")


@pytest.mark.parametrize(
    ("problem", "activation"),
    [
        (None, "softmax"),
        ("single_label_classification", "softmax"),
        ("multi_label_classification", "sigmoid"),
        ("regression", "none"),
    ],
)
def test_the_problem_says_what_turns_logits_into_scores(
    classifier: Path, problem: str | None, activation: str
) -> None:
    change_config(classifier, problem_type=problem)
    checkpoint = read_checkpoint(classifier)
    assert checkpoint.head_info == HeadInfo(labels=("bad", "so-so", "good"), activation=activation)
    assert checkpoint.notes[0] == (
        "task classify: the checkpoint is a BertForSequenceClassification"
    )


@pytest.mark.parametrize(
    ("changes", "activation"),
    [
        ({}, "sigmoid"),
        ({"sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity"}, "none"),
        (
            {"sentence_transformers": {"activation_fn": "torch.nn.modules.activation.Sigmoid"}},
            "sigmoid",
        ),
    ],
)
def test_one_score_for_a_pair_is_a_ranking(
    tmp_path: Path, changes: dict[str, Any], activation: str
) -> None:
    save(build_with_head(SAMPLES["xlm-roberta"], "classify", num_labels=1), tmp_path)
    change_config(tmp_path, **changes)
    checkpoint = read_checkpoint(tmp_path)
    assert checkpoint.task == "rank"
    assert checkpoint.head_info is not None
    assert checkpoint.head_info.activation == activation


@pytest.mark.parametrize(("name", "activation"), [("Sigmoid", "sigmoid"), ("Identity", "none")])
def test_a_cross_encoder_of_sentence_transformers_6_ranks(
    tmp_path: Path, name: str, activation: str
) -> None:
    save(build_with_head(SAMPLES["bert"], "classify", num_labels=1), tmp_path)
    written = {
        "config_sentence_transformers.json": {
            "activation_fn": f"torch.nn.modules.{name}",
            "default_prompt_name": None,
            "model_type": "CrossEncoder",
            "prompts": {},
        },
        "modules.json": [
            {
                "idx": 0,
                "name": "0",
                "path": "",
                "type": "sentence_transformers.base.modules.transformer.Transformer",
            }
        ],
        "sentence_bert_config.json": {
            "transformer_task": "sequence-classification",
            "modality_config": {"text": {"method": "forward", "method_output_name": "logits"}},
            "module_output_name": "scores",
        },
    }
    for file, fields in written.items():
        (tmp_path / file).write_text(json.dumps(fields), encoding="utf-8")
    checkpoint = read_checkpoint(tmp_path)
    assert checkpoint.head_info == HeadInfo(labels=("LABEL_0",), activation=activation)
    assert checkpoint.notes[0] == "task rank: the checkpoint is a CrossEncoder and gives one score"


def test_one_number_of_a_regression_is_no_ranking(tmp_path: Path) -> None:
    model = build_with_head(SAMPLES["bert"], "classify", num_labels=1, problem_type="regression")
    assert read_checkpoint(save(model, tmp_path)).task == "classify"


def test_an_unknown_activation_of_a_ranker_is_refused(tmp_path: Path) -> None:
    save(build_with_head(SAMPLES["bert"], "classify", num_labels=1), tmp_path)
    change_config(tmp_path, sbert_ce_default_activation_function="torch.nn.GELU")
    with pytest.raises(CheckpointError, match=r"GELU.*Sigmoid or Identity"):
        read_checkpoint(tmp_path)


def test_a_bare_encoder_gives_vectors_whatever_else_is_stored(classifier: Path) -> None:
    change_config(classifier, architectures=["BertModel"])
    checkpoint = read_checkpoint(classifier)
    assert checkpoint.task == "embed"
    assert "the classification head is left out" in checkpoint.notes


def test_asked_for_vectors_a_classifier_gives_them(classifier: Path) -> None:
    assert read_checkpoint(classifier, task="embed").head is None


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("fill", r"no head for fill.*heads there: classify, tag"),
        ("next_sentence", "no head for next_sentence"),
        ("summarise", "task must be one of auto, embed, classify"),
    ],
)
def test_a_task_the_folder_cannot_do_is_refused(classifier: Path, task: str, words: str) -> None:
    with pytest.raises(EdgebertError, match=words):
        read_checkpoint(classifier, task=task)


def test_a_head_named_but_not_stored_is_a_contradiction(tmp_path: Path) -> None:
    save(build(SAMPLES["bert"]), tmp_path)
    change_config(tmp_path, architectures=["BertForSequenceClassification"])
    with pytest.raises(CheckpointError, match=r"BertForSequenceClassification.*no head.*none"):
        read_checkpoint(tmp_path)


def test_without_architectures_the_one_head_stored_counts(tmp_path: Path) -> None:
    save(build_with_head(SAMPLES["distilbert"], "answer"), tmp_path)
    change_config(tmp_path, architectures="gone")
    assert read_checkpoint(tmp_path).task == "answer"


def test_without_architectures_two_heads_are_ambiguous(classifier: Path) -> None:
    change_config(classifier, architectures="gone")
    with pytest.raises(
        ConfigError, match=r"names nothing .*heads for classify, tag; say which with task="
    ):
        read_checkpoint(classifier)


def test_labels_that_do_not_fit_the_head_are_refused(classifier: Path) -> None:
    change_config(classifier, id2label={"0": "bad", "1": "good"})
    with pytest.raises(CheckpointError, match=r"labels .*bad.*the head has 3 outputs"):
        read_checkpoint(classifier)


def test_every_misfit_of_a_head_is_named_at_once(tmp_path: Path) -> None:
    save(build_with_head(SAMPLES["roberta"], "classify"), tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    del tensors["classifier.out_proj.bias"]
    tensors["classifier.dense.weight"] = torch.zeros(4, 4)
    save_file(tensors, tmp_path / "model.safetensors")
    words = r"classifier.dense.weight is \(4, 4\), expected \(48, 48\); classifier.out_proj.bias is"
    with pytest.raises(CheckpointError, match=words):
        read_checkpoint(tmp_path)


def test_an_untied_decoder_is_its_own(tmp_path: Path) -> None:
    theirs = build_with_head(SAMPLES["bert"], "fill", tie_word_embeddings=False)
    checkpoint = read_checkpoint(save(theirs, tmp_path))
    assert checkpoint.head is not None
    assert not checkpoint.head.config.tied
    ours = EncoderWithHead(checkpoint.encoder, checkpoint.head)
    expected, found, kept = run_both(theirs, ours, "fill")
    torch.testing.assert_close(found[0][kept], expected[0][kept], atol=1e-5, rtol=1e-5)


def test_labels_count_from_the_head_where_the_config_is_silent(tmp_path: Path) -> None:
    save(build_with_head(SAMPLES["bert"], "tag"), tmp_path)
    change_config(tmp_path, id2label="gone", label2id="gone")
    checkpoint = read_checkpoint(tmp_path)
    assert checkpoint.head_info is not None
    assert checkpoint.head_info.labels == tuple(f"LABEL_{n}" for n in range(LABELS["tag"]))
