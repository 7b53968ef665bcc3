"""What lies in a folder that has no weights to read, and what to do with it."""

from pathlib import Path
from typing import Final

STATE: Final = (
    "optimizer.pt",
    "rng_state*.pth",
    "scaler.pt",
    "scheduler.pt",
    "trainer_state.json",
    "training_args.bin",
)
"""What transformers' Trainer writes beside a model, to go on with a training."""

MERGE: Final = "load it with peft, call merge_and_unload(), and save the result"
CONVERT: Final = "convert it with transformers 4: AutoModel.from_pretrained(folder, {}=True)"
RENAME: Final = "weights under a name that is not looked for; call the file {}"

KINDS: Final = (
    ("checkpoint-*/config.json", "the checkpoint of a training; export the last such folder"),
    ("zero_to_fp32.py", "from DeepSpeed; run: python zero_to_fp32.py FOLDER FOLDER, in that order"),
    ("global_step*", "weights in DeepSpeed's shards; join them with its zero_to_fp32.py"),
    ("pytorch_model_fsdp_*", "weights in FSDP's shards; run: accelerate merge-weights FOLDER OUT"),
    ("*.distcp", "weights in FSDP's shards; run: accelerate merge-weights FOLDER OUT"),
    ("adapter_model.*", f"an adapter without its base model; {MERGE}"),
    ("model-*-of-*.safetensors", "a shard; fetch model.safetensors.index.json, which lists all"),
    ("pytorch_model-*-of-*.bin", "a shard; fetch pytorch_model.bin.index.json, which lists all"),
    ("*.gguf", "a model for llama.cpp; take the checkpoint that it was made from"),
    ("tf_model.h5", "weights of TensorFlow; " + CONVERT.format("from_tf")),
    ("flax_model.msgpack", "weights of Flax; " + CONVERT.format("from_flax")),
    ("*.ckpt.index", "weights of TensorFlow 1; take the PyTorch release of the model"),
    ("*.ckpt", "a checkpoint of a training library; save the model with save_pretrained there"),
    ("*.onnx", "a finished graph; edgebert quantize FILE.onnx OUT.onnx takes such files"),
    ("onnx/*.onnx", "a finished graph; edgebert quantize FILE.onnx OUT.onnx takes such files"),
    ("openvino_model.xml", "a graph of OpenVINO; take the checkpoint that it was made from"),
    ("rust_model.ot", "weights for Rust; take the release with model.safetensors"),
    ("*.safetensors", RENAME.format("model.safetensors")),
    ("*.pkl", "a pickle, which can run code and is never opened; save the model as safetensors"),
    ("*.joblib", "a pickle, which can run code and is never opened; save the model as safetensors"),
    *(
        (pattern, "the state of a training, without its weights; export what save_model wrote")
        for pattern in STATE
    ),
    ("*.pt", RENAME.format("pytorch_model.bin, if it holds a state_dict()")),
    ("*.bin", RENAME.format("pytorch_model.bin, if it holds a state_dict()")),
)
"""Pattern of a file to what it is, and what to do; the first that is there counts."""


def is_state(path: Path) -> bool:
    """Whether a file belongs to a training, and not to the model."""
    return any(path.match(pattern) for pattern in STATE)


def found_instead(folder: Path) -> str | None:
    """What a folder without weights holds, in words; None where nothing is known of it."""
    for pattern, meaning in KINDS:
        found = sorted(folder.glob(pattern), key=_age)
        if found:
            last = found[-1].relative_to(folder)
            return f"{last.parent if last.name == 'config.json' else last} is {meaning}"
    return None


def _age(path: Path) -> tuple[int, str]:
    """Steps of a training count as numbers: checkpoint-1000 is later than checkpoint-500."""
    digits = path.parent.name.rpartition("-")[2]
    return (int(digits) if digits.isdecimal() else 0, path.name)
