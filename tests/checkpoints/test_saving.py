"""Every family with every head: written here, read by transformers and by edgebert, the same."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file

from edgebert.checkpoints.families.head_table import HeadTable
from edgebert.checkpoints.families.registry import FAMILIES
from edgebert.checkpoints.heads import head_config
from edgebert.checkpoints.saving import (
    CheckpointParts,
    check_free,
    label_settings,
    save_checkpoint,
)
from edgebert.checkpoints.state_dict import config_from_hf
from edgebert.checkpoints.tokenizer.read import (
    TokenizerFiles,
    TokenizerRequirements,
    read_tokenizer,
)
from edgebert.model.config import EncoderConfig
from edgebert.model.encoder import Encoder
from edgebert.model.heads import EncoderWithHead, Head, Pooled
from edgebert_runtime.bundle.manifest import EmbeddingInfo, Step
from edgebert_runtime.errors import ConfigError
from tests.support.checkpoints import read_checkpoint
from tests.support.crashing_checkpoints import NAME
from tests.support.families import SAMPLES, SIZES
from tests.support.tiny_encoder import SPECIALS, WORDS
from tests.support.tokenizers import save_tokenizer

TOLERANCE = 1e-5
OUTPUTS = {"classify": 3, "tag": 4, "answer": 2, "next_sentence": 2}
CASES = [
    (name, index)
    for name, sample in SAMPLES.items()
    for index, _ in enumerate(FAMILIES[sample.config().model_type].tasks)
]


def tokenizer_of(folder: Path, config: EncoderConfig, model_type: str) -> TokenizerFiles:
    save_tokenizer(model_type, folder)
    demands = TokenizerRequirements(
        vocabulary=config.vocabulary,
        positions=config.positions,
        asked=None,
        settings=None,
        lowercase=False,
        default_class=FAMILIES[model_type].tokenizer_class,
    )
    return read_tokenizer(folder, demands)[0]


def randomised(model: torch.nn.Module) -> None:
    """Every parameter random: a mix-up of zero biases would not show."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)


def drawn(
    name: str, index: int | None, source: Path
) -> tuple[CheckpointParts, EncoderWithHead | None]:
    """A random model of a family, with the head of that number."""
    sample = SAMPLES[name]
    theirs = sample.config(**{**SIZES, **sample.changes, "bos_token_id": 1, "eos_token_id": 2})
    hf_config: dict[str, Any] = json.loads(theirs.to_json_string(use_diff=False))
    family = FAMILIES[hf_config["model_type"]]
    config = config_from_hf(family, hf_config, pooler=bool(family.pooler))
    torch.manual_seed(0)
    encoder = Encoder(config).eval()
    tokenizer = tokenizer_of(source, config, family.model_type)
    if index is None:
        randomised(encoder)
        embedding = EmbeddingInfo(
            dimensions=config.hidden, steps=(Step(kind="pool", modes=("mean",)),)
        )
        bare = CheckpointParts(
            family=family, encoder=encoder, tokenizer=tokenizer, base=hf_config, embedding=embedding
        )
        return bare, None
    table: HeadTable = family.tasks[index]
    outputs = OUTPUTS.get(table.task, config.vocabulary)
    head = Head(config, head_config(table, hf_config, config, outputs))
    model = EncoderWithHead(encoder, head).eval()
    randomised(model)
    labelled = table.task in ("classify", "tag")
    parts = CheckpointParts(
        family=family,
        encoder=encoder,
        heads=((table, head),),
        tokenizer=tokenizer,
        base=hf_config,
        settings=label_settings(tuple(f"kind {n}" for n in range(outputs))) if labelled else {},
    )
    return parts, model


def run_both(theirs: Any, ours: EncoderWithHead) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    config = ours.encoder.config
    ids = torch.randint(5, 80, (2, 9))
    mask = torch.ones_like(ids)
    mask[1, 6:] = 0
    types = {"token_type_ids": torch.zeros_like(ids)} if config.token_types > 1 else {}
    with torch.no_grad():
        found = theirs(input_ids=ids, attention_mask=mask, **types)
        expected = ours(ids, mask, *types.values())
    keys = ("start_logits", "end_logits") if "start_logits" in found else ("logits",)
    per_token = expected[0].shape[:2] == ids.shape
    kept = mask.bool() if per_token else torch.ones(2, dtype=torch.bool)
    return [found[key][kept] for key in keys], [value[kept] for value in expected]


@pytest.mark.parametrize(("name", "index"), CASES)
def test_every_head_of_every_family_is_read_back_and_by_transformers(
    name: str, index: int, tmp_path: Path
) -> None:
    parts, model = drawn(name, index, tmp_path / "tokenizer")
    assert model is not None
    save_checkpoint(tmp_path / "out", parts)
    check_by_transformers(tmp_path / "out", parts.heads[0][0].architecture, model)
    check_read_back(tmp_path / "out", parts.heads[0][0].task, model)


def check_by_transformers(folder: Path, architecture: str, model: EncoderWithHead) -> None:
    theirs, report = getattr(transformers, architecture).from_pretrained(
        folder, attn_implementation="eager", output_loading_info=True
    )
    assert report["missing_keys"] == set()
    assert report["unexpected_keys"] == set()
    theirs.save_pretrained(folder / "again")  # its loader forgives a missing prefix; others do not
    stored = load_file(folder / "model.safetensors")
    assert stored.keys() <= load_file(folder / "again/model.safetensors").keys()
    for found, expected in zip(*run_both(theirs.eval(), model), strict=True):
        assert expected.std() > 0.1
        torch.testing.assert_close(found, expected, atol=TOLERANCE, rtol=TOLERANCE)


