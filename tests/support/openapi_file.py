"""docs/reference/openapi.json, made of the routes: `python -m tests.support.openapi_file`."""

import json
from pathlib import Path
from typing import Final

from edgebert_runtime.serving.openapi import openapi
from edgebert_runtime.storage.text_file import write_text

FILE: Final = Path(__file__).parents[2] / "docs" / "reference" / "openapi.json"


def text() -> str:
    return json.dumps(openapi(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    write_text(FILE, text())
