"""The variants that a quantization makes: names, files, and their place in the manifest."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, get_args

from edgebert_quantize._version import __version__
from edgebert_quantize.recipes import (
    FUSED_TARGET,
    LOWERED_TARGET,
    NATIVE_TARGET,
    RECIPES,
    Recipe,
    RecipeName,
    find_recipe,
)
from edgebert_quantize.rewrite.rewrite import Output
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import FileInfo, Manifest, ProvenanceStep, Variant
from edgebert_runtime.bundle.manifest_records import under
from edgebert_runtime.bundle.variants import without_variant
from edgebert_runtime.errors import BundleExistsError, ConfigError

NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
TAKEN: Final = {"auto", "all", "fp32", *(recipe.precision for recipe in RECIPES.values())}
"""Names with a meaning where a variant is asked for."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """One graph of a quantization.

    Attributes:
        name: of its variant.
        file: path of the graph in the bundle.
        target: that it is for; None for its source's.
        lowered: whether it is written for old engines.
    """

    name: str
    file: str
    target: str | None = None
    lowered: bool = False

    def output(self, staging: Path) -> Output:
        """Where the graph is written in a staging area."""
        return Output(staging / Path(self.file).name, self.lowered)


@dataclass(frozen=True, kw_only=True)
class NewVariant:
    """What a quantization adds to a bundle: a variant, or one for old engines and one for new.

    Attributes:
        recipe: how.
        name: what it is called in the bundle; of two variants, what their names begin with.
        overwrite: whether a variant of that name is replaced.
        keep_default: whether the bundle's default stays as it is.
    """

    recipe: Recipe
    name: str
    overwrite: bool
    keep_default: bool

    @property
    def forms(self) -> tuple[Form, ...]:
        """The graphs; the first has all weights, and recipes say its file if the name is theirs."""
        name, recipe = self.name, self.recipe
        file = recipe.file if name == recipe.name else f"onnx/model_{name}.onnx"
        if not recipe.lowered:
            return (Form(name=name, file=file),)
        if not recipe.fused:
            return (Form(name=name, file=file, target=LOWERED_TARGET, lowered=True),)
        fused = file.replace(".onnx", f"_{FUSED_TARGET}.onnx")
        first = under(name, LOWERED_TARGET)
        return (
            Form(name=first, file=file, target=LOWERED_TARGET, lowered=True),
            Form(name=under(name, FUSED_TARGET), file=fused, target=FUSED_TARGET),
        )

    @property
    def native(self) -> Form | None:
        """The graph with the operator of `edgebert-native`; None where the recipe makes none."""
        name, file = self.name, self.recipe.native
        if file is None:
            return None
        if name != self.recipe.name:
            file = f"onnx/model_{name}_{NATIVE_TARGET}.onnx"
        return Form(name=under(name, NATIVE_TARGET), file=file, target=NATIVE_TARGET, lowered=True)

    def added_to(
        self,
        manifest: Manifest,
        variants: Mapping[str, Variant],
        files: Mapping[str, FileInfo],
        budget: str | None = None,
    ) -> Manifest:
        """A manifest with these variants, which replace those of the name.

        Args:
            manifest: of the bundle as it is.
            variants: what is known about each graph, by its variant's name.
            files: the variants' files.
            budget: of a search, as it was given.
        """
        steps = (
            ProvenanceStep(
                step="quantized",
                by={"edgebert-quantize": __version__},
                variant=name,
                budget=budget,
                details={"recipe": self.recipe.name},
            )
            for name in variants
        )
        rest = without_variant(manifest, self.name) if self.overwrite else manifest
        return replace(
            rest,
            variants={**rest.variants, **variants},
            files={**rest.files, **files},
            provenance=(*rest.provenance, *steps),
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
    manifest = bundle.manifest
    there = [manifest.variants[each] for each in manifest.named(name)]
    if any(each.recipe is None for each in there):
        raise BundleExistsError(
            f"{name!r} is an exported graph of {bundle.folder}, which is never replaced; choose "
            "another name (--name)"
        )
    if there and not overwrite:
        raise BundleExistsError(
            f"{bundle.folder} has a variant {name!r} already; replace it (--overwrite), or give "
            "the new one another name (--name)"
        )
    return NewVariant(recipe=found, name=name, overwrite=bool(there), keep_default=keep_default)


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
