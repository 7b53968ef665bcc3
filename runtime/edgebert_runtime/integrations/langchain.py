"""The vectors of a bundle for LangChain; needs `pip install langchain-core`, and no torch."""

from typing import Any

from langchain_core.embeddings import Embeddings

from edgebert_runtime import load


class EdgebertEmbeddings(Embeddings):
    """Embeds texts and queries, also of vector stores and retrievers
    (https://reference.langchain.com/python/langchain_core/embeddings/).

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
        self._prompt, self._query_prompt = prompt, query_prompt
        self._model = load(bundle, task="embed", **options)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """A vector for each text."""
        return self._model.embed(texts, prompt=self._prompt).tolist()

    def embed_query(self, text: str) -> list[float]:
        """The vector of a query."""
        return self._model.embed([text], prompt=self._query_prompt)[0].tolist()

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """As `embed_documents`; a cancelled task ends after the micro-batch that is run."""
        return (await self._model.aembed(texts, prompt=self._prompt)).tolist()

    async def aembed_query(self, text: str) -> list[float]:
        """As `embed_query`; other tasks of the event loop go on."""
        return (await self._model.aembed([text], prompt=self._query_prompt))[0].tolist()
