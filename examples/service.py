"""Vectors over HTTP, from one model that all requests share.

Usage: EDGEBERT_BUNDLE=my-model uvicorn examples.service:app
EDGEBERT_VARIANT names a variant or a precision. Bodies are read whole before they are counted:
let the proxy in front limit their bytes.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Final

from fastapi import Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel

from edgebert_runtime import Embedder, ModelInfo, load
from edgebert_runtime.errors import InputError

MOST_TEXTS: Final = 64
MOST_CHARACTERS: Final = 100_000
"""Of all texts of a request together."""


class Texts(BaseModel):
    """What is asked."""

    texts: list[str]


class Vectors(BaseModel):
    """What is answered: a vector for each text, in the order asked."""

    vectors: list[list[float]]


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Embedder]]:
    """Load the model before the first request, close it after the last."""
    bundle = os.environ.get("EDGEBERT_BUNDLE")
    if not bundle:
        raise RuntimeError("EDGEBERT_BUNDLE is not set; it names the folder of a bundle")
    with load(bundle, os.environ.get("EDGEBERT_VARIANT", "auto"), task="embed") as model:
        yield {"model": model}


app = FastAPI(title="edgebert", lifespan=lifespan)


def loaded(request: Request) -> Embedder:
    """The model that `lifespan` keeps."""
    model: Embedder = request.state.model
    return model


Model = Annotated[Embedder, Depends(loaded)]


@app.post("/embed")
async def embed(asked: Texts, model: Model) -> Vectors:
    """Turn texts into vectors."""
    _limit("texts", len(asked.texts), MOST_TEXTS)
    _limit("characters", sum(map(len, asked.texts)), MOST_CHARACTERS)
    try:
        vectors = await model.aembed(asked.texts)
    except InputError as error:
        raise HTTPException(422, str(error)) from error
    return Vectors(vectors=vectors.tolist())


@app.get("/health")
async def health(model: Model) -> ModelInfo:
    """Say what is running."""
    return model.info()


def _limit(what: str, found: int, most: int) -> None:
    if found > most:
        raise HTTPException(413, f"{found} {what}, at most {most} a request")
