"""What an export of our encoders is to keep to."""

from edgebert.model.encoder import Encoder
from edgebert_export.spec import ExportSpec


def spec_of(encoder: Encoder) -> ExportSpec:
    config = encoder.config
    return ExportSpec(
        vocabulary=config.vocabulary,
        hidden=config.hidden,
        max_positions=config.positions,
        layers=config.layers,
        token_types=config.token_types if config.token_types > 1 else 0,
        heads=config.heads,
        promises={"layer_norm": config.layer_norms, "gelu": config.gelus},
    )
