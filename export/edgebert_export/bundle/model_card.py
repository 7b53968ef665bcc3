"""The model card of a bundle: metadata for the Hub, and a text for people."""

from typing import Final

from edgebert_runtime.bundle.card_metadata import PLACE, card_metadata
from edgebert_runtime.bundle.manifest import Manifest
from edgebert_runtime.tasks.registry import require_task

CARD: Final = """---
{metadata}
---

# {name}

A text encoder exported from {kind} `{name}` ({model_type}) by edgebert. `edgebert.json` has everything needed to run it, and its largest
difference from torch; `edgebert inspect` prints that as a table, quantized variants included.

```python
from edgebert_runtime import load

model = load("{place}")
{call}
```

Texts are cut after {max_length} tokens. {meaning}

| fp32 graph | file | worst difference from torch | fused |
|---|---|---|---|
{rows}
"""


def model_card(manifest: Manifest) -> str:
    """The text of a bundle's README.md, from its manifest as exported."""
    rows = [
        f"| {name} | `{variant.file}` | {variant.parity['worst']:.1e} | "
        + ", ".join(f"{count} {fusion}" for fusion, count in variant.fusions.items())
        + " |"
        for name, variant in manifest.variants.items()
        if variant.parity is not None
    ]
    spec = require_task(manifest.default_task)
    call = spec.example.format(
        dimensions=manifest.task.embedding.dimensions if manifest.task.embedding else 0,
        mask=manifest.tokenizer.special_tokens.get("mask_token", "[MASK]"),
    )
    return CARD.format(
        metadata=_yaml(card_metadata(manifest, spec.pipeline_tag)),
        place=PLACE,
        name=manifest.source["name"],
        kind=manifest.source["kind"],
        model_type=manifest.source["model_type"] or "of no known family",
        call=call,
        max_length=manifest.tokenizer.max_length,
        meaning=_meaning(manifest),
        rows="\n".join(rows),
    )


def _yaml(metadata: dict[str, str | list[str]]) -> str:
    """Plain words and lists of them, none of which needs quotes."""
    lines: list[str] = []
    for key, value in metadata.items():
        if isinstance(value, str):
            lines.append(f"{key}: {value}")
        else:
            lines += [f"{key}:", *(f"- {each}" for each in value)]
    return "\n".join(lines)


def _meaning(manifest: Manifest) -> str:
    """Where vectors come from, or which labels there are."""
    if manifest.task.embedding is not None:
        steps = ", ".join(
            "+".join(step.modes) + " pooling" if step.kind == "pool" else step.kind
            for step in manifest.task.embedding.steps
        )
        return f"Vectors come from {steps or 'the model itself'}."
    labels = manifest.task.head.labels if manifest.task.head else ()
    return f"Labels: {', '.join(labels)}." if labels else ""
