"""Files of a bundle for an app: graphs in ONNX Runtime's mobile format, and how to call them.

The mobile packages of ONNX Runtime read `.ort` files, whose graph is optimised already
(https://onnxruntime.ai/docs/performance/model-optimizations/ort-format-models.html). A build of
ONNX Runtime that has only the operators of these graphs is smaller; its build script takes
`required_operators.config`.
"""

import json
import logging
import shutil
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np

from edgebert.workflow.app_files import (
    check_files,
    check_free,
    files_of,
    never,
    portable_variants,
)
from edgebert.workflow.mobile_page import mobile_page
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import Variant
from edgebert_runtime.bundle.samples import Samples, read_samples
from edgebert_runtime.engine.onnxruntime import import_engine
from edgebert_runtime.errors import BundleExistsError, ExportError
from edgebert_runtime.inference.feeds import make_feeds
from edgebert_runtime.progress import ProgressOption, steps
from edgebert_runtime.storage.new_folder import new_folder
from edgebert_runtime.storage.text_file import write_text

OPERATORS: Final = "required_operators.config"
DESCRIPTION: Final = "model.json"
PAGE: Final = "README.md"
PROVIDER: Final = "CPUExecutionProvider"
X86_ONLY: Final = ("NchwcTransformer",)
"""Optimisers whose graphs run on x86 alone; ONNX Runtime's own converter leaves them out, too."""


def mobile(
    bundle: Bundle | str | PathLike[str],
    out: str | PathLike[str],
    *,
    variants: Sequence[str] = (),
    overwrite: bool = False,
    progress: ProgressOption = None,
) -> Path:
    """Write the files that an app needs to run a bundle: graphs, tokenizer, samples and a page.

    Each `.ort` file runs here on the bundle's samples and must give the same bits as the graph that
    it was made from.

    Args:
        bundle: the bundle or its folder.
        out: folder to write; absent, or with `overwrite` one that this function wrote.
        variants: names or precisions of portable variants; none takes the bundle's default
            precision.
        overwrite: replace what this function wrote before.
        progress: who sees the steps. None: lines on standard error if it is a terminal. True:
            elsewhere, too. False: nobody. A function is called with each line.

    Returns:
        The folder.

    Raises:
        BundleError: the bundle cannot be read, or a file is not what its manifest says.
        BundleExistsError: `out` holds something else.
        ConfigError: no portable variant has that name or precision.
        ExportError: an `.ort` file gives other outputs, or nothing can be written.
    """
    opened = Bundle.open(bundle)
    chosen = portable_variants(opened, variants, "an app")
    folder = Path(out).resolve()
    check_free(folder, "mobile", is_ours=_is_ours, overwrite=overwrite)
    replaces = _is_ours if overwrite else never
    with (
        steps(progress) as tell,
        new_folder(folder, replaces=replaces, refusal=BundleExistsError) as staging,
    ):
        found = [opened.manifest.variants[name] for name in chosen]
        check_files(opened, files_of(opened, found), found)
        for name in chosen:
            tell(f"converting {name}")
            _convert(opened, name, staging)
        tell("listing operators and writing the page")
        _describe(opened, chosen, staging)
    return folder


def _convert(bundle: Bundle, name: str, staging: Path) -> None:
    """Write one `.ort` file, and compare it with its graph on the samples."""
    variant = bundle.manifest.variants[name]
    engine, graph, converted = (
        import_engine(),
        bundle.path_of(variant.file),
        staging / f"{name}.ort",
    )
    options = engine.SessionOptions()
    options.optimized_model_filepath = str(converted)
    options.add_session_config_entry("session.save_model_format", "ORT")
    engine.InferenceSession(
        str(graph), options, providers=[PROVIDER], disabled_optimizers=[*X86_ONLY]
    )
    before, after = (
        engine.InferenceSession(str(path), providers=[PROVIDER]) for path in (graph, converted)
    )
    names = [each.name for each in bundle.manifest.inputs]
    for ids in _sample_ids(bundle, variant):
        feeds = make_feeds(ids, names=names)
        pairs = zip(before.run(None, feeds), after.run(None, feeds), strict=True)
        if not all(np.array_equal(*pair) for pair in pairs):
            raise ExportError(
                f"{converted.name} gives other outputs than {variant.file} on {ids.shape[1]} "
                "tokens; report the model, and ship the .onnx file"
            )


def _sample_ids(bundle: Bundle, variant: Variant) -> list[Any]:
    """Token ids of the samples, (1, tokens) each; those of one token where there are none."""
    found = _samples(bundle, variant)
    ids = [sample.input_ids for each in found for sample in each.samples]
    return [np.array([each], np.int64) for each in ids or [[bundle.manifest.tokenizer.pad_id]]]


def _samples(bundle: Bundle, variant: Variant) -> list[Samples]:
    return [read_samples(bundle.path_of(path)) for path in variant.way.samples.values()]


def _describe(bundle: Bundle, names: Sequence[str], staging: Path) -> None:
    """The tokenizer, the samples, the list of operators, the description and the page."""
    manifest = bundle.manifest
    shutil.copyfile(bundle.path_of(manifest.tokenizer.file), staging / "tokenizer.json")
    for name in names:
        for task, path in manifest.variants[name].way.samples.items():
            shutil.copyfile(bundle.path_of(path), staging / f"{name}.{task}.samples.json")
    _list_operators([staging / f"{name}.ort" for name in names], staging / OPERATORS)
    description = {
        "inputs": [asdict(each) for each in manifest.inputs],
        "tokenizer": {**asdict(manifest.tokenizer), "file": "tokenizer.json"},
        "default_task": manifest.default_task,
        "tasks": {name: asdict(each) for name, each in manifest.tasks.items()},
        "graphs": {name: f"{name}.ort" for name in names},
    }
    text = json.dumps(description, indent=2, ensure_ascii=False) + "\n"
    write_text(staging / DESCRIPTION, text)
    write_text(staging / PAGE, mobile_page(manifest, names, staging))


def _list_operators(graphs: Sequence[Path], to: Path) -> None:
    """Write the operators that the graphs need, a line for each domain and opset."""
    root, handlers = logging.getLogger(), [*logging.getLogger().handlers]
    from onnxruntime.tools.ort_format_model import create_config_from_models

    root.handlers[:] = handlers  # its import adds one
    logging.getLogger("ort_format_model.utils").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # its reader does not close files
        create_config_from_models(graphs, to, False)
    lines = to.read_text(encoding="utf-8").splitlines()
    kept = [
        line for line in lines if not line.startswith("#")
    ]  # comments with paths of this machine
    write_text(to, "\n".join([*sorted(kept), ""]))


def _is_ours(folder: Path) -> bool:
    return (folder / OPERATORS).is_file() and (folder / DESCRIPTION).is_file()
