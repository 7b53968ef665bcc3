"""Tensors that are not a model's: the cause that the message names, and what to do."""

from pathlib import Path
from typing import Final

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor

from edgebert.checkpoints.diagnosis import few, unwrapped
from edgebert.checkpoints.families.bert import BERT
from edgebert.checkpoints.families.roberta import ROBERTA
from edgebert.checkpoints.state_dict import state_from_hf
from edgebert_runtime.errors import CheckpointError
from edgebert_runtime.storage.json_reader import printable
from tests.support.checkpoints import read_checkpoint
from tests.support.small_checkpoints import TINY, hf_state, write_checkpoint

LONGEST: Final = 1200
"""Characters of 15 lines of a terminal."""

ONE = torch.zeros(1)


def refusal(tensors: dict[str, Tensor]) -> str:
    with pytest.raises(CheckpointError) as caught:
        state_from_hf(BERT, unwrapped(BERT, tensors, TINY).tensors, TINY)
    assert len(str(caught.value)) < LONGEST
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("own", ["", "bert."])
@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "model.", "encoder.", "student.", "module._orig_mod.net."]
)
def test_a_prefix_of_every_tensor_is_taken_off(prefix: str, own: str, tmp_path: Path) -> None:
    tensors = write_checkpoint(tmp_path)
    wrapped = {f"{prefix}{own}{name}": tensor for name, tensor in tensors.items()}
    save_file(wrapped, tmp_path / "model.safetensors")
    checkpoint = read_checkpoint(tmp_path)
    assert torch.equal(
        checkpoint.encoder.state_dict()["embeddings.token.weight"],
        tensors["embeddings.word_embeddings.weight"],
    )
    assert any(f"begin with {prefix!r}" in note for note in checkpoint.notes)


def test_the_familys_own_prefix_is_no_wrapper() -> None:
    for tensors in (hf_state(), {f"bert.{name}": ONE for name in hf_state()}):
        found = unwrapped(BERT, tensors, TINY)
        assert found.tensors is tensors
        assert not found.notes


def test_a_model_inside_another_is_named_by_its_prefix() -> None:
    tensors = {f"encoder.{name}": tensor for name, tensor in hf_state().items()}
    text = refusal(tensors | {"fc.weight": ONE})
    assert "there with 'encoder.' before their names, beside fc.weight;" in text
    assert "edgebert.export(module" in text


def test_of_two_models_none_is_taken() -> None:
    tensors = {f"{who}.{name}": ONE for who in ("student", "teacher") for name in hf_state()}
    assert unwrapped(BERT, tensors, TINY).tensors is tensors
    assert "'student.' and 'teacher.' before their names, more than once" in refusal(tensors)


def test_tensors_of_another_family_are_named() -> None:
    tensors = {f"bert.{name}": tensor for name, tensor in hf_state().items()}
    assert unwrapped(ROBERTA, tensors, TINY).tensors is tensors
    with pytest.raises(CheckpointError, match=r"named as those of bert models.* 'roberta'"):
        state_from_hf(ROBERTA, tensors, TINY)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("linear.weight", "ColBERT"),
        ("crf.transitions", "conditional random field"),
        ("encoder.layer.0.attention.self.query.lora_A.default.weight", "merge_and_unload"),
        ("encoder.layer.0.output.dense.parametrizations.weight.0.lora_A", "parametrizations"),
        ("encoder.layer.0.mlp.experts.mlp.w1", "mixture of experts"),
        ("encoder.layer.0.mlp.gated_layers.weight", "encoder of another kind"),
        ("encoder.layer.0.attention.self.query.SCB", "dequantized"),
        ("span_width.weight", "save the model without these parts"),
    ],
)
def test_parts_of_other_models_are_known_by_their_names(name: str, words: str) -> None:
    text = refusal(hf_state() | {name: ONE})
    assert words in text
    assert name in text


def test_a_model_without_a_table_of_positions_is_no_bert() -> None:
    tensors = hf_state()
    del tensors["embeddings.position_embeddings.weight"]
    assert "no table of positions" in refusal(tensors)


def test_empty_tensors_are_told_from_wrong_ones() -> None:
    tensors = hf_state() | {"pooler.dense.weight": torch.zeros(0)}
    assert "zero_to_fp32.py" in refusal(tensors)
    assert "zero_to_fp32.py" not in refusal(tensors | {"pooler.dense.weight": torch.zeros(3)})


def test_eight_bit_floats_are_refused_by_name() -> None:
    tensors = hf_state()
    tensors["pooler.dense.weight"] = tensors["pooler.dense.weight"].to(torch.float8_e4m3fn)
    assert "pooler.dense.weight is torch.float8_e4m3fn, expected one of" in refusal(tensors)


def test_weights_of_nothing_that_is_known_are_named_in_few_words() -> None:
    text = refusal({f"blocks.{number}.weight": ONE for number in range(500)})
    assert "another model's weights" in text
    assert "blocks.0.weight is not expected" in text
    assert " more" in text


@given(st.lists(st.text(min_size=1, max_size=5)))
@settings(max_examples=30, deadline=None)
def test_every_name_is_listed_or_counted(names: list[str]) -> None:
    said = few(names)
    assert all(printable(name) in said for name in names[:6])
    assert (f"; and {len(names) - 6} more" in said) == (len(names) > 6)
