"""Folders without weights that can be read: what the message says lies there instead."""

from pathlib import Path

import pytest
import torch

from edgebert.checkpoints.weights import read_weights
from edgebert_runtime.errors import CheckpointError
from tests.support.checkpoints import read_checkpoint
from tests.support.small_checkpoints import write_checkpoint, write_json


@pytest.mark.parametrize(
    ("files", "named", "advice"),
    [
        (["rng_state.pth"], "rng_state.pth", "state of a training, without its weights"),
        (["rng_state_0.pth", "rng_state_1.pth"], "rng_state", "state of a training"),
        (["optimizer.pt", "scheduler.pt", "training_args.bin"], "optimizer.pt", "save_model wrote"),
        (
            ["optimizer.pt", "global_step5/a.pt", "zero_to_fp32.py"],
            "zero_to_fp32.py",
            "run: python",
        ),
        (["pytorch_model_fsdp_0/__0_0.distcp"], "fsdp_0", "accelerate merge-weights"),
        (["adapter_model.safetensors"], "adapter_model", "merge_and_unload"),
        (["model-00001-of-00002.safetensors"], "model-00001", "model.safetensors.index.json"),
        (["tf_model.h5"], "tf_model.h5", "from_tf=True"),
        (["flax_model.msgpack"], "flax_model", "from_flax=True"),
        (["onnx/model.onnx"], "onnx/model.onnx", "edgebert quantize"),
        (["model-q4.gguf"], "model-q4.gguf", "llama.cpp"),
        (["model.fp16.safetensors"], "model.fp16.safetensors", "call the file model.safetensors"),
        (["model.pkl"], "model.pkl", "never opened"),
        (["weights.bin"], "weights.bin", "pytorch_model.bin"),
        (
            ["checkpoint-500/config.json", "checkpoint-1000/config.json"],
            "checkpoint-1000 ",
            "export the last",
        ),
    ],
)
def test_what_is_there_instead_of_weights_is_named(
    tmp_path: Path, files: list[str], named: str, advice: str
) -> None:
    write_checkpoint(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    for missing in ((), ("config.json",)):
        for name in missing:
            (tmp_path / name).unlink()
        with pytest.raises(CheckpointError) as caught:
            read_checkpoint(tmp_path)
        assert named in str(caught.value)
        assert advice in str(caught.value)


def test_the_state_of_a_training_is_not_taken_for_weights(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "weights.pth")
    torch.save({"python": (3, 4)}, tmp_path / "rng_state.pth")
    assert read_weights(tmp_path).keys() == {"a"}


def test_a_training_checkpoint_says_where_its_weights_are(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "model_state_dict": {"a": torch.ones(2)}}, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"alone \(model_state_dict may hold it\)"):
        read_weights(tmp_path)


def test_missing_shards_are_counted(tmp_path: Path) -> None:
    names = {f"t{n}": f"model-{n}-of-40.safetensors" for n in range(40)}
    write_json(tmp_path / "model.safetensors.index.json", {"weight_map": names})
    with pytest.raises(CheckpointError, match=r"index\.json names \(40 of 40\)") as caught:
        read_weights(tmp_path)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("name", ["tokenizer.json", "config.json", "1_Pooling/config.json"])
def test_a_setting_that_git_lfs_did_not_fetch_is_named(tmp_path: Path, name: str) -> None:
    write_checkpoint(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    with pytest.raises(CheckpointError, match=rf"{name} is a Git LFS pointer.*git lfs pull"):
        read_checkpoint(tmp_path)
