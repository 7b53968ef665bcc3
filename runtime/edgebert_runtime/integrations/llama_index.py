"""The vectors of a bundle for LlamaIndex; needs `pip install llama-index-core`, and no torch."""

from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.bridge.pydantic import Field, PrivateAttr

from edgebert_runtime import Embedder, load


class EdgebertEmbedding(BaseEmbedding):
    """Embeds nodes and queries
    (https://developers.llamaindex.ai/python/framework/module_guides/models/embeddings/).

    Raises:
        EdgebertError: as `load`; `ConfigError` also where the bundle is for another task.
    """

    bundle: str = Field(description="Folder of an embedding bundle, or its name on the Hub.")
    prompt: str | None = Field(
        default=None, description="Name of the bundle's prompt before texts; None: its default."
    )
    query_prompt: str | None = Field(default=None, description="The same, before queries.")
    options: dict[str, Any] = Field(
        default_factory=dict, description="Of edgebert_runtime.load, such as variant and threads."
    )
    embed_batch_size: int = Field(default=512, description="Texts of one call.", gt=0, le=2048)
    _model: Embedder = PrivateAttr()

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        self.model_name = self.bundle
        self._model = load(self.bundle, task="embed", **self.options)

    @classmethod
    def class_name(cls) -> str:
        """What a stored index calls this class."""
        return "EdgebertEmbedding"

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return self._model.embed(texts, prompt=self.prompt).tolist()

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._model.embed([query], prompt=self.query_prompt)[0].tolist()

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return (await self._model.aembed([query], prompt=self.query_prompt))[0].tolist()
