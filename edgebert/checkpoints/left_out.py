"""What a folder holds beside the exported model: said, because it is not in the bundle."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from torch import Tensor

from edgebert.checkpoints.families.family import Family
from edgebert.checkpoints.known_keys import EXPERTS
from edgebert.checkpoints.sentence_transformers import Pipeline
from edgebert.checkpoints.state_dict import heads_in
from edgebert.checkpoints.tasks import CheckpointTask, architectures_of
from edgebert_runtime.storage.json_reader import printable

SIDE_FILES: Final = {
    "model_head.pkl": "the classifier of SetFit: a pickle can run code and is never opened. This "
    "bundle gives the vectors that it takes; export a classifier by edgebert train",
    "config_setfit.json": "the labels of SetFit's classifier (model_head.pkl), not exported either",
    "colbert_linear.pt": "a head for one vector a token (BGE-M3)",
    "sparse_linear.pt": "a head for weights of words (BGE-M3)",
    "artifact.metadata": "the settings of a ColBERT model, which has one vector a token",
}
"""Files that other libraries read beside the model, and what is in them."""

SCORING: Final = "ForSequenceClassification"


def left_out_notes(
    task: CheckpointTask,
    pipeline: Pipeline,
    family: Family,
    hf_config: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
) -> tuple[str, ...]:
    """Files, heads and settings that do not reach the bundle.

    For vectors it is said, too, how they are pooled where nothing says so.

    Args:
        task: what is exported.
        pipeline: what sentence-transformers wrote around the model.
        family: the checkpoint's.
        hf_config: its `config.json`.
        tensors: those that are not the encoder's.
    """
    notes = (*_side_files(pipeline), *_experts(hf_config, pipeline.transformer))
    if task.head is not None:
        return notes
    pooled = (
        () if pipeline.modules is not None else ("no modules.json: vectors are pooled by mean",)
    )
    heads = heads_in(family, tensors)
    left_out = (f"the {head} head is left out" for head in heads)
    return (*notes, *pooled, *left_out, *_scoring(pipeline, hf_config, heads))


def _side_files(pipeline: Pipeline) -> tuple[str, ...]:
    folders = dict.fromkeys((pipeline.root, pipeline.transformer))
    return tuple(
        f"{name} is left out: {what}"
        for name, what in SIDE_FILES.items()
        if any((folder / name).exists() for folder in folders)
    )


def _experts(hf_config: Mapping[str, Any], folder: Path) -> tuple[str, ...]:
    """Keys of a mixture of experts; with tensors of experts the checkpoint would be refused."""
    named = [key for key in sorted(EXPERTS) if _counts(hf_config.get(key))]
    if not {"num_experts", "moe_every_n_layers"} & set(named):
        return ()
    return (
        f"{folder / 'config.json'} has {', '.join(named)}, but there are no experts among the "
        "tensors: it is read as a model without experts",
    )


def _counts(value: object) -> bool:
    return isinstance(value, int) and value > 0


def _scoring(
    pipeline: Pipeline, hf_config: Mapping[str, Any], heads: tuple[str, ...]
) -> tuple[str, ...]:
    """A model that scores texts, saved with the modules of one that gives vectors."""
    named = architectures_of(hf_config)
    scores = any(each.endswith(SCORING) for each in named)
    if pipeline.modules is None or not scores or "classification" not in heads:
        return ()
    return (
        f"config.json names {', '.join(map(printable, named))}, modules.json says that the model "
        "gives vectors; for its scores pass task='rank' or task='classify' (--task)",
    )
