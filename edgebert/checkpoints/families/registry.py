"""`model_type` → family."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from edgebert.checkpoints.families.albert import ALBERT
from edgebert.checkpoints.families.bert import BERT
from edgebert.checkpoints.families.deberta import DEBERTA_V2
from edgebert.checkpoints.families.distilbert import DISTILBERT
from edgebert.checkpoints.families.electra import ELECTRA
from edgebert.checkpoints.families.family import Family
from edgebert.checkpoints.families.modernbert import MODERNBERT
from edgebert.checkpoints.families.mpnet import MPNET
from edgebert.checkpoints.families.nomicbert import NOMIC_BERT
from edgebert.checkpoints.families.roberta import CAMEMBERT, ROBERTA, XLM_ROBERTA
from edgebert.checkpoints.families.transformer import TRANSFORMER
from edgebert.checkpoints.files import setting
from edgebert_runtime.errors import CheckpointError, UnsupportedModelError

FAMILIES: Final[Mapping[str, Family]] = {
    family.model_type: family
    for family in (
        BERT,
        ROBERTA,
        XLM_ROBERTA,
        CAMEMBERT,
        DISTILBERT,
        ELECTRA,
        ALBERT,
        MPNET,
        DEBERTA_V2,
        MODERNBERT,
        NOMIC_BERT,
        TRANSFORMER,
    )
}


def find_family(hf_config: Mapping[str, Any], path: Path) -> Family:
    """The family of a `config.json` read from `path`.

    Raises:
        CheckpointError: it names no `model_type`.
        UnsupportedModelError: it names one that edgebert does not read.
    """
    known = ", ".join(sorted(FAMILIES))
    model_type = setting(path, hf_config, "model_type", str)
    module = (
        "Any torch module can be exported: load it with its own library, then "
        "edgebert.export(module, out, spec=..., tokenizer=...)"
    )
    if model_type is None and hf_config.get("auto_map"):
        raise UnsupportedModelError(
            f"{path} names a model of its own Python code (auto_map) and no model_type; edgebert "
            f"never runs such code. {module}"
        )
    if model_type is None:
        raise CheckpointError(f"{path} lacks model_type; add it, one of: {known}")
    if model_type not in FAMILIES:
        raise UnsupportedModelError(
            f"{path} has model_type {model_type!r}, edgebert reads: {known}. {module}"
        )
    return FAMILIES[model_type]
