"""One score for a query and a document: cross encoders."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from edgebert.checkpoints.saving import label_settings
from edgebert.checkpoints.tasks import CheckpointTask, HeadSource
from edgebert.tasks.classify import SCORE
from edgebert.tasks.spec import BuildSpec
from edgebert.training.config import Problem
from edgebert.training.data import records
from edgebert.training.objectives.classify import Ranking
from edgebert.training.spec import TrainingSpec
from edgebert_runtime.bundle.manifest import HeadInfo
from edgebert_runtime.errors import CheckpointError

ACTIVATIONS: Final = {
    "sigmoid": "torch.nn.modules.activation.Sigmoid",
    "none": "torch.nn.modules.linear.Identity",
}
"""sentence-transformers' name of an activation → ours."""


def head_info(source: HeadSource) -> HeadInfo:
    """The activation sentence-transformers would apply to the one score.

    Source: sentence-transformers 6.2.0, cross_encoder/model.py.

    Raises:
        CheckpointError: an activation that edgebert does not compute.
    """
    newer = source.hf_config.get("sentence_transformers") or {}
    older = source.hf_config.get("sbert_ce_default_activation_function")
    named = source.pipeline.activation or newer.get("activation_fn") or older
    if named is None:
        return HeadInfo(labels=source.labels, activation="sigmoid")
    kinds = {_class(name): kind for kind, name in ACTIVATIONS.items()}
    if _class(named) not in kinds or not str(named).startswith("torch.nn."):
        raise CheckpointError(
            f"{source.folder} has the activation {named!r}, expected torch.nn's "
            f"{' or '.join(kinds)}"
        )
    return HeadInfo(labels=source.labels, activation=kinds[_class(named)])


def config_keys(head: HeadInfo) -> dict[str, Any]:
    """What tells other loaders the activation, in `config.json`.

    CrossEncoder reads its own key (sentence-transformers 6.2.0, cross_encoder/model.py; versions 4
    to 6 do). The pipeline `text-classification` of transformers and transformers.js takes the
    softmax of one score, which is always 1, unless `problem_type` asks for the sigmoid
    (transformers.js 4.3.2, pipelines/text-classification.js).
    """
    return {
        "problem_type": "multi_label_classification",
        "sentence_transformers": {"activation_fn": ACTIVATIONS[head.activation]},
    }


def _claims(hf_config: Mapping[str, Any], outputs: int) -> bool:
    """Whether a classifier gives one score for a pair instead of labels for a text."""
    return outputs == 1 and hf_config.get("problem_type") != "regression"


def _class(name: object) -> str:
    """Versions of torch have moved the modules that classes are in."""
    return str(name).rpartition(".")[2]


def _labels(found: list[records.LabelledText], path: Path, problem: Problem) -> tuple[str, ...]:
    del problem
    records.require_varied(found, path)
    return ()


def _settings(labels: tuple[str, ...], problem: Problem) -> dict[str, Any]:
    del labels, problem
    return {**label_settings(SCORE), **config_keys(HeadInfo(labels=SCORE, activation="sigmoid"))}


BUILD: Final = BuildSpec(
    name="rank",
    checkpoint=CheckpointTask(
        name="rank",
        head="classify",
        head_info=head_info,
        claims=_claims,
        config_keys=config_keys,
    ),
    training={
        "rank": TrainingSpec(
            heads=("classify",),
            outputs=1,
            read=lambda path, _: records.read_pairs_to_rank(path),
            objective=lambda found, config: Ranking(found, config.encoder),
            labels=_labels,
            settings=_settings,
        )
    },
)
