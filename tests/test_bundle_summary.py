"""What `inspect`, `export` and `quantize` show of a bundle."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from edgebert.cli.bundle_summary import next_command, quality_text, similarity, summary_lines
from edgebert_runtime import Bundle
from edgebert_runtime.bundle.manifest import (
    FileInfo,
    HeadInfo,
    Library,
    Manifest,
    ProvenanceStep,
    Way,
    read_manifest,
)
from edgebert_runtime.bundle.manifest_values import EXACT_SUMS, NATIVE, STOCK
from tests.support.tiny_manifest import of_task, tiny_manifest

FILE: Final = FileInfo(size_bytes=3 * 2**20, sha256="ab" * 32)
QUALITY: Final = {
    "metric": "cosine of sentence_embedding to fp32, each text alone",
    "data": "texts",
    "samples": 256,
    "mean": 0.9993,
    "worst": 0.9961,
    "floor": {"mean": 0.99, "worst": 0.98},
}
TOKENS: Final = {
    "choice": "auto",
    "texts": 400,
    "witnesses": [
        {"name": "tokenizer.json", "version": "0.23.3"},
        {"name": "transformers", "version": "5.23.0"},
    ],
}
HEAD: Final = HeadInfo(labels=("bad", "good"), activation="softmax")
SPEED: Final = {"over_fp32": 0.3141, "rounds": 5, "cpu": "dotprod"}

EXPECTED: Final = """\
my model: classify, from module nothing
  default       fp32
  tasks         classify
  labels        bad, good
  longest text  8 tokens
  tokens as     tokenizer.json (0.23.3), transformers (5.23.0), 400 texts
  provenance    trained, quantized int8

portable
  precision           fp32
  CPU                 any
  least ONNX Runtime  1.20.0
  size                3.0 MiB
  quality             largest difference to torch 6.1e-06 (14 cases)
  time over fp32      not measured
  file                onnx/model.onnx
  fused               nothing

int8
  precision           int8
  CPU                 vnni or neon or simd128
  least ONNX Runtime  1.23.0
  size                3.0 MiB
  quality             cosine 0.99930 mean, 0.9961 worst (256 texts)
  time over fp32      0.31× (5 rounds on dotprod)
  file                onnx/model.onnx
  fused               6 attention, 2 gelu"""


PARITY: Final = {
    "tolerance": 2e-5,
    "worst": 6.1e-6,
    "worst_case": "1x2 full",
    "worst_at": "last_hidden_state[0, 0, 0]",
    "cases": 14,
}


def manifest(task: str = "classify", head: HeadInfo = HEAD, **changes: Any) -> Manifest:
    made = tiny_manifest(dict.fromkeys(("onnx/model.onnx", "tokenizer.json"), FILE))
    portable = replace(made.variants["portable"], parity=PARITY)
    int8 = replace(
        portable,
        precision="int8",
        min_onnxruntime="1.23.0",
        fusions={"attention": 6, "gelu": 2},
        parity=None,
        instruction_sets=EXACT_SUMS,
        ways={STOCK: Way(quality=QUALITY, speed=SPEED)},
    )
    variants = {"portable": portable, "int8": int8}
    trained = ProvenanceStep(step="trained", by={}, variant=None, budget=None, details={})
    steps = (trained, replace(trained, step="quantized", variant="int8"))
    changes = {"provenance": steps, "tokenizer": replace(made.tokenizer, tokens=TOKENS), **changes}
    made = of_task(replace(made, variants=variants), task, head=head)
    return replace(made, **changes)


def test_every_value_is_shown(tmp_path: Path) -> None:
    (tmp_path / "edgebert.json").write_text(manifest().to_json(), encoding="utf-8")
    bundle = Bundle(folder=Path("my model"), manifest=read_manifest(tmp_path))
    assert "\n".join(summary_lines(bundle, None)) == EXPECTED
    assert bundle.manifest.variants["int8"].way.speed == SPEED


def test_each_way_of_a_variant_for_a_library_is_shown() -> None:
    made = manifest()
    ways = {STOCK: Way(quality=QUALITY), NATIVE: Way(quality={**QUALITY, "mean": 0.9997})}
    library = Library(name="some-kernels", version="1.2.0", required=False)
    native = replace(made.variants["int8"], library=library, ways=ways)
    made = replace(made, variants={**made.variants, "int8-native": native})
    lines = "\n".join(summary_lines(Bundle(folder=Path("m"), manifest=made), None))
    shown = dict(line.strip().split("  ", 1) for line in lines.splitlines() if "  " in line.strip())
    assert shown["library"].strip() == "some-kernels 1.2.0 (optional)"
    assert shown["quality (stock)"].strip().startswith("cosine 0.99930 mean")
    assert shown["quality (native)"].strip().startswith("cosine 0.99970 mean")
    assert shown["time over fp32 (native)"].strip() == "not measured"


def test_long_lists_of_labels_are_folded() -> None:
    labels = tuple(f"label-{number}" for number in range(150))
    made = manifest(head=HeadInfo(labels=labels, activation="softmax"))
    lines = list(summary_lines(Bundle(folder=Path("m"), manifest=made), 60))
    assert max(map(len, lines)) <= 60
    assert set(" ".join(lines).replace(",", " ").split()) >= set(labels)


def test_not_measured_is_said() -> None:
    made = manifest()
    bare = replace(made.variants["portable"], parity=None)
    unchecked = replace(made.tokenizer, tokens=None)
    made = replace(made, variants={"portable": bare}, tokenizer=unchecked, provenance=())
    lines = list(summary_lines(Bundle(folder=Path("m"), manifest=made), None))
    assert "  quality             not measured" in lines
    assert "  tokens as     not compared" in lines
    assert "  provenance    nothing recorded" in lines


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1.0000"),
        (0.98, "0.9800"),
        (0.9961, "0.9961"),
        (0.99996, "0.999960"),
        (1 - 2e-9, "0.9999999980"),
        (1 + 2e-7, "1.00000020"),
    ],
)
def test_a_similarity_keeps_the_digits_that_decide(value: float, text: str) -> None:
    assert similarity(value) == text


def test_quality_has_its_unit() -> None:
    scores = {**QUALITY, "metric": "1 - total variation distance of the scores to fp32"}
    assert quality_text(scores).startswith("1 - total variation distance 0.99930 mean, 0.9961 ")


@pytest.mark.parametrize(
    ("task", "kind", "quantized", "command"),
    [
        ("classify", "folder", False, """edgebert run 'my model' "a text\""""),
        ("rank", "folder", False, 'edgebert run \'my model\' "a query" "a document"'),
        ("classify", "folder", True, "edgebert check 'my model'"),
        ("classify", "hub", True, "edgebert verify 'my model' --against some/model"),
    ],
)
def test_the_next_command(task: str, kind: str, quantized: bool, command: str) -> None:
    source = {"kind": kind, "name": "some/model", "model_type": "bert"}
    bundle = Bundle(folder=Path("my model"), manifest=manifest(task=task, source=source))
    assert next_command(bundle, quantized=quantized).startswith(f"next: {command}")