def check_read_back(folder: Path, task: str, model: EncoderWithHead) -> None:
    again = read_checkpoint(folder)
    assert again.task == task
    assert again.head is not None
    assert again.head.config == model.head.config
    restored = EncoderWithHead(again.encoder, again.head).state_dict()
    unread = set()
    if model.head.config.pooled is not Pooled.POOLER:
        unread = {key for key in model.state_dict() if key.startswith("encoder.pooler.")}
    assert restored.keys() == model.state_dict().keys() - unread
    for key, tensor in restored.items():
        assert torch.equal(tensor, model.state_dict()[key]), key


@pytest.mark.parametrize("name", SAMPLES)
def test_a_bare_encoder_is_a_sentence_transformer(name: str, tmp_path: Path) -> None:
    parts, _ = drawn(name, None, tmp_path / "tokenizer")
    save_checkpoint(tmp_path / "out", parts)
    again = read_checkpoint(tmp_path / "out")
    assert (again.task, again.embedding) == ("embed", parts.embedding)
    for key, tensor in parts.encoder.state_dict().items():
        assert torch.equal(again.encoder.state_dict()[key], tensor), key
    modules = json.loads((tmp_path / "out/modules.json").read_text(encoding="utf-8"))
    assert [module["type"].rpartition(".")[2] for module in modules] == ["Transformer", "Pooling"]


def test_labels_and_tokenizer_are_there_for_transformers(tmp_path: Path) -> None:
    parts, _ = drawn("bert", 0, tmp_path / "tokenizer")
    save_checkpoint(tmp_path / "out", parts)
    config = transformers.AutoConfig.from_pretrained(tmp_path / "out")
    assert config.id2label == {0: "kind 0", 1: "kind 1", 2: "kind 2"}
    assert config.label2id == {"kind 0": 0, "kind 1": 1, "kind 2": 2}
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    before = transformers.AutoTokenizer.from_pretrained(tmp_path / "tokenizer")
    text = "The small cat, unable dogs"
    assert theirs(text)["input_ids"] == before(text)["input_ids"]


def test_nothing_is_replaced_unasked_and_nothing_but_a_checkpoint_ever(tmp_path: Path) -> None:
    parts, _ = drawn("bert", 0, tmp_path / "tokenizer")
    out = tmp_path / "out"
    out.mkdir()
    save_checkpoint(out, parts)
    with pytest.raises(ConfigError, match="exists; pass overwrite"):
        save_checkpoint(out, parts)
    (out / "stale").touch()
    save_checkpoint(out, parts, overwrite=True)
    assert not (out / "stale").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").touch()
    with pytest.raises(ConfigError, match="is no checkpoint"):
        save_checkpoint(tmp_path / "mine", parts, overwrite=True)
    with pytest.raises(ConfigError, match="is no folder"):
        save_checkpoint(tmp_path / "mine/letter.txt", parts, overwrite=True)


@dataclass(frozen=True, kw_only=True)
class Interrupting(TokenizerFiles):
    """Does something else when it is asked for its files, which is after the weights."""

    instead: Callable[[], object]

    def contents(self) -> dict[str, bytes]:
        self.instead()
        return {}


def interrupted(parts: CheckpointParts, instead: Callable[[], object]) -> CheckpointParts:
    return replace(parts, tokenizer=Interrupting(**vars(parts.tokenizer), instead=instead))


def test_a_failure_halfway_leaves_nothing(tmp_path: Path) -> None:
    parts, _ = drawn("bert", 0, tmp_path / "tokenizer")
    out = tmp_path / "place/out"
    save_checkpoint(out, parts)
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def fail() -> None:
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        save_checkpoint(out, interrupted(parts, fail), overwrite=True)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("exchange", ["yes", "no"])
def test_killed_at_any_step_the_old_or_the_new_checkpoint_is_whole(
    exchange: str, tmp_path: Path
) -> None:
    (tmp_path / "vocab.txt").write_text("\n".join(f"{SPECIALS} {WORDS}".split()), encoding="utf-8")
    command = [sys.executable, "-m", "tests.support.crashing_checkpoints", str(tmp_path), exchange]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    steps = json.loads(done.stdout)
    assert steps > 20, "too few steps to have been inside the writing"
    known = {name: contents(tmp_path / name) for name in ("old", "new")}
    found: set[str] = set()
    absent = 0
    for step in range(steps):
        folder = tmp_path / str(step) / NAME
        absent += not os.path.lexists(folder)
        check_free(folder, overwrite=True)
        found |= {name for name, content in known.items() if content == contents(folder)}
        assert contents(folder) in known.values(), f"neither old nor new after step {step}"
        assert [path.name for path in folder.parent.iterdir()] == [NAME]
    assert found == {"old", "new"}
    assert bool(absent) == (exchange == "no")


def test_what_appears_meanwhile_is_untouched(tmp_path: Path) -> None:
    parts, _ = drawn("bert", 0, tmp_path / "tokenizer")
    out = tmp_path / "place/out"

    def appear() -> None:
        out.mkdir()
        (out / "letter.txt").touch()

    with pytest.raises(
        ConfigError, match="was created by another program meanwhile; it is untouched"
    ):
        save_checkpoint(out, interrupted(parts, appear), overwrite=True)
    assert [path.name for path in out.parent.rglob("*")] == ["out", "letter.txt"]
