"""A classifier behind a web framework: CLASSIFIER=my-model uvicorn …:app."""

import os

from fastapi import FastAPI, HTTPException

from edgebert_runtime import load
from edgebert_runtime.errors import InputError

model = load(os.environ["CLASSIFIER"], task="classify", threads=1)
app = FastAPI()


@app.get("/")
def about() -> dict[str, object]:
    info = model.info()
    return {"variant": info.variant, "precision": info.precision, "labels": list(model.labels)}


@app.post("/classify")
async def classify(texts: list[str]) -> list[dict[str, object]]:
    try:
        answers = await model.aclassify(texts, top_k=1)
    except InputError as error:
        raise HTTPException(422, str(error)) from error
    return [{"label": each.label, "score": each.score} for each in answers]
