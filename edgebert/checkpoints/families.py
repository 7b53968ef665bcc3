"""Which `model_type` is read by which module."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from torch import Tensor

from edgebert.checkpoints import bert
from edgebert.checkpoints.files import setting
from edgebert.model.config import EncoderConfig
from edgebert_runtime.errors import CheckpointError, UnsupportedModelError


class Family(Protocol):
    """What a family's module offers; `bert` is the first of them."""

    TOKENIZER_CLASS: str

    def config_from_hf(
        self, hf_config: Mapping[str, Any], *, pooler: bool, source: str
    ) -> EncoderConfig:
        """Translate a `config.json`."""

    def state_from_hf(
        self, tensors: Mapping[str, Tensor], config: EncoderConfig, *, source: str
    ) -> dict[str, Tensor]:
        """Translate the tensors to an `Encoder`'s state, in float32."""

    def has_pooler(self, names: Iterable[str]) -> bool:
        """Whether tensors of these names include a pooler."""

    def heads_in(self, names: Iterable[str]) -> tuple[str, ...]:
        """The task heads that tensors of these names belong to, in words."""


FAMILIES: Final[Mapping[str, Family]] = {"bert": bert}


def find_family(hf_config: Mapping[str, Any], path: Path) -> Family:
    """The family of a `config.json` read from `path`.

    Raises:
        CheckpointError: it names no `model_type`.
        UnsupportedModelError: it names one that edgebert does not read.
    """
    known = ", ".join(sorted(FAMILIES))
    model_type = setting(path, hf_config, "model_type", str)
    if model_type is None:
        raise CheckpointError(f"{path} lacks model_type; add it, one of: {known}")
    if model_type not in FAMILIES:
        raise UnsupportedModelError(
            f"{path} has model_type {model_type!r}, edgebert reads: {known}. Any torch module can "
            "be exported: load it with its own library, then "
            "edgebert.export(module, out, spec=..., tokenizer=...)"
        )
    return FAMILIES[model_type]
