"""Tensors from a checkpoint folder, whichever file format holds them, without running its code."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from edgebert.checkpoints.diagnosis import LISTED, few
from edgebert.checkpoints.files import read_json
from edgebert.checkpoints.found_instead import found_instead, is_state
from edgebert.checkpoints.state_dict import FLOATS
from edgebert_runtime.errors import CheckpointError
from edgebert_runtime.storage.json_reader import printable

LFS_POINTER: Final = b"version https://git-lfs"
FORBIDDEN_GLOBAL: Final = re.compile(r"GLOBAL (\S+)")


def read_weights(folder: Path) -> dict[str, Tensor]:
    """Read all tensors of a folder, on the CPU, as stored.

    Preferred in this order: `model.safetensors`, its shards, `pytorch_model.bin`, its shards, a
    single `*.pth`. Pickled files are read with `weights_only`, which runs none of their code.

    Raises:
        CheckpointError: there is no such file, one is damaged, incomplete or unsafe, or a tensor
            holds NaN or infinity.
    """
    for name, read in READERS.items():
        if (folder / name).exists():
            return _finite(folder / name, read(folder / name))
    path = _only_pth(folder)
    return _finite(path, read_pickle(path))


def _finite(path: Path, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    for name, tensor in tensors.items():
        if tensor.dtype in FLOATS and not tensor.isfinite().all():
            raise CheckpointError(
                f"{path} holds NaN or infinity in {name}, so no answer of the model is a number; "
                "take a checkpoint from before its training diverged"
            )
    return tensors


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Read one safetensors file.

    Raises:
        CheckpointError: it is missing or damaged.
    """
    _refuse_absent(path)
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (SafetensorError, OSError) as error:
        raise _damaged(path, error) from error
    return tensors


def read_pickle(path: Path) -> dict[str, Tensor]:
    """Read one file that `torch.save` wrote, without running code from it.

    Raises:
        CheckpointError: it is missing, damaged, asks to run code, or holds no tensors by name.
    """
    _refuse_absent(path)
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load documents no errors; a damaged file raises many kinds
        _refuse_unsafe(path, error)
        raise _damaged(path, error) from error
    return _checked(path, loaded)


def _read_shards(index: Path, read: Callable[[Path], dict[str, Tensor]]) -> dict[str, Tensor]:
    """Read every file an index names; sharding as transformers writes it."""
    files = read_json(index, dict).get("weight_map")
    if not isinstance(files, dict) or not all(isinstance(name, str) for name in files.values()):
        raise CheckpointError(f"{index} lacks weight_map, tensor name to file; fetch it again")
    outside = sorted({name for name in files.values() if Path(name).name != name})
    if outside:
        raise CheckpointError(
            f"{index} names {', '.join(map(printable, outside))}; shards must lie beside it"
        )
    lacking = sorted(name for name in set(files.values()) if not (index.parent / name).is_file())
    if lacking:
        names, of = ", ".join(map(printable, lacking[:LISTED])), len(set(files.values()))
        raise CheckpointError(
            f"{index.parent}: {names} not found, of the files that {index.name} names "
            f"({len(lacking)} of {of}); fetch them again"
        )
    tensors: dict[str, Tensor] = {}
    for name in sorted(set(files.values())):
        tensors |= read(index.parent / name)
    lost = sorted(files.keys() - tensors.keys())
    if lost:
        raise CheckpointError(f"the shards of {index} lack {few(lost)}; fetch them again")
    return tensors


def has_weights(folder: Path) -> bool:
    """Whether there is a file that `read_weights` would read."""
    return any((folder / name).exists() for name in READERS) or len(_pth(folder)) == 1


def _pth(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*.pth")) if not is_state(path)]


def _only_pth(folder: Path) -> Path:
    found = _pth(folder)
    if len(found) == 1:
        return found[0]
    expected = ", ".join([*READERS, "one *.pth"])
    names = ", ".join(path.name for path in found)
    known = None if found else found_instead(folder)
    told = f"; {known}" if known else ""
    raise CheckpointError(
        f"{folder} holds {names or 'none of them'}, expected weights as one of: {expected}{told}"
    )


def _checked(path: Path, loaded: object) -> dict[str, Tensor]:
    if not isinstance(loaded, Mapping) or not loaded:
        raise CheckpointError(
            f"{path} holds {type(loaded).__name__}, expected tensors by name; "
            "save the model's state_dict()"
        )
    odd = sorted(str(name) for name, value in loaded.items() if not isinstance(value, Tensor))
    nested = [name for name in odd if isinstance(loaded[name], Mapping)]
    if odd:
        inside = f" ({', '.join(nested)} may hold it)" if nested else ""
        listed = ", ".join(odd[:LISTED]) + (" …" if len(odd) > LISTED else "")
        raise CheckpointError(
            f"{path} holds {listed} beside tensors; save the model's state_dict() alone{inside}"
        )
    return dict(loaded)


def _refuse_absent(path: Path) -> None:
    if not path.is_file():
        raise CheckpointError(f"{path} not found; fetch the checkpoint again")
    refuse_pointer(path)


def refuse_pointer(path: Path) -> None:
    """Refuse a file of Git LFS that was not fetched.

    Raises:
        CheckpointError: it is such a file.
    """
    with path.open("rb") as file:
        if file.read(len(LFS_POINTER)) == LFS_POINTER:
            raise CheckpointError(f"{path} is a Git LFS pointer, not the file; run: git lfs pull")


def _refuse_unsafe(path: Path, error: Exception) -> None:
    called = FORBIDDEN_GLOBAL.search(str(error))
    if called is None:
        return
    raise CheckpointError(
        f"{path} asks to run {called[1]} while it is read, which tensors never need; refused. "
        "Get the model as safetensors, or save its state_dict() where you trust it"
    ) from error


def _damaged(path: Path, error: Exception) -> CheckpointError:
    # torch's own advice to read the file unsafely must not reach the user.
    reason = type(error).__name__ if "weights_only" in str(error) else f"{error}".strip()
    return CheckpointError(
        f"{path} is damaged or incomplete ({path.stat().st_size} bytes, "
        f"{reason or type(error).__name__}); fetch it again"
    )


READERS: Final[Mapping[str, Callable[[Path], dict[str, Tensor]]]] = {
    "model.safetensors": read_safetensors,
    "model.safetensors.index.json": lambda index: _read_shards(index, read_safetensors),
    "pytorch_model.bin": read_pickle,
    "pytorch_model.bin.index.json": lambda index: _read_shards(index, read_pickle),
}
