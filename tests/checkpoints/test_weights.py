"""Weights in every file format, and what damaged or hostile files do."""

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from edgebert.checkpoints.weights import read_weights
from edgebert_runtime.errors import CheckpointError
from tests.support.small_checkpoints import write_json

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(4)}


class Payload:
    """What a hostile pickle holds: a call that is made when it is read."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("owned",)


def same(found: dict[str, Tensor]) -> bool:
    return found.keys() == TENSORS.keys() and all(
        torch.equal(found[name], TENSORS[name]) for name in TENSORS
    )


def test_safetensors_are_read(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "model.safetensors")
    assert same(read_weights(tmp_path))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "weights.pth"])
@pytest.mark.parametrize("zipped", [True, False])
def test_pickled_tensors_are_read(tmp_path: Path, name: str, zipped: bool) -> None:
    torch.save(TENSORS, tmp_path / name, _use_new_zipfile_serialization=zipped)
    assert same(read_weights(tmp_path))


def test_safetensors_are_preferred_to_pickles(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "model.safetensors")
    (tmp_path / "pytorch_model.bin").write_bytes(b"never read")
    assert same(read_weights(tmp_path))


def write_shards(folder: Path, ending: str) -> Path:
    stem = "model" if ending == "safetensors" else "pytorch_model"
    names = {key: f"{stem}-0000{n}-of-00002.{ending}" for n, key in enumerate(TENSORS, 1)}
    for key, name in names.items():
        write = save_file if ending == "safetensors" else torch.save
        write({key: TENSORS[key]}, folder / name)
    return write_json(folder / f"{stem}.{ending}.index.json", {"weight_map": names})


@pytest.mark.parametrize("ending", ["safetensors", "bin"])
def test_shards_are_joined(tmp_path: Path, ending: str) -> None:
    write_shards(tmp_path, ending)
    assert same(read_weights(tmp_path))


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    write_shards(tmp_path, "safetensors")
    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"model-00002-of-00002\.safetensors not found"):
        read_weights(tmp_path)


def test_a_tensor_its_shard_lacks_is_named(tmp_path: Path) -> None:
    index = write_shards(tmp_path, "safetensors")
    shard = "model-00001-of-00002.safetensors"
    write_json(index, {"weight_map": {"a": shard, "lost": shard}})
    with pytest.raises(CheckpointError, match="lack lost"):
        read_weights(tmp_path)


@pytest.mark.parametrize("name", ["../model.safetensors", "/etc/passwd", "deep/model.safetensors"])
def test_a_shard_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    write_json(tmp_path / "model.safetensors.index.json", {"weight_map": {"a": name}})
    with pytest.raises(CheckpointError, match="shards must lie beside it"):
        read_weights(tmp_path)


@pytest.mark.parametrize("index", [{}, {"weight_map": {"a": 3}}])
def test_an_index_without_files_is_refused(tmp_path: Path, index: object) -> None:
    write_json(tmp_path / "model.safetensors.index.json", index)
    with pytest.raises(CheckpointError, match="lacks weight_map"):
        read_weights(tmp_path)


@pytest.mark.parametrize("kept", [0, 1, 8, 60, 100])
def test_truncated_safetensors_are_named(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "model.safetensors"
    save_file(TENSORS, path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match=rf"model\.safetensors is damaged.*{kept} bytes"):
        read_weights(tmp_path)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("kept", [0, 2, 0.5, 0.95])
def test_truncated_pickles_are_named(tmp_path: Path, kept: float, zipped: bool) -> None:
    path = tmp_path / "pytorch_model.bin"
    torch.save(TENSORS, path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole)) if kept < 1 else int(kept)])
    with pytest.raises(CheckpointError, match=r"pytorch_model\.bin is damaged") as caught:
        read_weights(tmp_path)
    assert "weights_only" not in str(caught.value)


def test_a_hostile_pickle_is_refused_and_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"a": Payload()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"asks to run \w+\.mkdir while it is read"):
        read_weights(tmp_path)
    assert not (tmp_path / "owned").exists()


def test_a_pickled_module_is_refused_with_its_class(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "model.pth")
    with pytest.raises(CheckpointError, match=r"asks to run torch\.nn\.modules\.linear\.Linear"):
        read_weights(tmp_path)


@pytest.mark.parametrize("held", [[torch.ones(2)], {"epoch": 3, "a": torch.ones(2)}, {}])
def test_a_pickle_without_tensors_by_name_is_refused(tmp_path: Path, held: object) -> None:
    torch.save(held, tmp_path / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"save the model's state_dict\(\)"):
        read_weights(tmp_path)


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_a_git_lfs_pointer_says_what_to_run(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    with pytest.raises(CheckpointError, match="git lfs pull"):
        read_weights(tmp_path)


def test_a_folder_without_weights_lists_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"none of them, expected .*model\.safetensors"):
        read_weights(tmp_path)


def test_two_pth_files_are_ambiguous(tmp_path: Path) -> None:
    for name in ("one.pth", "two.pth"):
        torch.save(TENSORS, tmp_path / name)
    with pytest.raises(CheckpointError, match=r"holds one\.pth, two\.pth"):
        read_weights(tmp_path)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_named(tmp_path: Path, bad: float) -> None:
    save_file(
        {"good": torch.ones(2), "layer.bias": torch.tensor([0, bad])},
        tmp_path / "model.safetensors",
    )
    with pytest.raises(CheckpointError, match=r"holds NaN or infinity in layer\.bias"):
        read_weights(tmp_path)


def test_eight_bit_floats_are_read_as_stored(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2).to(torch.float8_e4m3fn)}, tmp_path / "model.safetensors")
    assert read_weights(tmp_path)["a"].dtype == torch.float8_e4m3fn
