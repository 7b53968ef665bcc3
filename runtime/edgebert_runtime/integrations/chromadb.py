"""The vectors of a bundle for chromadb; needs `pip install chromadb`, and no torch."""

from typing import Any

from chromadb.api.types import Documents, EmbeddingFunction, Embeddings
from chromadb.utils.embedding_functions import register_embedding_function

from edgebert_runtime import load


@register_embedding_function
class EdgebertEmbeddingFunction(EmbeddingFunction[Documents]):
    """Embeds the documents and queries of a collection
    (https://docs.trychroma.com/docs/embeddings/embedding-functions).

    A collection keeps the arguments. Import this module before you open it again.

    Args:
        bundle: folder of an embedding bundle, or its name on the Hub.
        prompt: name of the bundle's prompt that is put before documents; None takes its default.
        query_prompt: the same, before queries.
        options: of `edgebert_runtime.load`, such as `variant="int8"` and `threads=1`.

    Raises:
        EdgebertError: as `load`; `ConfigError` also where the bundle is for another task.
    """

    def __init__(
        self,
        bundle: str,
        prompt: str | None = None,
        query_prompt: str | None = None,
        **options: Any,
    ) -> None:
        names = {"prompt": prompt, "query_prompt": query_prompt}
        self._config: dict[str, Any] = {"bundle": str(bundle), **names, **options}
        self._model = load(bundle, task="embed", **options)

    def __call__(self, input: Documents) -> Embeddings:
        """A float32 vector for each document."""
        return list(self._model.embed(input, prompt=self._config["prompt"]))

    def embed_query(self, input: Documents) -> Embeddings:
        """A float32 vector for each query."""
        return list(self._model.embed(input, prompt=self._config["query_prompt"]))

    @staticmethod
    def name() -> str:
        """What collections call this function."""
        return "edgebert"

    def get_config(self) -> dict[str, Any]:
        """The arguments, for `build_from_config`."""
        return dict(self._config)

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> "EdgebertEmbeddingFunction":
        """The function of `get_config`; loads the bundle."""
        return EdgebertEmbeddingFunction(**config)
