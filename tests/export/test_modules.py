"""Modules of somebody else's, transformers' own: traced, fused, verified, answered."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import edgebert
from edgebert_export import ExportSpec
from edgebert_runtime import load
from edgebert_runtime.bundle.manifest import HeadInfo
from edgebert_runtime.errors import ConfigError, ExportError
from tests.support.families import LABELS, SAMPLES, build_with_head, save


class Logits(nn.Module):
    """transformers' model with its inputs and its one output in the order of a spec."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        logits: Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits


def spec_for(task: str, **changes: Any) -> ExportSpec:
    labels = tuple(f"label {number}" for number in range(LABELS.get(task, 3)))
    known: dict[str, Any] = {
        "vocabulary": 1003,
        "hidden": 48,
        "max_positions": 80,
        "layers": 3,
        "task": task,
        "head": HeadInfo(labels=labels, activation="softmax"),
    }
    return ExportSpec(**{**known, **changes})


@pytest.mark.parametrize(("family", "task"), [("bert", "classify"), ("modernbert", "tag")])
def test_a_model_of_transformers_is_exported_as_it_is(
    family: str, task: str, tmp_path: Path
) -> None:
    model: Any = build_with_head(SAMPLES[family], task)
    model.set_attn_implementation("sdpa")
    source = save(model, tmp_path / "source")
    bundle = edgebert.export(
        Logits(model), tmp_path / "bundle", spec=spec_for(task), tokenizer=source
    )
    assert bundle.manifest.variants["cpu"].fusions["attention"] == 3
    assert bundle.manifest.variants["portable"].opset == 20
    assert edgebert.verify(bundle, against=Logits(model), spec=spec_for(task)).passed


def test_its_labels_are_answered(tmp_path: Path) -> None:
    model: Any = build_with_head(SAMPLES["bert"], "classify")
    model.set_attn_implementation("sdpa")
    source = save(model, tmp_path / "source")
    spec = spec_for("classify", max_length=20)
    bundle = edgebert.export(Logits(model), tmp_path / "bundle", spec=spec, tokenizer=source)
    (found,) = load(bundle, task="classify").classify(["the small cat"])
    ids = load(bundle, task="classify").encode(["the small cat"])[0].rows[0].input_ids
    with torch.no_grad():
        given = torch.tensor([list(ids)])
        expected = torch.softmax(model(input_ids=given).logits[0], dim=-1)
    assert found.best.score == pytest.approx(float(expected.max()), abs=1e-5)
    assert found.best.label == f"label {int(expected.argmax())}"


def test_logits_of_another_shape_are_refused(tmp_path: Path) -> None:
    model = build_with_head(SAMPLES["bert"], "classify", num_labels=4)
    source = save(model, tmp_path / "source")
    with pytest.raises(ExportError, match=r"logits of shape \(2, 4\), expected \(2, 3\)"):
        edgebert.export(
            Logits(model), tmp_path / "bundle", spec=spec_for("classify"), tokenizer=source
        )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"task": "translate"}, "task must be one of embed, classify"),
        ({"head": None}, "every other task needs HeadInfo"),
        ({"task": "embed"}, "'embed' has none"),
        ({"task": "fill"}, "takes no labels"),
        ({"head": HeadInfo(labels=(), activation="softmax")}, "takes labels"),
        ({"task": "rank"}, "'rank' takes one label"),
    ],
    ids=str,
)
def test_a_spec_that_contradicts_itself_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        spec_for(**{"task": "classify", **changes})


def test_a_task_that_is_not_the_specs_is_refused(tmp_path: Path) -> None:
    module = Logits(nn.Identity())
    with pytest.raises(ConfigError, match="they must agree"):
        edgebert.export(
            module, tmp_path / "b", task="tag", spec=spec_for("classify"), tokenizer=tmp_path
        )
