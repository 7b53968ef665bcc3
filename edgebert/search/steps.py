"""What can be done to a checkpoint, as a table: a step makes one checkpoint of another."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Final

from edgebert.search.aims import SIZE, TIME
from edgebert.training.config import TrainingConfig
from edgebert.workflow.distillation import distil
from edgebert.workflow.pruning import prune
from edgebert.workflow.trimming import trim
from edgebert_runtime.progress import ProgressCallback

Source = str | PathLike[str]
"""A checkpoint: a folder, or the Hub id of the unchanged one."""

TRIMMED: Final = "trimmed"
PRUNED: Final = "pruned"
DISTILLED: Final = "distilled"
RECOVERED: Final = "recovered"
"""Distilled after pruning: the pruned model learns from the one before."""

SHARES: Final = (2, 4)
"""Of a vocabulary one token in so many stays."""

FINER: Final = (1.0, 1.15, 1.3)
"""Levels of a step, as factors of the work that has to go: what may just be enough comes first."""

LEARNT: Final = 96_000
"""Texts that a student sees, in all epochs: 1,500 steps of 64."""

MOST_EPOCHS: Final = 10
BATCH: Final = 64
LEARNING_RATE: Final = 5e-4
LONGEST: Final = 128
"""Tokens of a text while a student learns."""


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What the levels of a step depend on.

    Attributes:
        layers, vocabulary, max_length: of the unchanged checkpoint.
        factor: how many times less work the model has to do; 1 where that is not known.
        texts: how many there are to choose tokens by and to learn from; 0 without any.
    """

    layers: int
    vocabulary: int
    max_length: int
    factor: float
    texts: int


@dataclass(frozen=True, kw_only=True)
class Level:
    """How far a step goes.

    Attributes:
        name: in words, for tables.
        options: of the step, as JSON.
    """

    name: str
    options: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Making:
    """What a step makes a checkpoint of.

    Attributes:
        made: the checkpoints so far, by the name of the step; the unchanged one under `""`.
        out: the folder to write.
        options: of the level.
        corpus: a file of texts with the column `text`.
        task: what the checkpoint is for.
        tell: is told of each step of the work.
    """

    made: Mapping[str, Source]
    out: Path
    options: Mapping[str, Any]
    corpus: Path
    task: str
    tell: ProgressCallback

    @property
    def source(self) -> Source:
        """The last checkpoint that was made."""
        return list(self.made.values())[-1]

    @property
    def teacher(self) -> Source:
        """The last checkpoint whose answers are still those of the unchanged model."""
        return self.made.get(TRIMMED, self.made[""])


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that can be done.

    Attributes:
        name: in words.
        minutes: about how long it takes for a small model; cheap steps are tried first.
        reduces: which of `TIME` and `SIZE`.
        levels: the lightest first; none where the step does not apply.
        run: writes the checkpoint.
        needs: a step without which it makes no sense; None for none.
        excludes: a step that it does not go with; None for none.
        recovers: whether it gives back some of what others lose, instead of losing more.
    """

    name: str
    minutes: int
    reduces: frozenset[str]
    levels: Callable[[Situation], list[Level]]
    run: Callable[[Making], None]
    needs: str | None = None
    excludes: str | None = None
    recovers: bool = False


def _shares(situation: Situation) -> list[Level]:
    if not situation.texts:
        return []
    kept = (situation.vocabulary // share for share in SHARES)
    return [Level(name=f"{keep:,} tokens", options={"keep": keep}) for keep in kept]


def _trim(making: Making) -> None:
    trim(
        making.source,
        making.out,
        texts=making.corpus,
        task=making.task,
        progress=making.tell,
        **making.options,
    )


def _speeds(situation: Situation) -> list[Level]:
    if not situation.texts:
        return []
    speeds = [round(situation.factor * finer, 2) for finer in FINER]
    return [Level(name=f"{each:g}x", options={"speed": each}) for each in speeds if each > 1]


def _prune(making: Making) -> None:
    prune(
        making.source,
        making.out,
        texts=making.corpus,
        task=making.task,
        progress=making.tell,
        **making.options,
    )


def _fewer_layers(situation: Situation) -> list[Level]:
    if not situation.texts:
        return []
    wanted = {int(situation.layers / (situation.factor * finer)) for finer in FINER}
    counts = sorted((each for each in wanted if 1 <= each < situation.layers), reverse=True)
    numbers = _learning(situation)
    return [Level(name=f"{count} layers", options={"layers": count, **numbers}) for count in counts]


def _epochs(situation: Situation) -> list[Level]:
    if not situation.texts:
        return []
    numbers = _learning(situation)
    return [Level(name=f"in {numbers['epochs']} epochs", options=numbers)]


def _learning(situation: Situation) -> dict[str, Any]:
    return {
        "epochs": min(MOST_EPOCHS, max(1, LEARNT // situation.texts)),
        "max_length": min(LONGEST, situation.max_length),
    }


def _distil(making: Making) -> None:
    _learn(making, f"layers={making.options['layers']}")


def _recover(making: Making) -> None:
    _learn(making, making.source)


def _learn(making: Making, student: Source) -> None:
    """Teach a student the answers of the teacher."""
    options = making.options
    config = TrainingConfig(
        epochs=options["epochs"],
        batch_size=BATCH,
        learning_rate=LEARNING_RATE,
        max_length=options["max_length"],
    )
    distil(
        making.teacher,
        making.out,
        student=student,
        data=making.corpus,
        task=making.task,
        config=config,
        resume=True,
        progress=making.tell,
    )


STEPS: Final = (
    Step(
        name=TRIMMED,
        minutes=1,
        reduces=frozenset({SIZE}),
        levels=_shares,
        run=_trim,
    ),
    Step(
        name=PRUNED,
        minutes=5,
        reduces=frozenset({TIME, SIZE}),
        levels=_speeds,
        run=_prune,
    ),
    Step(
        name=RECOVERED,
        minutes=20,
        reduces=frozenset(),
        levels=_epochs,
        run=_recover,
        needs=PRUNED,
        recovers=True,
    ),
    Step(
        name=DISTILLED,
        minutes=20,
        reduces=frozenset({TIME, SIZE}),
        levels=_fewer_layers,
        run=_distil,
        excludes=PRUNED,
    ),
)
"""In the order in which they are done to a checkpoint."""
