"""Reading a whole checkpoint folder."""

import contextlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from edgebert_runtime.errors import (
    CheckpointError,
    ConfigError,
    EdgebertError,
    UnsupportedModelError,
)
from tests.support.checkpoints import read_checkpoint
from tests.support.small_checkpoints import (
    TINY,
    write_checkpoint,
    write_dense,
    write_json,
    write_sentence_model,
)


def test_a_bare_bert_is_read_whole(tmp_path: Path) -> None:
    folder = tmp_path / "my-bert"
    folder.mkdir()
    tensors = write_checkpoint(folder)
    checkpoint = read_checkpoint(folder)
    assert (checkpoint.kind, checkpoint.name, checkpoint.folder) == ("folder", "my-bert", folder)
    assert (checkpoint.model_type, checkpoint.config) == ("bert", TINY)
    assert not checkpoint.encoder.training
    assert torch.equal(
        checkpoint.encoder.state_dict()["embeddings.token.weight"],
        tensors["embeddings.word_embeddings.weight"],
    )
    assert checkpoint.max_length == checkpoint.tokenizer.max_length == 16
    assert checkpoint.notes == (
        "task embed: the checkpoint is a BertModel",
        "no modules.json: vectors are pooled by mean",
    )
    assert checkpoint.hf_config["hidden_size"] == 12


def test_a_sentence_model_is_read_whole(tmp_path: Path) -> None:
    write_sentence_model(
        tmp_path,
        ("2_Dense", "sentence_transformers.models.Dense"),
        settings={"max_seq_length": 9},
        prompts={"prompts": {"query": "query: "}, "default_prompt_name": "query"},
    )
    write_dense(tmp_path / "2_Dense", 12, 5)
    checkpoint = read_checkpoint(str(tmp_path))
    assert checkpoint.max_length == 9
    assert checkpoint.embedding.dimensions == 5
    assert checkpoint.embedding.default_prompt == "query"
    assert list(checkpoint.dense) == ["2_Dense/model.safetensors"]
    assert checkpoint.notes == ("task embed: the checkpoint has a modules.json",)


def test_every_parameter_is_real_float32_and_trainable(tmp_path: Path) -> None:
    write_checkpoint(tmp_path)
    for name, parameter in read_checkpoint(tmp_path).encoder.named_parameters():
        assert parameter.device.type == "cpu", name
        assert parameter.dtype == torch.float32, name
        assert parameter.requires_grad, name


def test_real_files_are_read(minilm: Path) -> None:
    checkpoint = read_checkpoint(minilm)
    assert [step.kind for step in checkpoint.embedding.steps] == ["pool", "normalize"]
    assert checkpoint.max_length == 256
    assert checkpoint.config.pooler
    assert checkpoint.notes == (
        "task embed: the checkpoint has a modules.json",
        "max_seq_length is 256, the tokenizer's model_max_length is 512, the model has 512 "
        "positions: texts are cut to 256 tokens",
    )


def test_the_callers_limit_wins(tmp_path: Path) -> None:
    write_sentence_model(tmp_path, settings={"max_seq_length": 9})
    checkpoint = read_checkpoint(tmp_path, max_length=12)
    assert checkpoint.max_length == 12
    assert checkpoint.tokenizer.tokenizer_config["model_max_length"] == 12
    with pytest.raises(ConfigError, match="between 3 and 16"):
        read_checkpoint(tmp_path, max_length=17)


def test_an_unknown_family_names_the_known_ones_and_the_way_out(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, model_type="t5")
    with pytest.raises(UnsupportedModelError, match=r"'t5', .*: albert, bert, .*export\("):
        read_checkpoint(tmp_path)


def test_a_config_without_a_family_is_refused(tmp_path: Path) -> None:
    write_json(tmp_path / "config.json", {"hidden_size": 12})
    with pytest.raises(CheckpointError, match="lacks model_type"):
        read_checkpoint(tmp_path)


def test_an_adapter_is_not_silently_left_out(tmp_path: Path) -> None:
    write_checkpoint(tmp_path)
    write_json(tmp_path / "adapter_config.json", {})
    with pytest.raises(UnsupportedModelError, match="merge_and_unload"):
        read_checkpoint(tmp_path)


def test_a_folder_that_is_no_checkpoint_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"config\.json not found"):
        read_checkpoint(tmp_path)


def test_a_file_is_not_a_checkpoint(tmp_path: Path) -> None:
    path = write_json(tmp_path / "config.json", {})
    with pytest.raises(CheckpointError, match=r"config\.json is a file, expected the folder"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    "source", ["no-such-folder", "./org/name", "/no/such/folder", "a/b/c", "org/..", "", "a b/c"]
)
def test_what_is_neither_folder_nor_hub_id_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=r"neither a folder here nor a Hub id|not found"):
        read_checkpoint(source)


def test_a_path_is_never_looked_up_on_the_hub() -> None:
    with pytest.raises(CheckpointError, match="neither a folder here nor a Hub id"):
        read_checkpoint(Path("organisation/name"))


def test_weights_of_another_config_are_refused_with_the_folder(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, num_hidden_layers=3)
    with pytest.raises(CheckpointError, match=rf"{tmp_path.name} does not fit .*layer\.2.*missing"):
        read_checkpoint(tmp_path)


def settings_files(folder: Path) -> list[Path]:
    """Write a model with every JSON file a checkpoint may have; those files."""
    write_sentence_model(
        folder,
        ("2_Dense", "sentence_transformers.models.Dense"),
        ("3_Normalize", "sentence_transformers.models.Normalize"),
        pooling={"word_embedding_dimension": 12, "pooling_mode": "mean"},
        settings={"max_seq_length": 9, "do_lower_case": True, "modality_config": {}},
        prompts={"prompts": {"query": "query: "}, "default_prompt_name": "query"},
    )
    write_dense(folder / "2_Dense", 12, 5)
    write_json(folder / "3_Normalize/config.json", {"module_input_name": "sentence_embedding"})
    write_json(folder / "special_tokens_map.json", {"cls_token": {"content": "[CLS]"}})
    config = {
        "added_tokens_decoder": {"0": {"content": "[PAD]"}},
        "do_lower_case": True,
        "model_max_length": 12,
        "pad_token_type_id": 0,
        "tokenizer_class": "BertTokenizer",
    }
    write_json(folder / "tokenizer_config.json", config)
    return sorted(folder.rglob("*.json"))


def spoilt(value: Any, junk: object) -> Iterator[Any]:
    """Every copy of `value` with one of its parts, or all of it, replaced by `junk`."""
    yield junk
    places: Iterable[tuple[Any, Any]] = enumerate(value) if isinstance(value, list) else ()
    for place, part in value.items() if isinstance(value, dict) else places:
        for replacement in spoilt(part, junk):
            copy = value.copy()
            copy[place] = replacement
            yield copy


@pytest.mark.parametrize("junk", [None, -3, 1e30, "junk", [[]], {"a": {}}, True], ids=repr)
def test_junk_in_any_setting_is_read_or_refused_on_purpose(tmp_path: Path, junk: object) -> None:
    for path in settings_files(tmp_path):
        whole = path.read_text(encoding="utf-8")
        for value in spoilt(json.loads(whole), junk):
            write_json(path, value)
            with contextlib.suppress(EdgebertError):
                read_checkpoint(tmp_path)
        path.write_text(whole, encoding="utf-8")
    assert read_checkpoint(tmp_path).embedding.dimensions == 5
