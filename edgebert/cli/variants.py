"""Commands that change a bundle's variants without making one."""

from typing import Annotated

import typer

import edgebert
from edgebert.cli.options import BundleFolder
from edgebert.cli.terminal import print_bundle, say

NamedVariant = Annotated[str, typer.Argument(metavar="VARIANT", help="name of the variant")]


def default(
    bundle: BundleFolder,
    variant: Annotated[
        str, typer.Argument(metavar="VARIANT", help="name of a variant, or a precision")
    ],
) -> None:
    """Choose the variant that runs where none is asked for."""
    from edgebert_runtime.engine.onnxruntime import import_engine
    from edgebert_runtime.loading.compatibility import choose_variant
    from edgebert_runtime.loading.options import LoadOptions

    changed = edgebert.set_default(bundle, variant)
    say(f"the default variant of {bundle} is now {variant!r}")
    # Warns where another one has to stand in for it on this machine.
    choose_variant(changed, "auto", LoadOptions.of(), str(import_engine().__version__))


def remove(bundle: BundleFolder, variant: NamedVariant) -> None:
    """Remove a variant and the files that only it has."""
    changed = edgebert.remove_variant(bundle, variant)
    say(f"removed {variant!r}; the default is {changed.manifest.default_variant!r}")
    print_bundle(changed, quantized=False)
