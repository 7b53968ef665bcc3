"""The model card of a bundle."""

from edgebert_runtime.manifest import Manifest

CARD = """---
library_name: edgebert
pipeline_tag: feature-extraction
---

# {name}

A text encoder exported from {kind} `{name}` ({model_type}) by edgebert. `edgebert.json` says exactly how to run it and how
close it is to torch; `edgebert inspect` prints that as a table, quantized variants included.

```python
from edgebert_runtime import load

model = load("path/to/this/folder")
vectors = model.embed(["a text", "another"])  # float32 (2, {dimensions})
```

Texts are cut after {max_length} tokens. {steps}

| fp32 graph | file | worst difference from torch | fused |
|---|---|---|---|
{rows}
"""


def model_card(manifest: Manifest) -> str:
    """The text of a bundle's README.md, from its manifest as exported."""
    embedding = manifest.embedding
    steps = ", ".join(
        "+".join(step.modes) + " pooling" if step.kind == "pool" else step.kind
        for step in (embedding.steps if embedding else ())
    )
    rows = [
        f"| {name} | `{variant.file}` | {(variant.parity or {}).get('worst', float('nan')):.1e} | "
        + ", ".join(f"{count} {fusion}" for fusion, count in variant.fusions.items())
        + " |"
        for name, variant in manifest.variants.items()
    ]
    return CARD.format(
        name=manifest.source["name"],
        kind=manifest.source["kind"],
        model_type=manifest.source["model_type"] or "of no known family",
        dimensions=embedding.dimensions if embedding else 0,
        max_length=manifest.tokenizer.max_length,
        steps=f"Vectors come from {steps}.",
        rows="\n".join(rows),
    )
