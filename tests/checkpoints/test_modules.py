"""Pooling, Dense and Normalize, from sentence-transformers' files to a bundle's steps."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from edgebert.checkpoints import DenseWeights
from edgebert.checkpoints.modules import read_embedding, sentence_transformers_files
from edgebert.checkpoints.sentence_transformers import read_pipeline
from edgebert_runtime.bundle.manifest import EmbeddingInfo, Step
from edgebert_runtime.errors import CheckpointError, UnsupportedModelError
from tests.support.small_checkpoints import (
    TINY,
    write_dense,
    write_json,
    write_modules,
    write_sentence_model,
)

DENSE = ("2_Dense", "sentence_transformers.models.Dense")
NORMALIZE = ("3_Normalize", "sentence_transformers.models.Normalize")


def read(folder: Path) -> tuple[EmbeddingInfo, dict[str, DenseWeights]]:
    return read_embedding(read_pipeline(folder), TINY.hidden)[:2]


def notes_of(folder: Path) -> str:
    pipeline = read_pipeline(folder)
    return "\n".join((*pipeline.notes, *read_embedding(pipeline, TINY.hidden)[2]))


def test_without_modules_vectors_are_the_mean(tmp_path: Path) -> None:
    embedding, dense = read(tmp_path)
    assert embedding == EmbeddingInfo(dimensions=12, steps=(Step(kind="pool", modes=("mean",)),))
    assert dense == {}


@pytest.mark.parametrize(
    ("pooling", "modes"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, ("cls",)),
        ({"pooling_mode_max_tokens": True}, ("max",)),
        ({"pooling_mode_mean_sqrt_len_tokens": True}, ("mean_sqrt_len",)),
        ({"pooling_mode_weightedmean_tokens": True}, ("weighted_mean",)),
        ({"pooling_mode_lasttoken": True}, ("last_token",)),
        (
            {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True},
            ("cls", "mean"),
        ),
        ({}, ("mean",)),
        ({"pooling_mode": "weightedmean"}, ("weighted_mean",)),
        ({"pooling_mode": "mean_sqrt_len_tokens"}, ("mean_sqrt_len",)),
        ({"pooling_mode": ["lasttoken", "cls"]}, ("last_token", "cls")),
        ({"pooling_mode": "max", "pooling_mode_mean_tokens": True}, ("max",)),
    ],
)
def test_every_pooling_mode_is_read_in_both_spellings(
    tmp_path: Path, pooling: dict[str, Any], modes: tuple[str, ...]
) -> None:
    write_sentence_model(tmp_path, pooling=pooling)
    embedding, _ = read(tmp_path)
    assert embedding.steps == (Step(kind="pool", modes=modes),)
    assert embedding.dimensions == 12 * len(modes)


@pytest.mark.parametrize(
    "pooling", [{"pooling_mode": "median"}, {"pooling_mode_median": True}, {"pooling_mode": []}]
)
def test_an_unknown_pooling_mode_is_refused(tmp_path: Path, pooling: dict[str, Any]) -> None:
    write_sentence_model(tmp_path, pooling=pooling)
    with pytest.raises(UnsupportedModelError, match=r"pooling mode.*known: cls, max, mean"):
        read(tmp_path)


def test_prompts_left_out_of_pooling_are_refused(tmp_path: Path) -> None:
    pooling = {"pooling_mode": "mean", "include_prompt": False}
    write_sentence_model(tmp_path, pooling=pooling, prompts={"prompts": {"query": "query: "}})
    with pytest.raises(UnsupportedModelError, match="include_prompt=false"):
        read(tmp_path)


def test_without_prompts_there_is_nothing_to_leave_out(tmp_path: Path) -> None:
    pooling = {"pooling_mode": "mean", "include_prompt": False}
    write_sentence_model(tmp_path, pooling=pooling, prompts={"prompts": {"query": ""}})
    assert read(tmp_path)[0].prompts == {"query": ""}


@pytest.mark.parametrize("stored", ["model.safetensors", "pytorch_model.bin"])
def test_a_dense_step_is_read_with_its_weights(tmp_path: Path, stored: str) -> None:
    write_sentence_model(tmp_path, DENSE, NORMALIZE)
    tensors = write_dense(tmp_path / "2_Dense", 12, 5)
    if stored == "pytorch_model.bin":
        (tmp_path / "2_Dense/model.safetensors").unlink()
        torch.save(tensors, tmp_path / "2_Dense" / stored)
    embedding, dense = read(tmp_path)
    file = "2_Dense/model.safetensors"
    assert embedding.dimensions == 5
    assert embedding.normalized
    assert embedding.steps[1] == Step(kind="dense", file=file, activation="tanh")
    assert torch.equal(dense[file].weight, tensors["linear.weight"])
    bias = dense[file].bias
    assert bias is not None
    assert torch.equal(bias, tensors["linear.bias"])


@pytest.mark.parametrize(
    ("name", "activation"),
    [
        ("torch.nn.modules.linear.Identity", "identity"),
        ("torch.nn.modules.activation.ReLU", "relu"),
        ("torch.nn.GELU", "gelu"),
    ],
)
def test_activations_are_known_by_their_torch_names(
    tmp_path: Path, name: str, activation: str
) -> None:
    write_sentence_model(tmp_path, DENSE)
    write_dense(tmp_path / "2_Dense", 12, 5, activation_function=name)
    assert read(tmp_path)[0].steps[1].activation == activation


def test_a_dense_step_may_have_no_bias_and_half_precision(tmp_path: Path) -> None:
    write_sentence_model(tmp_path, DENSE)
    tensors = write_dense(tmp_path / "2_Dense", 12, 5, bias=False)
    half = tensors["linear.weight"].half()
    save_file({"linear.weight": half}, tmp_path / "2_Dense/model.safetensors")
    weights = read(tmp_path)[1]["2_Dense/model.safetensors"]
    assert weights.bias is None
    assert torch.equal(weights.weight, half.float())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("activation_function", "torch.nn.modules.activation.SiLU"),
        ("activation_function", "my_package.Tanh"),
        ("use_residual", True),
        ("module_input_name", "token_embeddings"),
        ("module_output_name", "other"),
    ],
)
def test_a_dense_step_that_does_more_is_refused_by_name(
    tmp_path: Path, key: str, value: object
) -> None:
    write_sentence_model(tmp_path, DENSE)
    write_dense(tmp_path / "2_Dense", 12, 5, **{key: value})
    with pytest.raises(UnsupportedModelError, match=rf"2_Dense/config\.json has {key}"):
        read(tmp_path)


def test_a_normalisation_of_tokens_is_refused(tmp_path: Path) -> None:
    write_sentence_model(tmp_path, NORMALIZE)
    write_json(tmp_path / "3_Normalize/config.json", {"module_input_name": "token_embeddings"})
    with pytest.raises(UnsupportedModelError, match="module_input_name='token_embeddings'"):
        read(tmp_path)


def test_widths_that_do_not_meet_are_refused(tmp_path: Path) -> None:
    write_sentence_model(tmp_path, DENSE)
    write_dense(tmp_path / "2_Dense", 24, 5)
    with pytest.raises(CheckpointError, match="in_features=24, expected 12"):
        read(tmp_path)


@pytest.mark.parametrize("key", ["word_embedding_dimension", "embedding_dimension"])
def test_a_pooling_width_that_contradicts_the_model_is_told(tmp_path: Path, key: str) -> None:
    write_sentence_model(tmp_path, pooling={key: 9, "pooling_mode": "mean"})
    assert read(tmp_path)[0].dimensions == 12
    assert f"{key}=9, the model's vectors have 12 numbers" in notes_of(tmp_path)
    write_sentence_model(tmp_path, pooling={key: 12, "pooling_mode": "mean"})
    assert not notes_of(tmp_path)


@pytest.mark.parametrize(
    "tensors",
    [
        {"linear.weight": torch.zeros(5, 11), "linear.bias": torch.zeros(5)},
        {"linear.weight": torch.zeros(5, 12), "linear.bias": torch.zeros(4)},
        {"linear.weight": torch.zeros(5, 12)},
        {"weight": torch.zeros(5, 12), "bias": torch.zeros(5)},
        {"linear.weight": torch.zeros(6, 12), "linear.bias": torch.zeros(6)},
    ],
)
def test_dense_weights_that_do_not_fit_are_refused(
    tmp_path: Path, tensors: dict[str, torch.Tensor]
) -> None:
    write_sentence_model(tmp_path, DENSE)
    write_dense(tmp_path / "2_Dense", 12, 5)
    save_file(tensors, tmp_path / "2_Dense/model.safetensors")
    with pytest.raises(CheckpointError, match=r"2_Dense.* expected"):
        read(tmp_path)


POOLING_TWO = ("2_Pooling", "sentence_transformers.models.Pooling")


@pytest.mark.parametrize("between", [(), (("3_Normalize", NORMALIZE[1]),)])
def test_the_last_of_two_poolings_counts(
    tmp_path: Path, between: tuple[tuple[str, str], ...]
) -> None:
    write_sentence_model(tmp_path, *between, POOLING_TWO)
    write_json(tmp_path / "2_Pooling/config.json", {"pooling_mode": ["cls", "max"]})
    embedding, _ = read(tmp_path)
    assert embedding.steps == (Step(kind="pool", modes=("cls", "max")),)
    assert embedding.dimensions == 24
    assert "2_Pooling/config.json pools again: 1_Pooling" in notes_of(tmp_path)


def test_a_second_pooling_for_queries_is_refused(tmp_path: Path) -> None:
    write_sentence_model(tmp_path, POOLING_TWO, NORMALIZE)
    write_json(tmp_path / "2_Pooling/config.json", {"output_key": "query_embedding"})
    with pytest.raises(UnsupportedModelError, match=r"output_key='query_embedding'.*modules\.json"):
        read(tmp_path)


def test_modules_without_pooling_are_refused(tmp_path: Path) -> None:
    write_modules(tmp_path, (("", "sentence_transformers.models.Transformer"), NORMALIZE))
    with pytest.raises(UnsupportedModelError, match="lists Normalize after the Transformer"):
        read(tmp_path)


def test_a_dense_step_may_keep_the_width_and_stand_last(tmp_path: Path) -> None:
    write_sentence_model(tmp_path, DENSE)
    tensors = write_dense(tmp_path / "2_Dense", 12, 12)
    embedding, dense = read(tmp_path)
    assert [step.kind for step in embedding.steps] == ["pool", "dense"]
    assert not embedding.normalized
    assert torch.equal(dense["2_Dense/model.safetensors"].weight, tensors["linear.weight"])


def test_two_dense_steps_widen_and_narrow(tmp_path: Path) -> None:
    identity = "torch.nn.modules.linear.Identity"
    write_sentence_model(tmp_path, DENSE, ("3_Dense", DENSE[1]), ("4_Normalize", NORMALIZE[1]))
    write_dense(tmp_path / "2_Dense", 12, 48, activation_function=identity)
    write_dense(tmp_path / "3_Dense", 48, 7, activation_function=identity)
    embedding, dense = read(tmp_path)
    assert [step.kind for step in embedding.steps] == ["pool", "dense", "dense", "normalize"]
    assert embedding.dimensions == 7
    assert [w.weight.shape for w in dense.values()] == [(48, 12), (7, 48)]


def test_vectors_are_cut_after_they_are_normalised(tmp_path: Path) -> None:
    write_sentence_model(tmp_path, NORMALIZE, prompts={"truncate_dim": 8})
    embedding, _ = read(tmp_path)
    assert embedding.dimensions == 8
    assert embedding.steps[1:] == (
        Step(kind="normalize"),
        Step(kind="truncate", dimensions=8),
    )
    assert not embedding.normalized
    assert "first 8 of 12 numbers and not normalised again" in notes_of(tmp_path)


@pytest.mark.parametrize("dimensions", [None, 12, 400])
def test_nothing_is_cut_from_vectors_that_are_no_longer(
    tmp_path: Path, dimensions: int | None
) -> None:
    write_sentence_model(tmp_path, prompts={"truncate_dim": dimensions})
    embedding, _ = read(tmp_path)
    assert embedding.dimensions == 12
    assert len(embedding.steps) == 1
    assert not notes_of(tmp_path)


def test_cut_vectors_and_their_similarity_are_written_back(tmp_path: Path) -> None:
    settings = {"truncate_dim": 8, "similarity_fn_name": "dot"}
    write_sentence_model(tmp_path / "from", NORMALIZE, prompts=settings)
    embedding, dense = read(tmp_path / "from")
    for name, content in sentence_transformers_files(embedding, dense, 12, 16).items():
        (tmp_path / "to" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "to" / name).write_bytes(content)
    assert read(tmp_path / "to") == (embedding, dense)
    assert embedding.similarity == "dot"


@pytest.mark.parametrize(
    ("file", "fields", "key"),
    [
        (
            "1_Pooling/config.json",
            {"pooling_mode": "mean", "attention_pool": True},
            "attention_pool=True",
        ),
        ("3_Normalize/config.json", {"p": 1}, "p=1"),
        ("config_sentence_transformers.json", {"late_chunking": 3}, "late_chunking=3"),
        ("sentence_bert_config.json", {"layers": [1]}, r"layers=[1]"),
    ],
)
def test_a_key_that_is_not_known_is_named(
    tmp_path: Path, file: str, fields: dict[str, Any], key: str
) -> None:
    write_sentence_model(tmp_path, NORMALIZE)
    write_json(tmp_path / file, fields)
    (note,) = notes_of(tmp_path).splitlines()
    assert f"{file} has keys that edgebert does not know and does not apply: {key};" in note


def test_a_missing_pooling_config_is_named(tmp_path: Path) -> None:
    write_sentence_model(tmp_path)
    (tmp_path / "1_Pooling/config.json").unlink()
    with pytest.raises(CheckpointError, match=r"1_Pooling/config\.json not found"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["pooling_mode_new\ntokens", "pooling_mode_\x1b[31m"])
def test_a_name_from_a_file_is_shown_on_one_line(name: str, tmp_path: Path) -> None:
    """A fuzzer's: a key that holds a line end."""
    write_sentence_model(tmp_path, pooling={name: True})
    with pytest.raises(UnsupportedModelError) as caught:
        read(tmp_path)
    assert str(caught.value).isprintable()
