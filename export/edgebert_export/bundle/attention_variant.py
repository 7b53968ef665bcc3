"""The variant of a bundle that gives attention maps, over the weights of the portable one."""

from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Final

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgebert_export.graph.attention_outputs import add_attention_outputs
from edgebert_export.verification.alike import require_alike
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import Manifest, Variant, Way, hash_file
from edgebert_runtime.bundle.manifest_values import ATTENTION, STOCK
from edgebert_runtime.bundle.staging import add_to_bundle, link_or_copy, staging_area
from edgebert_runtime.bundle.variants import samples_path, with_samples
from edgebert_runtime.bundle.weight_sharing import external_ranges, sharing
from edgebert_runtime.engine.session import Session
from edgebert_runtime.errors import ConfigError, ParityError
from edgebert_runtime.inference.attention_maps import Maps, map_outputs
from edgebert_runtime.progress import ProgressOption, steps
from edgebert_runtime.storage.text_file import write_text
from edgebert_runtime.tasks.open_bundle import open_tokenizer
from edgebert_runtime.tasks.registry import require_task
from edgebert_runtime.verification.sample_recorder import TEXTS, record

FILE: Final = "onnx/model_attention.onnx"
SOURCE: Final = "portable"
"""Target of the fp32 graph it is made from, in which attention is not one node."""

SUM_ERROR: Final = 1e-5
"""How far the weights of a token may sum to another number than 1."""


def add_attention(
    bundle: Bundle | str | PathLike[str], *, progress: ProgressOption = None
) -> Bundle:
    """Add the variant `attention` to a bundle, which gives attention maps beside its answers.

    It is the portable fp32 graph with further outputs, over the same bytes of weights. `load` takes
    it only where it is asked for by its name. Other variants stay as they are, and so does a bundle
    that has it already. Torch is not needed.

    Args:
        bundle: the bundle or its folder.
        progress: who sees the steps. None: lines on standard error if it is a terminal. True:
            elsewhere, too, with a line a minute. False: no output. A function is called with each
            line.

    Returns:
        The bundle with the variant; the same object, if one was given.

    Raises:
        ConfigError: the bundle has no fp32 variant for `portable`.
        BundleError: there is no bundle, or it is the cache's copy of one on the Hub.
        ExportError: the graph has no attention by a softmax, or nothing can be written there.
        ParityError: the new graph gives other answers than the portable one.
    """
    folder = Bundle.open(bundle).folder
    with steps(progress) as tell, staging_area(folder) as staging:
        opened = Bundle.open(folder)  # another process may have added it while this one waited
        if ATTENTION not in opened.manifest.variants:
            tell(f"adding variant {ATTENTION} over the weights of {SOURCE}")
            _add(opened, _source_of(opened), staging)
    return Bundle.reopen(bundle)


def _source_of(bundle: Bundle) -> Variant:
    for variant in bundle.manifest.variants.values():
        if (variant.precision, variant.target) == ("fp32", SOURCE):
            return variant
    raise ConfigError(
        f"{bundle.folder} has no fp32 variant for {SOURCE!r}, which attention maps are taken of; "
        "export it again"
    )


def _add(bundle: Bundle, source: Variant, staging: Path) -> None:
    """Make the variant in a staging area, compare it with its source, and add it."""
    for path in source.files:  # a graph's weights are read from beside it
        link_or_copy(bundle.path_of(path), staging / Path(path).name)
    graph, origin = (staging / Path(path).name for path in (FILE, source.file))
    manifest = bundle.manifest
    _write(origin, graph, manifest.architecture["layers"], manifest.architecture["heads"])
    _check(graph, origin, bundle, source)
    external = external_ranges(graph, FILE)
    variant = replace(
        source,
        file=FILE,
        files=(FILE, *(each.file for each in external)),
        external=external,
        target=ATTENTION,
        parity=None,
        ways={STOCK: Way()},
    )
    manifest = _with(manifest, variant, {FILE: graph})
    added = {FILE: graph.name}
    for task in variant.tasks:
        drafted = Bundle(folder=bundle.folder, manifest=manifest)
        path = samples_path(ATTENTION if len(variant.tasks) == 1 else f"{ATTENTION}.{task}")
        draft = staging / Path(path).name
        write_text(draft, record(drafted, ATTENTION, graph, task).to_json())
        variant = with_samples(variant, {**variant.way.samples, task: path})
        manifest = _with(manifest, variant, {path: draft})
        added[path] = draft.name
    add_to_bundle(bundle.folder, staging, added, manifest)


def _with(manifest: Manifest, variant: Variant, files: Mapping[str, Path]) -> Manifest:
    """A manifest with the variant as it is known, and with further files."""
    return replace(
        manifest,
        variants={**manifest.variants, ATTENTION: variant},
        files={**manifest.files, **{path: hash_file(file) for path, file in files.items()}},
    )


def _write(origin: Path, graph: Path, layers: int | None, heads: int | None) -> None:
    """The graph, whose weights are bytes of the other or of the file beside that."""
    model = ir.load(origin)
    add_attention_outputs(model, layers, heads)
    graph.write_bytes(sharing(ir.to_proto(model).SerializeToString(), origin))


def _check(graph: Path, origin: Path, bundle: Bundle, source: Variant) -> None:
    """Run texts through both graphs, in one batch with padding.

    Raises:
        ParityError: answers differ, or what is to be attention is none.
    """
    manifest, tokenizer = bundle.manifest, open_tokenizer(bundle)
    task = source.tasks[0]
    items = [require_task(task).item(manifest, text) for text in TEXTS]
    feeds = tokenizer.pad(tokenizer.encode(items))
    made, exact = (Session(path, provider="cpu") for path in (graph, origin))
    require_alike(made, exact, [each.name for each in manifest.tasks[task].outputs], feeds)
    names = map_outputs(made.outputs)
    found = made.run(names, {name: feeds[name] for name in made.inputs})
    for name, maps in zip(names, found, strict=True):
        require_attention(name, maps, feeds["attention_mask"] > 0)
    for session in (made, exact):  # an open file cannot be removed on every system
        session.close()


def require_attention(name: str, maps: Maps, keep: NDArray[np.bool_]) -> None:
    """Refuse what is not shares of kept tokens that sum to 1 for each kept token.

    Args:
        name: of the output.
        maps: what it gives.
        keep: (batch, sequence), which tokens are kept.

    Raises:
        ParityError: it is something else.
    """
    texts, length = keep.shape
    if maps.ndim != 4 or (maps.shape[0], *maps.shape[2:]) != (texts, length, length):
        raise ParityError(f"{name} has shape {maps.shape}, expected one map a head and text")
    queries = keep[:, None, :, None]
    dropped = np.where(queries & ~keep[:, None, None, :], maps, 0)
    sums = np.where(keep[:, None, :], maps.sum(axis=-1), 1)
    if np.abs(dropped).max() > 0 or not np.abs(sums - 1).max() <= SUM_ERROR:
        raise ParityError(
            f"{name} is no attention: weights of a token sum to between {sums.min():.6f} and "
            f"{sums.max():.6f}, and {np.abs(dropped).max():.6f} goes to a dropped token"
        )
