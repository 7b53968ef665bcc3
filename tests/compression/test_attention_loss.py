"""Attention of a student and its teacher: what is compared, and how far they are apart."""

from dataclasses import replace
from math import log
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import edgebert
from edgebert.compression.distillation.layer_losses import LayerLosses
from edgebert.compression.distillation.layers import with_layers
from edgebert.compression.distillation.losses import attention_divergence
from edgebert.compression.distillation.matching import MatchedHeads, Matching, match_layers
from edgebert.compression.widths.narrowing import Kept, narrowed
from edgebert.model.encoder import Encoder
from edgebert_runtime.errors import ConfigError
from tests.support.distilling import NUMBERS, save_with_tokens_of
from tests.support.families import NAMES, POSITIONS, SAMPLES, VOCABULARY, build, ours

KINDS = ("bert", "mpnet", "deberta-v3", "modernbert", "nomic-bert")
"""Absolute positions, a bias for each distance, disentangled, windows with rotary, rotary alone."""

ONLY_ATTENTION = edgebert.DistilLosses(cosine=0.0, similarity=0.0, hidden=0.0, attention=1.0)

EACH = (
    Kept(heads=(0, 2), neurons=tuple(range(34))),
    Kept(heads=(1,), neurons=tuple(range(34))),
    Kept(heads=(0, 1, 2), neurons=tuple(range(34))),
)


