"""What a folder holds beside the exported model is said, or used as it is stored."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from edgebert.checkpoints.families.nomicbert import NOMIC_BERT
from edgebert.checkpoints.left_out import left_out_notes
from edgebert.checkpoints.sentence_transformers import read_pipeline
from edgebert.checkpoints.tasks import EMBEDDINGS_ONLY
from edgebert.model.heads import EncoderWithHead
from edgebert_runtime.errors import CheckpointError, UnsupportedModelError
from tests.support.checkpoints import read_checkpoint
from tests.support.families import SAMPLES, build_with_head, save
from tests.support.small_checkpoints import (
    TINY,
    hf_state,
    write_checkpoint,
    write_json,
    write_sentence_model,
    write_vocabulary,
)


def notes_of(folder: Path, **options: Any) -> str:
    return "\n".join(read_checkpoint(folder, **options).notes)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("model_head.pkl", "classifier of SetFit"),
        ("config_setfit.json", "labels of SetFit's classifier"),
        ("colbert_linear.pt", "one vector a token"),
        ("sparse_linear.pt", "weights of words"),
        ("artifact.metadata", "ColBERT"),
    ],
)
def test_a_file_of_another_head_is_said_to_be_left_out(
    tmp_path: Path, name: str, words: str
) -> None:
    write_sentence_model(tmp_path)
    assert "left out" not in notes_of(tmp_path)
    (tmp_path / name).write_bytes(b"\x80\x04.")
    assert f"{name} is left out" in notes_of(tmp_path)
    assert words in notes_of(tmp_path)


def test_a_scoring_head_behind_modules_is_said(tmp_path: Path) -> None:
    write_sentence_model(tmp_path)
    tensors = hf_state() | {
        "classifier.weight": torch.ones(1, TINY.hidden),
        "classifier.bias": torch.ones(1),
    }
    save_file(tensors, tmp_path / "model.safetensors")
    assert "for its scores pass" not in notes_of(tmp_path)
    write_checkpoint(tmp_path, architectures=["BertForSequenceClassification"])
    save_file(tensors, tmp_path / "model.safetensors")
    assert "task='rank' or task='classify'" in notes_of(tmp_path)
    assert read_checkpoint(tmp_path).task == "embed"
    assert read_checkpoint(tmp_path, task="rank").head is not None


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"num_experts": 8, "moe_every_n_layers": 2}, True),
        ({"num_experts": 0, "moe_every_n_layers": -1, "moe_top_k": 1}, False),
        ({}, False),
    ],
)
def test_keys_of_experts_without_experts_are_told(
    tmp_path: Path, keys: dict[str, int], told: bool
) -> None:
    notes = left_out_notes(EMBEDDINGS_ONLY, read_pipeline(tmp_path), NOMIC_BERT, keys, {})
    assert any("no experts among the tensors" in note for note in notes) == told


@pytest.mark.parametrize("stored", [None, 0, 3])
def test_a_padding_id_that_contradicts_the_tokenizer_is_told(
    tmp_path: Path, stored: int | None
) -> None:
    write_checkpoint(tmp_path, pad_token_id=stored)
    told = "config.json has pad_token_id 3, the tokenizer pads with '[PAD]', which is 0"
    assert (told in notes_of(tmp_path)) == (stored == 3)


def test_a_decoder_stored_apart_from_its_table_is_used(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = {"tie_word_embeddings": True}
    theirs: Any = build_with_head(SAMPLES["bert"], "fill", **config)
    save(theirs, tmp_path)
    tied = read_checkpoint(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    table = tensors["bert.embeddings.word_embeddings.weight"]
    save_file(
        tensors | {"cls.predictions.decoder.weight": table.clone()}, tmp_path / "model.safetensors"
    )
    same = read_checkpoint(tmp_path)
    own = torch.randn_like(table)
    save_file(tensors | {"cls.predictions.decoder.weight": own}, tmp_path / "model.safetensors")
    apart = read_checkpoint(tmp_path)
    assert tied.head is not None
    assert same.head is not None
    assert apart.head is not None
    assert (tied.head.config.tied, same.head.config.tied) == (True, True)
    assert not apart.head.config.tied
    assert any("cls.predictions.decoder.weight is not the table" in note for note in apart.notes)
    ids = torch.tensor([[2, 7, 9, 3]])
    logits = EncoderWithHead(apart.encoder, apart.head).double()(ids, torch.ones_like(ids))[0]
    other = EncoderWithHead(tied.encoder, tied.head).double()(ids, torch.ones_like(ids))[0]
    assert not torch.allclose(logits, other)
    theirs.cls.predictions.decoder.weight = torch.nn.Parameter(own)
    torch.testing.assert_close(logits, theirs.double()(input_ids=ids).logits, atol=1e-9, rtol=1e-9)


def test_a_discriminator_is_exported_for_its_vectors(tmp_path: Path) -> None:
    sizes = {"hidden_size": 12, "num_attention_heads": 3, "intermediate_size": 20}
    config = transformers.ElectraConfig(
        vocab_size=40, embedding_size=8, num_hidden_layers=1, max_position_embeddings=16, **sizes
    )
    transformers.ElectraForPreTraining(config).save_pretrained(tmp_path)
    write_vocabulary(tmp_path)
    notes = notes_of(tmp_path)
    assert "task embed: the checkpoint is ElectraForPreTraining, whose head no task has" in notes
    assert "the replaced token detection head is left out" in notes


@pytest.mark.parametrize("name", ["BertForMultipleChoice", "BertForSpanCategorization"])
def test_a_head_that_no_task_has_is_refused_by_its_class(tmp_path: Path, name: str) -> None:
    write_checkpoint(tmp_path, architectures=[name])
    head = {"classifier.weight": torch.ones(1, TINY.hidden), "classifier.bias": torch.ones(1)}
    save_file(hf_state() | head, tmp_path / "model.safetensors")
    with pytest.raises(UnsupportedModelError, match=rf"is {name}, and no task") as caught:
        read_checkpoint(tmp_path)
    assert "task='embed'" in str(caught.value)
    assert "--task embed" in str(caught.value.shell)
    assert "the classification head is left out" in notes_of(tmp_path, task="embed")


def test_a_head_of_other_tensors_is_named_by_them(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, architectures=["BertForSequenceClassification"])
    head = {"classifier.0.weight": torch.ones(3, TINY.hidden)}
    save_file(hf_state() | head, tmp_path / "model.safetensors")
    words = r"no head for classify .*tensors beside the encoder: classifier\.0\.weight"
    with pytest.raises(CheckpointError, match=words):
        read_checkpoint(tmp_path)


def test_a_model_of_its_own_code_without_a_type_says_so(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, model_type=None, auto_map={"AutoModel": "modeling.Mine"})
    with pytest.raises(UnsupportedModelError, match=r"Python code \(auto_map\).*export\("):
        read_checkpoint(tmp_path)


def test_labels_keep_the_order_of_the_config(tmp_path: Path) -> None:
    labels = {"2": "neutral", "0": "positive", "1": "negative"}
    write_checkpoint(tmp_path, architectures=["BertForSequenceClassification"], id2label=labels)
    head = {"classifier.weight": torch.ones(3, TINY.hidden), "classifier.bias": torch.ones(3)}
    save_file(hf_state() | head, tmp_path / "model.safetensors")
    info = read_checkpoint(tmp_path).head_info
    assert info is not None
    assert info.labels == ("positive", "negative", "neutral")


def test_an_unknown_key_of_the_config_is_named(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, value_residual=True, _name_or_path="tmp/", task_specific_params=None)
    write_json(tmp_path / "generation_config.json", {"anything": 1})
    notes = [note for note in read_checkpoint(tmp_path).notes if "does not know" in note]
    assert len(notes) == 1
    assert "config.json has keys" in notes[0]
    assert "apply: value_residual=True;" in notes[0]
