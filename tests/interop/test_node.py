"""What transformers.js and onnxruntime-web answered in Node; run by .ci/interop after them."""

import json
import os
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.interop_rows import TOLERANCE, Row, write

FOUND: Final[list[dict[str, Any]]] = [
    json.loads(line) for line in Path(os.environ["EDGEBERT_NODE_ROWS"]).read_text().splitlines()
]
LOADERS: Final = {
    "transformers3": "transformers.js",
    "transformers4": "transformers.js",
    "onnxruntime-web": "onnxruntime-web",
}
FILES: Final = {"fp32": "fp32", "q8": "int8"}
TASKS: Final = {"answer", "classify", "embed", "fill", "rank", "tag"}
TOLERANCES: Final = {"fp32": TOLERANCE, "q8": 0.01}
"""To the nearest of our answers: in 8 bits there are several, of `moved_graphs`."""

pytestmark = pytest.mark.interop


def test_every_loader_was_asked_for_every_task_and_file() -> None:
    asked = {(each["loader"], each["task"], each["file"]) for each in FOUND}
    cases = {(task, file) for task in TASKS for file in FILES} - {("rank", "q8")}
    assert asked == {(loader, *case) for loader in LOADERS for case in cases}


@pytest.mark.parametrize(
    "found", FOUND, ids=lambda each: f"{each['loader']}-{each['task']}-{each['file']}"
)
def test_ids_and_outputs_are_ours(found: dict[str, Any]) -> None:
    refusal = found.get("refusal", "")
    write(
        Row(
            loader=LOADERS[found["loader"]],
            version=found["version"],
            task=found["task"],
            file=FILES[found["file"]],
            difference=found.get("difference"),
            refusal=refusal,
        )
    )
    assert refusal == ""
    assert found["difference"] <= TOLERANCES[found["file"]]
