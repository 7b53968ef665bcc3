"""The checkpoints and bundles of a search, each made once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edgebert.search.grid import Levels, Offer, chosen_levels, names_of
from edgebert.search.measuring import Meter
from edgebert.search.steps import Making, Source
from edgebert.search.trial import Trial
from edgebert.search.work import Work, key_of
from edgebert.workflow.api import export
from edgebert_quantize import quantize_bundle
from edgebert_quantize.recipes import RecipeName
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.errors import CheckFailedError, ConfigError
from edgebert_runtime.inference.reports import to_plain
from edgebert_runtime.progress import ProgressCallback
from edgebert_runtime.storage.json_values import read_structure

EXACT: Final = "fp32"
TRIED: Final[Mapping[str, tuple[RecipeName, ...]]] = {EXACT: (), "int8": ("int8",)}
"""Precisions of every model → the recipes that make them."""


@dataclass(frozen=True, kw_only=True)
class Maker:
    """Makes the models of a search, or finds them.

    Attributes:
        work: where they are kept.
        source: the unchanged checkpoint, a folder or Hub id.
        name: what it is called.
        task: what it is for.
        corpus: texts with the column `text`; None without any.
        offered: the steps.
    """

    work: Work
    source: Source
    name: str
    task: str
    corpus: Path | None
    offered: tuple[Offer, ...] = ()

    def bundle(self, levels: Levels, precision: str, tell: ProgressCallback) -> Bundle:
        """The bundle of a combination, with a precision.

        Raises:
            EdgebertError: a step, the export or the quantization failed.
        """
        folder = self.work.bundle(self.key(levels))
        if not folder.exists():
            source = list(self._checkpoints(levels, tell).values())[-1]
            options: dict[str, Any] = {"task": self.task, "precision": EXACT}
            export(source, folder, progress=tell, **options)
        bundle = Bundle.open(folder)
        have = {variant.precision for variant in bundle.manifest.variants.values()}
        if precision not in have:
            texts = self.corpus
            for recipe in TRIED[precision]:
                quantize_bundle(
                    bundle, recipe, texts=texts, force=True, keep_default=True, progress=tell
                )
        return Bundle.open(folder)

    def key(self, levels: Levels) -> str:
        """The name of a combination: a hash of its steps and their options."""
        taken = chosen_levels(self.offered, levels)
        return key_of([[step.name, dict(level.options)] for step, level in taken])

    def tried(
        self, levels: Levels, precision: str, meter: Meter, tell: ProgressCallback
    ) -> Trial | str:
        """What was measured of a combination; or why it cannot be made.

        Raises:
            EdgebertError: something failed that another combination would not mend.
        """
        steps = names_of(self.offered, levels)

        def measure() -> Mapping[str, Any]:
            tell(f"trying {' + '.join(steps) or 'the unchanged model'} in {precision}")
            try:
                bundle = self.bundle(levels, precision, tell)
            except (ConfigError, CheckFailedError) as error:
                return {"refused": str(error)}
            tell(f"measuring it in {precision}")
            return {"trial": to_plain(meter.trial(bundle, steps, precision))}

        name = f"{self.key(levels)}-{precision}"
        found = self.work.remembered(name, measure)

        def refusal(problem: str) -> ConfigError:
            return ConfigError(f"{self.work.folder}: the measurement {name} {problem}; remove it")

        if "refused" in found:
            return str(found["refused"])
        return read_structure(Trial, found["trial"], refusal)

    def _checkpoints(self, levels: Levels, tell: ProgressCallback) -> dict[str, Source]:
        """The unchanged checkpoint under `""`, then that of each step under its name."""
        made, done = {"": self.source}, list[Any]()
        for step, level in chosen_levels(self.offered, levels):
            done.append([step.name, dict(level.options)])
            out = self.work.checkpoint(key_of(done), self.name)
            if not out.exists():
                if self.corpus is None:
                    raise ConfigError(f"nothing is {step.name} without texts (--texts)")
                out.parent.mkdir(parents=True, exist_ok=True)
                tell(f"{step.name}: {level.name}")
                step.run(
                    Making(
                        made=made,
                        out=out,
                        options=level.options,
                        corpus=self.corpus,
                        task=self.task,
                        tell=tell,
                    )
                )
            made = {**made, step.name: out}
        return made
