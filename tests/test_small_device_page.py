"""The zip of docs/how-to/small-device.md, as links: no package it leaves out can be imported."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import tokenizers

import edgebert_runtime
from edgebert_runtime import Bundle, load

PAGE = (Path(__file__).parents[1] / "docs/how-to/small-device.md").read_text(encoding="utf-8")
SECONDS = 60

ASKING = """
import json, sys
import handler
print(json.dumps(handler.handler({"body": json.dumps({"texts": sys.argv[1:]})}, None)))
"""


def link(source: Path, folder: Path, left_out: set[str]) -> None:
    """Folders and links that look like a package without what is left out."""
    folder.mkdir()
    for path in source.iterdir():
        below = {name.partition("/")[2] for name in left_out if name.startswith(f"{path.name}/")}
        if path.is_dir() and below:
            link(path, folder / path.name, below)
        elif not any(Path(path.name).match(name) for name in left_out):
            (folder / path.name).symlink_to(path)


@pytest.fixture
def package(tmp_path: Path, tiny_bundle: Bundle) -> Path:
    folder = tmp_path / "package"
    folder.mkdir()
    left_out = set(re.findall(r"\blib/onnxruntime/(\S+)", PAGE))
    assert {"tools", "capi/libonnxruntime.so.*"} < left_out
    link(Path(onnxruntime.__file__).parent, folder / "onnxruntime", left_out)
    for module in (np, tokenizers, edgebert_runtime):
        source = Path(module.__file__ or "").parent
        (folder / source.name).symlink_to(source)
    (handler,) = re.findall(r"```py\n(.*?)```", PAGE, re.DOTALL)
    (folder / "handler.py").write_text(handler, encoding="utf-8")
    ignore = shutil.ignore_patterns("model.onnx*", "model_cpu.onnx")
    shutil.copytree(tiny_bundle.folder, folder / "my-model", ignore=ignore)
    return folder


def test_the_handler_answers_from_the_package_alone(package: Path, tiny_bundle: Bundle) -> None:
    texts = ["the small cat", "a dog"]
    done = subprocess.run(
        [sys.executable, "-S", "-B", "-c", ASKING, *texts],  # -S: without installed packages
        cwd=package,
        env={"PYTHONPATH": str(package), "EDGEBERT_CACHE": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads(done.stdout)
    assert answer["statusCode"] == 200
    expected = load(tiny_bundle, "int8").embed(texts)
    np.testing.assert_allclose(json.loads(answer["body"]), expected, atol=1e-6)
    assert not any((package / "my-model" / "onnx").glob("model.onnx*"))
