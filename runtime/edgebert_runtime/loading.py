"""From a folder to a model that answers."""

from os import PathLike
from typing import Literal

from edgebert_runtime.bundle import Bundle
from edgebert_runtime.embedder import Embedder
from edgebert_runtime.errors import BundleError, TokenizerError
from edgebert_runtime.external_data import check_external_data
from edgebert_runtime.integrity import IntegrityCheck
from edgebert_runtime.manifest import Manifest, Variant
from edgebert_runtime.session import Session, choose_provider, import_engine
from edgebert_runtime.tokenization import TextTokenizer


def load(
    bundle: Bundle | str | PathLike[str],
    variant: str = "auto",
    provider: str = "auto",
    *,
    threads: int | None = None,
    verify: Literal["always", "once", "never"] | None = None,
) -> Embedder:
    """Open a bundle for inference.

    Args:
        bundle: the folder.
        variant: a variant's name, a precision such as `"fp32"` or `"int8"`, or `"auto"` for the
            bundle's default.
        provider: `"cpu"`, `"cuda"` or `"auto"`; what is asked for is what runs.
        threads: intra-operator threads; None takes every core the process may use.
        verify: when files are hashed: `"always"`, `"once"` per path, size, time and inode, or
            `"never"`; None hashes always up to 256 MiB and once above.

    Raises:
        BundleError: the bundle cannot be read, is not what its manifest says, or is not safe.
        ConfigError: unknown variant or provider, or a thread count below 1.
        EngineMissingError: ONNX Runtime is not installed.
        ProviderUnavailableError: the provider cannot be had here.
        TokenizerError: the tokenizer cannot be read.
    """
    opened = Bundle.open(bundle)
    manifest = opened.manifest
    if manifest.task != "embed":
        raise BundleError(f"{opened.folder} has task {manifest.task!r}, this version runs 'embed'")
    chosen_provider = choose_provider(provider)
    name = opened.select(variant, chosen_provider)
    check = _begin_check(opened, name, verify)  # hashes while the engine is imported
    engine = str(import_engine().__version__)
    runnable = opened.select(variant, chosen_provider, engine)
    if runnable != name:  # an old engine, for which a precision stands for another graph
        name, check = runnable, _begin_check(opened, runnable, verify)
    chosen = manifest.variants[name]
    if not chosen.runs_on(engine):
        raise BundleError(
            f"variant {name!r} needs ONNX Runtime {chosen.min_onnxruntime}, this is {engine}; "
            "upgrade it, or load variant='portable'"
        )
    try:
        check_external_data(opened.folder, chosen.files, chosen.file)
        graph = opened.path_of(chosen.file)
        session = Session(graph, provider=chosen_provider, threads=threads)
        tokenizer = TextTokenizer(opened.path_of(manifest.tokenizer.file), manifest.tokenizer)
    except (BundleError, TokenizerError):
        check.wait()  # a damaged file is the better explanation
        raise
    check.wait()
    return Embedder(opened, name, session, tokenizer, check.mode)


def _begin_check(
    bundle: Bundle, name: str, verify: Literal["always", "once", "never"] | None
) -> IntegrityCheck:
    """Hash in the background what a variant needs."""
    needed = _needed(bundle.manifest, bundle.manifest.variants[name])
    files = {path: bundle.manifest.files[path] for path in needed}
    check = IntegrityCheck(bundle.folder, files, mode=verify)
    check.start()
    return check


def _needed(manifest: Manifest, variant: Variant) -> set[str]:
    steps = manifest.embedding.steps if manifest.embedding else ()
    dense = {step.file for step in steps if step.file is not None}
    return {*variant.files, manifest.tokenizer.file, *dense}
