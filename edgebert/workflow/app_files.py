"""What goes from a bundle into a folder for an app or a page: portable variants, files as promised.

Such a folder is new, or one that the same command wrote before.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.external_data import check_external_data
from edgebert_runtime.bundle.integrity import IntegrityCheck
from edgebert_runtime.bundle.manifest import Variant
from edgebert_runtime.errors import BundleExistsError, ConfigError

TARGET: Final = "portable"
"""Of variants that run on every CPU and provider."""


def portable_variants(bundle: Bundle, asked: Sequence[str], needed_by: str) -> list[str]:
    """Names of the portable variants that are meant, in the manifest's order.

    Args:
        bundle: that has them.
        asked: names or precisions; none takes the bundle's default precision.
        needed_by: what needs one, in words.

    Raises:
        ConfigError: no portable variant has that name or precision.
    """
    variants = bundle.manifest.variants
    able = {name: found for name, found in variants.items() if found.target == TARGET}
    wanted = asked or [_default_precision(bundle)]
    for each in wanted:
        if not any(each in (name, found.precision) for name, found in able.items()):
            offered = ", ".join(able) or "none; export it again with target portable"
            raise ConfigError(
                f"{bundle.folder} has no portable variant {each!r}, and {needed_by} needs one; it "
                f"has {offered}"
            )
    return [name for name, found in able.items() if name in wanted or found.precision in wanted]


def files_of(bundle: Bundle, variants: Sequence[Variant]) -> set[str]:
    """Paths of the tokenizer, the graphs and the samples that variants need."""
    used = {bundle.manifest.tokenizer.file, *(path for each in variants for path in each.files)}
    return used | {path for each in variants for path in each.way.samples.values()}


def check_files(bundle: Bundle, paths: set[str], variants: Sequence[Variant]) -> None:
    """Compare every file that is read with the manifest, before an engine opens one.

    Raises:
        BundleError: a file is not what the manifest says.
    """
    check = IntegrityCheck(
        bundle.folder, {path: bundle.manifest.files[path] for path in paths}, mode="always"
    )
    check.start()
    check.wait()
    for each in variants:
        check_external_data(bundle.folder, each.files, each.file)


def check_free(
    folder: Path, command: str, *, is_ours: Callable[[Path], bool], overwrite: bool
) -> None:
    """Refuse to replace what is there, unless it is ours and may be replaced.

    Args:
        folder: to be written.
        command: of `edgebert`, that writes it.
        is_ours: tells a folder that the command wrote from others.
        overwrite: whether such a folder is replaced.

    Raises:
        BundleExistsError: with what to do.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not is_ours(folder):
        raise BundleExistsError(
            f"{folder} exists and was not written by `edgebert {command}`, so it is never "
            "replaced; choose another name"
        )
    if not overwrite:
        raise BundleExistsError(
            f"{folder} exists; pass overwrite (--overwrite) to replace it, or choose another name"
        )


def never(_: Path) -> bool:
    """That no folder is replaced."""
    return False


def _default_precision(bundle: Bundle) -> str:
    default = bundle.manifest.default_variant
    found = bundle.manifest.variants.get(default)
    return default if found is None else found.precision
