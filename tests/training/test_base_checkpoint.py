"""What a training begins with: heads kept or drawn, and bases that do not fit."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from edgebert import train
from edgebert.model.heads import Pooled
from edgebert.training.base_checkpoint import open_base
from edgebert_runtime.errors import CheckpointError, ConfigError
from tests.support import training_data
from tests.support.checkpoints import head_request, read_checkpoint
from tests.support.families import SAMPLES, build
from tests.support.tokenizers import save_tokenizer


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return training_data.write_base(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(scope="module")
def classifier(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classifier")
    data = training_data.classify_file(folder)
    config = training_data.replace(training_data.QUICK, epochs=1)
    train(base, data, folder / "out", task="classify", config=config)
    return folder / "out"


@pytest.mark.parametrize("task", training_data.FILES)
def test_new_heads_are_drawn_as_the_encoder_is(task: str, base: Path) -> None:
    torch.manual_seed(0)
    labels = ("a", "b", "c") if task in ("classify", "tag") else ()
    opened = open_base(base, head_request(task, labels=labels))
    for _, head in opened.heads:
        if not head.config.tied:
            assert head.out.weight.std().item() == pytest.approx(0.1, rel=0.5)
        assert head.out.bias.abs().max() == 0
    reads = any(head.config.pooled is Pooled.POOLER for _, head in opened.heads)
    if opened.heads:
        assert (opened.encoder.pooler is not None) == reads


@pytest.mark.parametrize("name", ["roberta", "electra", "albert", "modernbert", "deberta-v3"])
def test_heads_of_other_families_are_drawn_by_their_tables(name: str, tmp_path: Path) -> None:
    model: Any = build(SAMPLES[name])
    model.save_pretrained(tmp_path)
    save_tokenizer(SAMPLES[name].config().model_type, tmp_path)
    for task in ("classify", "tag", "answer", "fill"):
        labels = ("a", "b") if task in ("classify", "tag") else ()
        opened = open_base(tmp_path, head_request(task, labels=labels))
        table, head = opened.heads[0]
        assert (table.task, head.config.kind) == (task, task)
        assert (head.dense is None) == (table.dense is None)


def test_a_head_that_is_there_is_kept_unless_a_new_one_is_asked_for(classifier: Path) -> None:
    stored = read_checkpoint(classifier).head
    assert stored is not None
    wanted = head_request("classify", labels=("colour", "size"))
    kept = open_base(classifier, wanted)
    assert kept.labels == ("animal", "colour", "size")
    assert torch.equal(kept.heads[0][1].out.weight, stored.out.weight)
    renewed = open_base(classifier, training_data.replace(wanted, new_head=True))
    assert renewed.labels == ("colour", "size")
    assert renewed.heads[0][1].out.weight.shape == (2, 48)


def test_a_classifiers_head_is_no_taggers_though_it_has_the_same_name(classifier: Path) -> None:
    opened = open_base(classifier, head_request("tag", labels=("animal", "colour", "size")))
    stored = read_checkpoint(classifier).head
    assert stored is not None
    assert not torch.equal(opened.heads[0][1].out.weight, stored.out.weight)
    assert opened.notes == ("the head's weights are initialized: tag",)


def test_labels_that_the_head_does_not_know_are_refused(classifier: Path) -> None:
    with pytest.raises(ConfigError, match=r"'animal', 'colour', 'size', the data have 'far' too"):
        open_base(classifier, head_request("classify", labels=("animal", "far")))


def test_every_tensor_of_another_shape_is_listed_once(base: Path, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    for path in base.iterdir():
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    changed = json.dumps({**config, "intermediate_size": 57})
    (folder / "config.json").write_text(changed, encoding="utf-8")
    with pytest.raises(CheckpointError) as caught:
        open_base(folder, head_request("fill"))
    blocks = ("intermediate.dense.weight", "intermediate.dense.bias", "output.dense.weight")
    wrong = [f"encoder.layer.{layer}.{block}" for layer in range(2) for block in blocks]
    for name in wrong:
        assert str(caught.value).count(f"{name} is (") == 1, name
    assert str(caught.value).count(" is (") == len(wrong)


def test_families_without_such_a_head_are_refused(tmp_path: Path) -> None:
    model: Any = build(SAMPLES["roberta"])
    model.save_pretrained(tmp_path)
    save_tokenizer("roberta", tmp_path)
    with pytest.raises(ConfigError, match="no head for next_sentence on roberta models"):
        open_base(tmp_path, head_request("pretrain"))


def test_from_scratch_needs_no_weights(base: Path, tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((base / name).read_bytes())
    torch.manual_seed(1)
    opened = open_base(tmp_path, head_request("fill", from_scratch=True))
    stored = read_checkpoint(base).encoder
    assert not torch.equal(opened.encoder.embeddings.token.weight, stored.embeddings.token.weight)
    assert opened.encoder.embeddings.token.weight.std().item() == pytest.approx(0.1, rel=0.1)
