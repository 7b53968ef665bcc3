"""What a bundle's model card says to the Hub, at its top."""

from typing import Final

from edgebert_runtime.bundle.hub_name import parse_name
from edgebert_runtime.bundle.manifest import Manifest

PLACE: Final = "path/to/this/folder"
"""What the card's example loads until the bundle is pushed."""


def card_metadata(manifest: Manifest, pipeline_tag: str) -> dict[str, str | list[str]]:
    """The library, the task, tags, and the base model, which a repository on the Hub can be.

    Args:
        manifest: of the bundle.
        pipeline_tag: of its task.
    """
    published = manifest.source["kind"] == "hub"
    source = parse_name(manifest.source["name"] or "") if published else None
    precisions = dict.fromkeys(variant.precision for variant in manifest.variants.values())
    return {
        "library_name": "edgebert",
        "pipeline_tag": pipeline_tag,
        "tags": ["edgebert", "onnx", *precisions],
        **({} if source is None else {"base_model": source.repository}),
    }