def feeds() -> tuple[Tensor, Tensor]:
    """A full text and one with padding; longer than the windows."""
    torch.manual_seed(2)
    mask = torch.ones((2, POSITIONS), dtype=torch.int64)
    mask[1, POSITIONS // 2 :] = 0
    return torch.randint(5, VOCABULARY, mask.shape) * mask, mask


def recorded(
    student: Encoder, teacher: Encoder, matching: Matching, ids: Tensor, mask: Tensor
) -> tuple[LayerLosses, list[Tensor], list[Tensor]]:
    losses = LayerLosses(matching, ONLY_ATTENTION)
    with torch.no_grad(), losses.recorded(student) as mine, losses.recorded(teacher) as wanted:
        student(ids, mask)
        teacher(ids, mask)
    return losses, losses.of_student(mine), losses.of_teacher(wanted)


def mean_divergence(
    student: Encoder, teacher: Encoder, matching: Matching, ids: Tensor, mask: Tensor
) -> float:
    losses, mine, wanted = recorded(student, teacher, matching, ids, mask)
    (loss,) = losses.losses(mine, wanted, mask)
    (count,) = losses.counts(int(mask.sum()))
    return float(loss) / count


def by_hand(student: list[Tensor], teacher: list[Tensor], mask: Tensor) -> float:
    """The mean of KL(teacher, student) over layers, heads and real queries, key by key."""
    terms = []
    for mine, theirs in zip(student, teacher, strict=True):
        for text, kept in enumerate(mask.bool().tolist()):
            real = [at for at, each in enumerate(kept) if each]
            for head in range(mine.shape[1]):
                pairs = zip(theirs[text, head].tolist(), mine[text, head].tolist(), strict=True)
                rows = list(pairs)
                for query in real:
                    shares = ((rows[query][0][key], rows[query][1][key]) for key in real)
                    terms.append(sum(p * log(p / q) for p, q in shares if p > 0))
    return sum(terms) / len(terms)


def of_transformers(model: Any, ids: Tensor, mask: Tensor) -> list[Tensor]:
    with torch.no_grad():
        found = model(input_ids=ids, attention_mask=mask, output_attentions=True)
    return list(found.attentions)


@pytest.mark.parametrize("name", KINDS)
def test_the_divergence_is_that_of_the_maps_of_transformers(name: str) -> None:
    large, small = build(SAMPLES[name]), build(SAMPLES[name], initializer_range=0.3)
    ids, mask = feeds()
    teacher, student = ours(large), ours(small)
    matching = match_layers(teacher, student, range(3), copied=False)
    found = mean_divergence(student, teacher, matching, ids, mask)
    expected = by_hand(*(of_transformers(each, ids, mask) for each in (small, large)), mask)
    assert found == pytest.approx(expected, rel=1e-3)
    assert found > 0.05


@pytest.mark.parametrize("name", NAMES)
def test_equal_models_of_every_family_are_not_apart(name: str) -> None:
    encoder = ours(build(SAMPLES[name]))
    student = with_layers(encoder, tuple(range(encoder.config.layers))).eval()
    matching = match_layers(encoder, student, range(encoder.config.layers), copied=True)
    assert len(matching.attention) == encoder.config.layers
    assert mean_divergence(student, encoder, matching, *feeds()) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", KINDS)
def test_padding_changes_nothing(name: str) -> None:
    teacher, student = ours(build(SAMPLES[name])), ours(build(SAMPLES[name], initializer_range=0.3))
    matching = match_layers(teacher, student, range(3), copied=False)
    ids, mask = feeds()
    short = POSITIONS // 2
    expected = mean_divergence(student, teacher, matching, ids[1:, :short], mask[1:, :short])
    found = mean_divergence(student, teacher, matching, ids[1:], mask[1:])
    assert found == pytest.approx(expected, rel=1e-4)
    changed = torch.where(mask.bool(), ids, 7)
    again = mean_divergence(student, teacher, matching, changed[1:], mask[1:])
    assert again == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", ["bert", "mpnet", "deberta-v2"])
def test_heads_of_a_narrower_student_are_compared_with_themselves(name: str) -> None:
    whole = ours(build(SAMPLES[name]))
    student = narrowed(whole, EACH)
    matching = match_layers(whole, student, range(3), copied=True)
    assert [each.heads for each in matching.attention] == [(0, 2), (1,), (0, 1, 2)]
    _, mine, wanted = recorded(student, whole, matching, *feeds())
    torch.testing.assert_close(mine[0], wanted[0])  # the first layer reads the same in both
    assert (mine[1] - wanted[1]).abs().max() > 1e-3
    last = tuple(Kept(heads=(heads - 1,), neurons=(0,)) for heads in (2, 1, 3))
    of_narrow = match_layers(student, narrowed(student, last), range(3), copied=True)
    assert of_narrow.attention[0] == MatchedHeads(layer=0, heads=(1,))  # the place of head 2


def test_other_heads_or_windows_are_not_compared() -> None:
    teacher = ours(build(SAMPLES["bert"]))
    two = ours(build(SAMPLES["bert"], num_attention_heads=2))
    matching = match_layers(teacher, two, range(3), copied=False)
    assert matching.states == (0, 1, 2)
    assert matching.attention == ()
    assert matching.unmatched == "layer 0 has 2 heads, the teacher's layer 0 has 3 heads"
    near = ours(build(SAMPLES["modernbert"], num_hidden_layers=2, local_attention=8))
    far = ours(build(SAMPLES["modernbert"], num_hidden_layers=2))
    assert (
        "see 4 tokens on either side" in match_layers(far, near, range(2), copied=False).unmatched
    )


def test_attention_alone_is_learnt(teacher: Path, texts: Path, tmp_path: Path) -> None:
    arguments: dict[str, Any] = {"data": texts, "config": NUMBERS, "losses": ONLY_ATTENTION}
    same = edgebert.distil(teacher, tmp_path / "same", student="layers=3", **arguments)
    assert same.untrained["loss"] == pytest.approx(0, abs=1e-6)
    fewer = edgebert.distil(teacher, tmp_path / "fewer", student="layers=2", **arguments)
    assert fewer.metrics["loss"] < fewer.untrained["loss"] / 2


def test_a_student_of_other_heads_learns_without_attention_and_says_so(
    teacher: Path, texts: Path, tmp_path: Path
) -> None:
    base = save_with_tokens_of(
        teacher, build(SAMPLES["bert"], num_attention_heads=2), tmp_path / "base"
    )
    notes: list[str] = []
    arguments: dict[str, Any] = {"student": base, "data": texts}
    few = replace(NUMBERS, epochs=1)
    both = edgebert.DistilLosses(attention=1.0)
    edgebert.distil(
        teacher,
        tmp_path / "out",
        **arguments,
        config=few,
        losses=both,
        progress=lambda line: notes.append(str(line)),
    )
    assert any("attention is not compared: layer 0 has 2 heads" in note for note in notes)
    with pytest.raises(ConfigError, match="neither hidden states nor attention are compared"):
        edgebert.distil(teacher, tmp_path / "none", **arguments, losses=ONLY_ATTENTION)


def test_weights_of_nothing_have_a_finite_gradient() -> None:
    student = torch.tensor([[[[1.0, 0.0], [0.5, 0.5]]]], requires_grad=True)
    teacher = torch.tensor([[[[0.5, 0.5], [0.0, 1.0]]]])
    loss = attention_divergence(student, teacher, torch.tensor([[1, 1]]))
    torch.autograd.backward(loss)
    assert loss.isfinite()
    assert student.grad is not None
    assert student.grad.isfinite().all()
