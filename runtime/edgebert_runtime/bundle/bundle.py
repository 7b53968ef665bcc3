"""A bundle on disk: its folder, its manifest, and which of its variants to run."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from edgebert_runtime.bundle.hub_name import HubName, hub_name
from edgebert_runtime.bundle.manifest import Manifest, Variant, read_manifest
from edgebert_runtime.bundle.paths import resolve_inside
from edgebert_runtime.engine.providers import CAPTURE, PROVIDERS, Provider
from edgebert_runtime.errors import ConfigError

if TYPE_CHECKING:
    from edgebert_runtime.bundle.snapshots import Snapshot


@dataclass(frozen=True, kw_only=True, repr=False)
class Bundle:
    """One bundle; opening it reads nothing but the manifest.

    Attributes:
        folder: where it lies; for a name on the Hub, its copy in the cache.
        manifest: what it says of itself.
        snapshot: where files come from that are not in the folder yet; None if it was opened as a
            folder.
    """

    folder: Path
    manifest: Manifest
    snapshot: "Snapshot | None" = None

    def __repr__(self) -> str:
        names = ", ".join(self.manifest.variants)
        return f"Bundle({str(self.folder)!r}, task={self.manifest.task!r}, variants={names!r})"

    @classmethod
    def open(cls, source: "Bundle | str | PathLike[str]", *, complete: bool = True) -> "Bundle":
        """Read the manifest of a bundle.

        Args:
            source: a folder, or the name of a repository on the Hub, `org/name` or
                `org/name@revision`; a string that names something here is a folder, and a
                `PathLike` always. A `Bundle` is read again from its folder.
            complete: of a name on the Hub, fetch every file of the bundle; else `fetch` does it
                for those that are needed.

        Raises:
            BundleError: the manifest is missing or cannot be read.
            HubError: the repository cannot be reached or holds no bundle.
            BundleIntegrityError: a file that was fetched is not what the manifest says.
            UnsafePathError: it names a path outside the folder.
        """
        if isinstance(source, Bundle):
            opened = source if source.snapshot else cls._of(source.folder)
        else:
            name = hub_name(source)
            opened = cls._of(Path(source)) if name is None else cls._named(name)
        if complete:
            opened.fetch(opened.manifest.files)
        return opened

    @classmethod
    def of_snapshot(cls, snapshot: "Snapshot") -> "Bundle":
        """The bundle of a commit on the Hub, of which nothing is fetched but the manifest.

        Raises:
            BundleError: as `open`.
        """
        return cls._of(snapshot.folder, snapshot)

    @classmethod
    def _named(cls, name: HubName) -> "Bundle":
        from edgebert_runtime.bundle.snapshots import find_snapshot  # folders need none of it

        return cls.of_snapshot(find_snapshot(name))

    @classmethod
    def _of(cls, folder: Path, snapshot: "Snapshot | None" = None) -> "Bundle":
        manifest = read_manifest(snapshot.described if snapshot else folder)
        for path in manifest.files:
            resolve_inside(folder, path)
        return cls(folder=folder, manifest=manifest, snapshot=snapshot)

    def fetch(self, paths: Iterable[str]) -> int:
        """Fetch those of its files that are not here; returns the number of bytes.

        Of a bundle that was opened as a folder nothing is fetched.

        Raises:
            HubError: they are not available.
            BundleIntegrityError: one is not what the manifest says.
        """
        if self.snapshot is None:
            return 0
        return self.snapshot.fetch({path: self.manifest.files[path] for path in paths})

    @classmethod
    def reopen(cls, source: "Bundle | str | PathLike[str]") -> "Bundle":
        """The bundle after it has changed: the object that was given, refreshed, or a new one.

        Raises:
            BundleError, UnsafePathError: as `open`.
        """
        return source.refresh() if isinstance(source, Bundle) else cls.open(source)

    def refresh(self) -> "Bundle":
        """Read the manifest again, after the bundle has changed; returns the bundle itself.

        Raises:
            BundleError, UnsafePathError: as `open`.
        """
        object.__setattr__(self, "manifest", Bundle.open(self.folder).manifest)
        return self

    def select(
        self,
        variant: str = "auto",
        provider: str = "cpu",
        engine: str | None = None,
        *,
        captured: bool = False,
    ) -> str:
        """Name the variant to run: the first of `candidates`.

        Args:
            variant: a variant's name, a precision (`"fp32"`: the best graph of that precision
                for the provider), or `"auto"` for the manifest's default, and for the next of
                `candidates` where the provider cannot run that.
            provider: a name of `PROVIDERS`.
            engine: version of ONNX Runtime; a precision then stands only for graphs it can run.
            captured: whether runs are to be captured and replayed, which takes fixed shapes.

        Raises:
            ConfigError: no variant has that name or precision, or none runs on the provider.
        """
        names = self.candidates(variant, provider, engine, captured=captured)
        if names:
            return names[0]
        wanted = self.manifest.default_variant if variant == "auto" else variant
        found = self.manifest.variants.get(wanted)
        foreign = f", {wanted!r} is for {found.target}" if found else ""
        replayed = f" with {CAPTURE}" if captured else ""
        taken = self._taken(provider, captured=captured)
        offered = sorted({*taken, *(found.precision for found in taken.values())})
        raise ConfigError(
            f"{self.folder} has no variant {wanted!r} for provider {provider!r}{replayed}"
            f"{foreign}; it has "
            f"{', '.join(offered) or 'none: export again with target portable'}"
        )

    def candidates(
        self,
        variant: str = "auto",
        provider: str = "cpu",
        engine: str | None = None,
        *,
        captured: bool = False,
    ) -> list[str]:
        """The variants that may run, the best first.

        For `"auto"`: the manifest's default, others of its precision, those that the provider
        prefers, fp32, and then all others in the manifest's order.

        Args:
            variant: as in `select`.
            provider: likewise.
            engine: likewise.
            captured: likewise.
        """
        taken = self._taken(provider, captured=captured)
        running = {
            name: found for name, found in taken.items() if engine is None or found.runs_on(engine)
        }

        def of_precision(precision: str) -> list[str]:
            """Those the engine is new enough for; the others where there are none, to say so."""
            able = _of_precision(precision, running, provider)
            return able or _of_precision(precision, taken, provider)

        if variant != "auto":
            return [variant] if variant in taken else of_precision(variant)
        default = self.manifest.default_variant
        ordered = [
            *([default] if default in taken else []),
            *of_precision(self.default_precision),
            *(name for name in PROVIDERS[provider].preferred if name in running),
            *of_precision("fp32"),
            *running,
        ]
        return list(dict.fromkeys(ordered))

    @property
    def default_precision(self) -> str:
        """The precision of the default variant."""
        default = self.manifest.default_variant
        found = self.manifest.variants.get(default)
        return found.precision if found else default

    def _taken(self, provider: str, *, captured: bool) -> dict[str, Variant]:
        """The variants that a provider has the operators of."""
        chosen = PROVIDERS[provider]
        return {
            name: found
            for name, found in self.manifest.variants.items()
            if has_operators(chosen, found, captured=captured)
        }

    def path_of(self, relative: str) -> Path:
        """The real path of one of the bundle's files, which lies inside the folder."""
        return resolve_inside(self.folder, relative)

    def size_bytes(self, variant: Variant) -> int:
        """Size on disk of everything one variant's graph needs, tokenizer excluded."""
        return sum(self.manifest.files[path].size_bytes for path in variant.files)


def _of_precision(precision: str, variants: Mapping[str, Variant], provider: str) -> list[str]:
    """Names of the variants of a precision, those of the provider's first target first."""
    targets = PROVIDERS[provider].targets
    names = [
        name
        for name, found in variants.items()
        if found.precision == precision and found.target in targets
    ]
    return sorted(names, key=lambda name: targets.index(variants[name].target))


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
