"""The variant that a quantization makes: its name, its file, and its place in the manifest."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, get_args

from edgebert_quantize._version import __version__
from edgebert_quantize.recipes import RECIPES, Recipe, RecipeName, find_recipe
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import FileInfo, Manifest, ProvenanceStep, Variant
from edgebert_runtime.bundle.variants import without_variant
from edgebert_runtime.errors import BundleExistsError, ConfigError

NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
TAKEN: Final = {"auto", "all", "fp32", *(recipe.precision for recipe in RECIPES.values())}
"""Names with a meaning where a variant is asked for."""


@dataclass(frozen=True, kw_only=True)
class NewVariant:
    """A variant to be made.

    Attributes:
        recipe: how.
        name: what it is called in the bundle.
        overwrite: whether a variant of that name is replaced.
        keep_default: whether the bundle's default stays as it is.
    """

    recipe: Recipe
    name: str
    overwrite: bool
    keep_default: bool

    @property
    def file(self) -> str:
        """Path of its graph in the bundle; recipes say it where the name is theirs."""
        named = self.name == self.recipe.name
        return self.recipe.file if named else f"onnx/model_{self.name}.onnx"

    def added_to(
        self,
        manifest: Manifest,
        variant: Variant,
        files: Mapping[str, FileInfo],
        budget: str | None = None,
    ) -> Manifest:
        """A manifest with this variant, which replaces the one of its name.

        Args:
            manifest: of the bundle as it is.
            variant: what is known about the graph.
            files: the variant's files.
            budget: of a search, as it was given.
        """
        step = ProvenanceStep(
            step="quantized",
            by={"edgebert-quantize": __version__},
            variant=self.name,
            budget=budget,
            details={"recipe": self.recipe.name},
        )
        rest = without_variant(manifest, self.name) if self.overwrite else manifest
        return replace(
            rest,
            variants={**rest.variants, self.name: variant},
            files={**rest.files, **files},
            provenance=(*rest.provenance, step),
            default_variant=manifest.default_variant if self.keep_default else self.name,
        )


def new_variant(
    recipe: RecipeName,
    bundle: Bundle,
    *,
    name: str | None = None,
    overwrite: bool = False,
    keep_default: bool = False,
) -> NewVariant:
    """The variant that a recipe makes in a bundle.

    Args:
        recipe: its name.
        bundle: which gets the variant.
        name: of the variant; None for the recipe's name.
        overwrite: replace a variant of that name.
        keep_default: do not make it the bundle's default.

    Raises:
        ConfigError: unknown recipe, or a name that cannot be one.
        BundleExistsError: the name is taken, and is not to be replaced.
    """
    found = find_recipe(recipe)
    name = recipe if name is None else name
    _check_name(name, found)
    there = bundle.manifest.variants.get(name)
    if there is not None and there.recipe is None:
        raise BundleExistsError(
            f"{name!r} is an exported graph of {bundle.folder}, which is never replaced; choose "
            "another name (--name)"
        )
    if there is not None and not overwrite:
        raise BundleExistsError(
            f"{bundle.folder} has a variant {name!r} already; replace it (--overwrite), or give "
            "the new one another name (--name)"
        )
    replaces = there is not None
    return NewVariant(recipe=found, name=name, overwrite=replaces, keep_default=keep_default)


def _check_name(name: str, recipe: Recipe) -> None:
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"a variant's name has lower-case letters, digits, '.', '_' and '-', at most 64, and "
            f"begins with a letter or digit; got {name!r}"
        )
    if name != recipe.name and name in {*TAKEN, *get_args(RecipeName)}:
        raise ConfigError(
            f"{name!r} is the name of a precision or a recipe, which this variant does not have; "
            "choose another name (--name)"
        )
