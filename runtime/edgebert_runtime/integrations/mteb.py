"""A bundle as a model of mteb; needs `pip install mteb`, which brings torch for itself."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mteb.models.abs_encoder import AbsEncoder
from mteb.models.model_meta import ModelMeta, ScoringFunction
from numpy.typing import NDArray

from edgebert_runtime import Bundle, load


class EdgebertEncoder(AbsEncoder):
    """What `mteb.evaluate` takes in place of a model
    (https://embeddings-benchmark.github.io/mteb/usage/defining_the_model/).

    The bundle's prompts called `query` and `document` (or `passage`) are put before queries and
    documents, its default prompt before everything else. Vectors are compared by dot product where
    the bundle says so, by cosine otherwise.

    Args:
        bundle: folder of an embedding bundle, or its name on the Hub.
        options: of `edgebert_runtime.load`, such as `variant="int8"` and `threads=1`.

    Raises:
        EdgebertError: as `load`; `ConfigError` also where the bundle is for another task.
    """

    def __init__(self, bundle: str, **options: Any) -> None:
        self._model = load(bundle, task="embed", **options)
        info = self._model.info()
        embedding = Bundle.open(info.bundle).manifest.tasks[info.task].embedding
        assert embedding is not None  # load has checked the task
        self._prompts, by_dot = embedding.prompts, embedding.similarity == "dot"
        self.mteb_model_meta = ModelMeta.create_empty(
            {
                "name": f"edgebert/{Path(info.bundle).name}",
                "revision": info.sha256[self._model.variant.file][:12],
                "max_tokens": info.max_length,
                "embed_dim": info.dimensions,
                "similarity_fn_name": ScoringFunction.DOT_PRODUCT
                if by_dot
                else ScoringFunction.COSINE,
            }
        )

    def encode(
        self, inputs: Iterable[Mapping[str, Sequence[str]]], *, prompt_type: Any = None, **_: Any
    ) -> NDArray[np.float32]:
        """A vector for each text of the batches, float32 (texts, dimensions)."""
        names = {None: (), "query": ("query",)}.get(prompt_type, ("document", "passage"))
        prompt = next((name for name in names if name in self._prompts), None)
        texts = [text for batch in inputs for text in batch["text"]]
        return self._model.embed(texts, prompt=prompt)
