"""The files of a bundle, and changes to them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from edgebert_runtime import Bundle
from edgebert_runtime.bundle.manifest import Manifest
from edgebert_runtime.bundle.staging import hash_folder
from edgebert_runtime.bundle.variants import with_samples


def files_of(bundle: Bundle) -> dict[str, bytes]:
    return {
        path.relative_to(bundle.folder).as_posix(): path.read_bytes()
        for path in bundle.folder.rglob("*")
        if path.is_file()
    }


def rehash(folder: Path, change: Callable[[Manifest], Manifest] = lambda same: same) -> Bundle:
    """A manifest that vouches for whatever is there now."""
    manifest, files = Bundle.open(folder).manifest, hash_folder(folder)
    variants = {
        name: with_samples(
            variant, {task: path for task, path in variant.way.samples.items() if path in files}
        )
        for name, variant in manifest.variants.items()
    }
    manifest = change(replace(manifest, files=files, variants=variants))
    (folder / "edgebert.json").write_text(manifest.to_json(), encoding="utf-8")
    return Bundle.open(folder)


def change_weights(graph: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Change every float weight matrix of a graph."""
    model = onnx.load(graph)
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.ndim == 2 and array.dtype == np.float32:
            changed = change(array).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(changed, tensor.name))
    onnx.save(model, graph)
