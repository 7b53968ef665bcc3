"""The vectors of a bundle for Haystack; needs `pip install haystack-ai`, and no torch."""

from dataclasses import replace
from typing import Any

from haystack import Document, component, default_to_dict

from edgebert_runtime import Embedder, load


class _BundleComponent:
    """A bundle that `warm_up` loads, and the pipeline's description of it."""

    def __init__(self, bundle: str, prompt: str | None = None, **options: Any) -> None:
        """Keep the bundle's folder or name, the name of its prompt, and options of `load`."""
        self.bundle, self.prompt, self.options = str(bundle), prompt, options
        self._model: Embedder | None = None

    def warm_up(self) -> Embedder:
        """Load the bundle, the first time.

        Raises:
            EdgebertError: as `load`; `ConfigError` also where the bundle is for another task.
        """
        if self._model is None:
            self._model = load(self.bundle, task="embed", **self.options)
        return self._model

    def to_dict(self) -> dict[str, Any]:
        """The component of a serialized pipeline."""
        return default_to_dict(self, bundle=self.bundle, prompt=self.prompt, **self.options)


@component
class EdgebertTextEmbedder(_BundleComponent):
    """Embeds a query (https://docs.haystack.deepset.ai/docs/embedders).

    `prompt` is the name of the bundle's prompt before the text; None takes its default.
    """

    @component.output_types(embedding=list[float])
    def run(self, text: str) -> dict[str, Any]:
        """`embedding`: the vector of the text."""
        return {"embedding": self.warm_up().embed([text], prompt=self.prompt)[0].tolist()}


@component
class EdgebertDocumentEmbedder(_BundleComponent):
    """Embeds the contents of documents, as `EdgebertTextEmbedder` does a query."""

    @component.output_types(documents=list[Document])
    def run(self, documents: list[Document]) -> dict[str, Any]:
        """`documents`: copies with their vectors; a document without text counts as empty."""
        vectors = self.warm_up().embed(
            [each.content or "" for each in documents], prompt=self.prompt
        )
        pairs = zip(documents, vectors, strict=True)
        return {"documents": [replace(one, embedding=vector.tolist()) for one, vector in pairs]}
