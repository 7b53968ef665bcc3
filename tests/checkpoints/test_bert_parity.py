"""The encoder computes what transformers' `BertModel` computes, from the same files."""

from pathlib import Path
from typing import Any, Final

import pytest
import torch
import transformers
from torch import Tensor

from edgebert.checkpoints import Checkpoint
from tests.support.checkpoints import read_checkpoint
from tests.support.small_checkpoints import SPECIALS, write_vocabulary

CLOSE: Final = 1e-5
"""For float32: the same sums in another order; 3e-6 was seen on real weights."""

SAME: Final = 1e-10
"""For float64, where rounding hides nothing: with weights this large, transformers' own two
attention implementations already differ by 1e-5 in float32."""

SIZES: Final[dict[str, Any]] = {
    "vocab_size": 1003,
    "num_hidden_layers": 3,
    "hidden_size": 36,
    "num_attention_heads": 3,
    "intermediate_size": 50,
    "max_position_embeddings": 40,
    "type_vocab_size": 3,
    "initializer_range": 0.5,
}

Feeds = tuple[Tensor, Tensor, Tensor]


def feeds(vocabulary: int, token_types: int, batch: int, sequence: int) -> Feeds:
    """Random ids, masks with holes and padding on both sides, random segments."""
    torch.manual_seed(2)
    input_ids = torch.randint(vocabulary, (batch, sequence))
    mask = (torch.rand(batch, sequence) < 0.7).long()
    mask[0] = 1
    mask[1, : sequence // 3] = 0
    mask[:, sequence // 2] = 1
    return input_ids, mask, torch.randint(token_types, (batch, sequence))


def reference(folder: Path, dtype: torch.dtype) -> transformers.BertModel:
    return transformers.BertModel.from_pretrained(
        folder, attn_implementation="eager", dtype=dtype
    ).eval()


@torch.inference_mode()
def furthest(checkpoint: Checkpoint, folder: Path, inputs: Feeds) -> tuple[float, float]:
    """The largest difference in `last_hidden_state` at kept tokens and in the pooled vector."""
    input_ids, mask, segments = inputs
    hidden = checkpoint.encoder(input_ids, mask, segments)
    pooled = checkpoint.encoder.pool(hidden)
    theirs = reference(folder, hidden.dtype)(
        input_ids=input_ids, attention_mask=mask, token_type_ids=segments, return_dict=True
    )
    kept = mask.bool()
    return (
        (hidden - theirs.last_hidden_state)[kept].abs().max().item(),
        (pooled - theirs.pooler_output).abs().max().item(),
    )


def save(folder: Path, model: transformers.PreTrainedModel) -> Path:
    model.save_pretrained(folder)
    write_vocabulary(folder, (*SPECIALS, *(f"t{index}" for index in range(998))))
    return folder


def test_real_weights_give_the_same_vectors(minilm: Path) -> None:
    checkpoint = read_checkpoint(minilm)
    difference = furthest(checkpoint, minilm, feeds(30522, 2, 3, 64))
    assert max(difference) < CLOSE, difference


@pytest.mark.parametrize("activation", ["gelu", "gelu_new", "gelu_pytorch_tanh", "relu"])
@pytest.mark.parametrize("sequence", [3, 40])
def test_random_weights_give_the_same_vectors(
    tmp_path: Path, activation: str, sequence: int
) -> None:
    torch.manual_seed(0)
    config = transformers.BertConfig(**SIZES, hidden_act=activation)
    folder = save(tmp_path, transformers.BertModel(config))
    checkpoint = read_checkpoint(folder)
    checkpoint.encoder.double()
    difference = furthest(checkpoint, folder, feeds(1003, 3, 4, sequence))
    assert max(difference) < SAME, difference


def test_the_comparison_can_fail(tmp_path: Path) -> None:
    torch.manual_seed(0)
    folder = save(tmp_path, transformers.BertModel(transformers.BertConfig(**SIZES)))
    checkpoint = read_checkpoint(folder)
    with torch.no_grad():
        checkpoint.encoder.embeddings.position.weight[5] += 1e-3
    checkpoint.encoder.double()
    assert max(furthest(checkpoint, folder, feeds(1003, 3, 4, 40))) > 1000 * SAME


@pytest.mark.parametrize(
    ("name", "pooler", "heads"),
    [
        ("BertForMaskedLM", False, ["masked language model"]),
        ("BertForPreTraining", True, ["masked language model", "next sentence"]),
        ("BertForNextSentencePrediction", True, ["next sentence"]),
        ("BertForSequenceClassification", True, ["classification"]),
        ("BertForTokenClassification", False, ["classification"]),
        ("BertForQuestionAnswering", False, ["question answering"]),
        ("BertForMultipleChoice", True, ["classification"]),
    ],
)
def test_a_checkpoint_with_a_head_gives_its_encoder(
    tmp_path: Path, name: str, pooler: bool, heads: list[str]
) -> None:
    torch.manual_seed(0)
    model = getattr(transformers, name)(transformers.BertConfig(**SIZES)).eval()
    checkpoint = read_checkpoint(save(tmp_path, model), task="embed")
    input_ids, mask, segments = feeds(1003, 3, 4, 40)
    with torch.inference_mode():
        hidden = checkpoint.encoder(input_ids, mask, segments)
        theirs = model.bert(input_ids, mask, segments).last_hidden_state
    assert (hidden - theirs)[mask.bool()].abs().max() < CLOSE
    assert checkpoint.config.pooler is pooler
    told = [note for note in checkpoint.notes if note.endswith("head is left out")]
    assert told == [f"the {head} head is left out" for head in heads]
