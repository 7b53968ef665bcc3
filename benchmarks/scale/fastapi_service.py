"""A service as one writes it with FastAPI: every request calls the model by itself.

Usage: EDGEBERT_BUNDLE=my-model uvicorn benchmarks.scale.fastapi_service:app
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from pydantic import BaseModel

from edgebert_runtime import load


class Texts(BaseModel):
    texts: list[str]


class Vectors(BaseModel):
    vectors: list[list[float]]


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, object]]:
    with load(os.environ["EDGEBERT_BUNDLE"], task="embed") as model:
        yield {"model": model}


app = FastAPI(lifespan=lifespan)


@app.post("/embed")
async def embed(asked: Texts, request: Request) -> Vectors:
    vectors = await request.state.model.aembed(asked.texts)
    return Vectors(vectors=vectors.tolist())
