"""Vectors over HTTP from replicas of Ray Serve, which puts texts of several requests together.

Usage: EDGEBERT_BUNDLE=my-model serve run examples.ray_serve:app
"""

import asyncio
import os
from typing import Any

from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse

from edgebert_runtime import load
from edgebert_runtime.errors import InputError


def texts_of(body: Any) -> list[str]:
    """The texts of a request."""
    if not isinstance(body, dict) or not isinstance(body.get("texts"), list):
        raise InputError('expected {"texts": ["a text", ...]}')
    texts: list[str] = body["texts"]
    return texts


class Vectors:
    """One model with one thread."""

    def __init__(self, bundle: str) -> None:
        self._model = load(bundle, task="embed", threads=1)

    async def __call__(self, request: Request) -> JSONResponse:
        """Answer `{"texts": [...]}` with a vector for each text."""
        try:
            texts = texts_of(await request.json())
            self._model.encode(texts)  # an item that is no text fails its own request alone
        except (InputError, ValueError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return JSONResponse({"vectors": await asyncio.gather(*map(self.embed, texts))})

    @serve.batch(max_batch_size=16, batch_wait_timeout_s=0.002)  # type: ignore[untyped-decorator]
    async def embed(self, texts: list[str]) -> list[list[float]]:
        """Vectors of texts that came within two milliseconds."""
        vectors: list[list[float]] = (await self._model.aembed(texts)).tolist()
        return vectors


deployment = serve.deployment(ray_actor_options={"num_cpus": 1}, max_ongoing_requests=64)(Vectors)
app = deployment.options(num_replicas=1).bind(os.environ.get("EDGEBERT_BUNDLE", "my-model"))
