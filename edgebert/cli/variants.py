"""Commands that change a bundle's manifest without making a graph."""

from typing import Annotated

import typer

import edgebert
from edgebert.cli.options import BundleFolder
from edgebert.cli.terminal import print_bundle, say
from edgebert_runtime.bundle.manifest import SCHEMA_VERSION

NamedVariant = Annotated[str, typer.Argument(metavar="VARIANT", help="name of the variant")]


def default(
    bundle: BundleFolder,
    variant: Annotated[
        str, typer.Argument(metavar="VARIANT", help="name of a variant, or a precision")
    ],
) -> None:
    """Choose the variant that runs where none is asked for."""
    from edgebert_runtime.loading.options import LoadOptions
    from edgebert_runtime.loading.selection import pick, situation_here, warn_of_another

    changed = edgebert.set_default(bundle, variant)
    say(f"the default variant of {bundle} is now {variant!r}")
    # Warns where another one has to stand in for it on this machine.
    here = situation_here(changed, LoadOptions.of())
    pick(changed, here)
    warn_of_another(changed, here)


def remove(bundle: BundleFolder, variant: NamedVariant) -> None:
    """Remove a variant and the files that only it has."""
    changed = edgebert.remove_variant(bundle, variant)
    say(f"removed {variant!r}; the default is {changed.manifest.default_variant!r}")
    print_bundle(changed, quantized=False)


def upgrade(bundle: BundleFolder) -> None:
    """Write a bundle's manifest in the present format; an older edgebert cannot read it then."""
    upgraded = edgebert.upgrade(bundle)
    what = "is now of" if upgraded else "is already of"
    say(f"{bundle} {what} format {SCHEMA_VERSION}")
