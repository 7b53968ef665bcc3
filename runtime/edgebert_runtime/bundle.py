"""A bundle on disk: its folder, its manifest, and which of its variants to run."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from edgebert_runtime.errors import ConfigError
from edgebert_runtime.manifest import Manifest, Variant, read_manifest
from edgebert_runtime.paths import resolve_inside
from edgebert_runtime.providers import PROVIDERS


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """One bundle; values only, opening it reads nothing but the manifest.

    Attributes:
        folder: where it lies.
        manifest: what it says of itself.
    """

    folder: Path
    manifest: Manifest

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
        self, variant: str = "auto", provider: str = "cpu", engine: str | None = None
    ) -> str:
        """Name the variant to run.

        Args:
            variant: a variant's name, a precision (`"fp32"`: the best graph of that precision
                for the provider), or `"auto"` for the manifest's default.
            provider: a name of `PROVIDERS`.
            engine: version of ONNX Runtime; a precision then stands only for graphs it can run.

        Raises:
            ConfigError: no variant has that name or precision, or none runs on the provider.
        """
        wanted = self.manifest.default_variant if variant == "auto" else variant
        taken = {
            name: candidate
            for name, candidate in self.manifest.variants.items()
            if PROVIDERS[provider].takes(candidate)
        }
        if wanted in taken:
            return wanted
        for target in PROVIDERS[provider].targets:
            for name, candidate in taken.items():
                runs = engine is None or candidate.runs_on(engine)
                if runs and (candidate.precision, candidate.target) == (wanted, target):
                    return name
        offered = sorted({*taken, *(variant.precision for variant in taken.values())})
        raise ConfigError(
            f"{self.folder} has no variant {wanted!r} for provider {provider!r}; it has "
            f"{', '.join(offered) or 'none: export again with target portable'}"
        )

    def path_of(self, relative: str) -> Path:
        """The real path of one of the bundle's files, which lies inside the folder."""
        return resolve_inside(self.folder, relative)

    def size_bytes(self, variant: Variant) -> int:
        """Size on disk of everything one variant's graph needs, tokenizer excluded."""
        return sum(self.manifest.files[path].size_bytes for path in variant.files)
