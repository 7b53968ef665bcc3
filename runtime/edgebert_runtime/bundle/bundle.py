"""A bundle on disk: its folder, its manifest, and which of its variants to run."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from edgebert_runtime.bundle.manifest import Manifest, Variant, read_manifest
from edgebert_runtime.bundle.paths import resolve_inside
from edgebert_runtime.engine.providers import CAPTURE, PROVIDERS, Provider
from edgebert_runtime.errors import ConfigError


@dataclass(frozen=True, kw_only=True, repr=False)
class Bundle:
    """One bundle; values only, opening it reads nothing but the manifest.

    Attributes:
        folder: where it lies.
        manifest: what it says of itself.
    """

    folder: Path
    manifest: Manifest

    def __repr__(self) -> str:
        names = ", ".join(self.manifest.variants)
        return f"Bundle({str(self.folder)!r}, task={self.manifest.task!r}, variants={names!r})"

    @classmethod
    def open(cls, source: "Bundle | str | PathLike[str]") -> "Bundle":
        """Read the manifest of the bundle at `source`; a `Bundle` is read anew from its folder.

        Raises:
            BundleError: the manifest is missing or cannot be read.
            UnsafePathError: it names a path outside the folder.
        """
        folder = source.folder if isinstance(source, Bundle) else Path(source)
        manifest = read_manifest(folder)
        for path in manifest.files:
            resolve_inside(folder, path)
        return cls(folder=folder, manifest=manifest)

    def select(
        self,
        variant: str = "auto",
        provider: str = "cpu",
        engine: str | None = None,
        *,
        captured: bool = False,
    ) -> str:
        """Name the variant to run.

        Args:
            variant: a variant's name, a precision (`"fp32"`: the best graph of that precision
                for the provider), or `"auto"` for the recipe the provider prefers, and for the
                manifest's default where the bundle has none of those.
            provider: a name of `PROVIDERS`.
            engine: version of ONNX Runtime; a precision then stands only for graphs it can run.
            captured: whether runs are to be captured and replayed, which takes fixed shapes.

        Raises:
            ConfigError: no variant has that name or precision, or none runs on the provider.
        """
        chosen, variants = PROVIDERS[provider], self.manifest.variants
        taken = {
            name: found
            for name, found in variants.items()
            if has_operators(chosen, found, captured=captured)
        }
        running = {
            name: found for name, found in taken.items() if engine is None or found.runs_on(engine)
        }
        wanted = self.manifest.default_variant if variant == "auto" else variant
        if variant == "auto":
            wanted = next((name for name in chosen.preferred if name in running), wanted)
        if wanted in taken:
            return wanted
        for target in chosen.targets:
            for name, found in running.items():
                if (found.precision, found.target) == (wanted, target):
                    return name
        foreign = f", {wanted!r} is for {variants[wanted].target}" if wanted in variants else ""
        replayed = f" with {CAPTURE}" if captured else ""
        offered = sorted({*taken, *(found.precision for found in taken.values())})
        raise ConfigError(
            f"{self.folder} has no variant {wanted!r} for provider {provider!r}{replayed}"
            f"{foreign}; it has "
            f"{', '.join(offered) or 'none: export again with target portable'}"
        )

    def path_of(self, relative: str) -> Path:
        """The real path of one of the bundle's files, which lies inside the folder."""
        return resolve_inside(self.folder, relative)

    def size_bytes(self, variant: Variant) -> int:
        """Size on disk of everything one variant's graph needs, tokenizer excluded."""
        return sum(self.manifest.files[path].size_bytes for path in variant.files)


def has_operators(provider: Provider, variant: Variant, *, captured: bool = False) -> bool:
    """Whether a provider has the operators of a variant's graph.

    Args:
        provider: one of `PROVIDERS`.
        variant: of a bundle.
        captured: whether runs are to be captured and replayed, too.
    """
    known = variant.target in provider.targets or not provider.only
    able = variant.capturable or not captured
    return known and able and variant.recipe not in provider.lacks
