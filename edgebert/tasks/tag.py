"""A label for every token.

docs/decisions/0021-aggregation.md says how tokens become entities, and why.
"""

from pathlib import Path
from typing import Any, Final

from edgebert.checkpoints.own_settings import AGGREGATION, read_own_settings, with_own_settings
from edgebert.checkpoints.saving import label_settings
from edgebert.checkpoints.tasks import CheckpointTask, HeadSource
from edgebert.tasks.spec import BuildSpec
from edgebert.training.config import Problem
from edgebert.training.data import records
from edgebert.training.objectives.tag import Tagging
from edgebert.training.spec import TrainingSpec
from edgebert_runtime.bundle.manifest import HeadInfo
from edgebert_runtime.errors import CheckpointError, ConfigError
from edgebert_runtime.postprocessing.spans import Aggregation, check_aggregation

TRAINED: Final[Aggregation] = "first"
"""What answers as our training labels: the first token of a word has the word's label."""


def head_info(source: HeadSource) -> HeadInfo:
    """What a tagger's logits mean, and how its tokens are put together.

    Our training notes it. The folder of another training does not say whether every token of a
    word was labelled or only the first. `first` is right for both, so it holds wherever the
    tokenizer tells words; where it does not, `simple` needs no words.

    Raises:
        CheckpointError: `config.json` notes an aggregation that there is not.
    """
    noted = read_own_settings(source.hf_config, source=source.folder).get(AGGREGATION)
    if noted is None:
        aggregation: Aggregation = "first" if source.tells_words else "simple"
    else:
        aggregation = _known(noted, source.folder)
    return HeadInfo(labels=source.labels, activation="softmax", aggregation=aggregation)


def _known(noted: Any, folder: str) -> Aggregation:
    try:
        return check_aggregation(noted)
    except ConfigError as error:
        raise CheckpointError(f"{folder}: {error}") from error


def _labels(found: list[records.Tagged], path: Path, problem: Problem) -> tuple[str, ...]:
    del problem
    return records.labels_in((record.labels for record in found), path)


def _settings(labels: tuple[str, ...], problem: Problem) -> dict[str, Any]:
    del problem
    return with_own_settings(label_settings(labels), {AGGREGATION: TRAINED})


BUILD: Final = BuildSpec(
    name="tag",
    checkpoint=CheckpointTask(
        name="tag", head="tag", architectures=("ForTokenClassification",), head_info=head_info
    ),
    training={
        "tag": TrainingSpec(
            heads=("tag",),
            read=lambda path, _: records.read_tagged(path),
            objective=lambda found, config: Tagging(found, config.encoder, config.labels),
            labels=_labels,
            settings=_settings,
        )
    },
)
