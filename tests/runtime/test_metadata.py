"""JSON files of bundles and checkpoints: bounded, checked key by key, and every problem told."""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgebert.checkpoints.files import read_json
from edgebert_runtime.benchmarking.comparison import read_record
from edgebert_runtime.bundle.manifest import (
    EmbeddingInfo,
    FileInfo,
    Step,
    TensorInfo,
    read_manifest,
)
from edgebert_runtime.bundle.samples import read_samples
from edgebert_runtime.errors import (
    BundleError,
    CheckpointError,
    EdgebertError,
    InputError,
    UnsafePathError,
)
from edgebert_runtime.storage.json_cache import read_json_cache
from edgebert_runtime.storage.json_reader import MAX_BYTES, MAX_DEPTH
from tests.support.bundle_schema import FILE, bundle_schema, text
from tests.support.tiny_manifest import of_task, tiny_manifest

PATHS: Final = ("onnx/model.onnx", "tokenizer.json", "dense.safetensors", "samples/x.json")
HIDDEN: Final = 4


def fields() -> dict[str, Any]:
    """A manifest with a value for every kind of key."""
    files = {path: FileInfo(size_bytes=1, sha256="0" * 64) for path in PATHS}
    steps = (
        Step(kind="pool", modes=("mean", "max")),
        Step(kind="dense", file=PATHS[2], activation="tanh"),
        Step(kind="normalize"),
    )
    shapes = {
        "last_hidden_state": ("batch", "sequence", HIDDEN),
        "sentence_embedding": ("batch", 6),
    }
    manifest = replace(
        tiny_manifest(files),
        architecture={"hidden": 4, "layers": 1, "heads": 1, "vocabulary": 9, "token_types": 2},
    )
    manifest = of_task(
        manifest,
        outputs=tuple(
            TensorInfo(name=name, dtype="float32", shape=shape) for name, shape in shapes.items()
        ),
        embedding=EmbeddingInfo(
            dimensions=6, steps=steps, prompts={"query": "q: "}, default_prompt="query"
        ),
    )
    found: dict[str, Any] = json.loads(manifest.to_json())
    found["variants"]["portable"] |= {
        "parity": {
            "tolerance": 1e-5,
            "worst": 1e-6,
            "worst_case": "a",
            "worst_at": "b",
            "cases": 3,
        },
    }
    found["variants"]["portable"]["ways"]["stock"] |= {
        "samples": {"embed": PATHS[3]},
        "speed": {"over_fp32": 0.5, "rounds": 9, "cpu": "avx2"},
    }
    return found


def write(folder: Path, manifest: object) -> Path:
    (folder / "edgebert.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def changed(place: str, value: object) -> dict[str, Any]:
    """The manifest with another value at a place, such as `tokenizer.pad_id`."""
    found = fields()
    *others, last = (int(key) if key.isdigit() else key for key in place.split("/"))
    holder: Any = found
    for key in others:
        holder = holder[key]
    holder[last] = value
    return found


TASK: Final = "tasks/embed/"
VARIANT: Final = "variants/portable/"
WAY: Final = f"{VARIANT}ways/stock/"

WRONG: Final[tuple[tuple[str, Any, str], ...]] = (
    ("schema_version", True, "schema version true, this edgebert reads"),
    ("tasks", {}, "tasks is {}, expected an object with at least 1 key"),
    ("default_task", 3, "default_task is 3, expected a string"),
    ("created_by", {"torch": 2}, "created_by.torch is 2, expected a string"),
    ("source/kind", None, "source.kind is null, expected a string"),
    ("architecture/hidden", -1, "architecture.hidden is -1, expected an integer from 0"),
    ("inputs", [], "inputs is [], expected an array of at least 1"),
    ("inputs/0/shape", [True], "inputs[0].shape[0] is true, expected a string or an integer"),
    (TASK + "outputs/0/name", 1, "tasks.embed.outputs[0].name is 1, expected a string"),
    ("tokenizer/file", "", "tokenizer.file is '', expected a path"),
    ("tokenizer/max_length", 1, "tokenizer.max_length is 1, expected an integer from 2"),
    ("tokenizer/max_length", True, "tokenizer.max_length is true, expected an integer"),
    ("tokenizer/max_length", 8.5, "tokenizer.max_length is 8.5, expected an integer"),
    ("tokenizer/padding_side", "left", "tokenizer.padding_side is 'left', expected 'right'"),
    ("tokenizer/pad_id", 10**30, "tokenizer.pad_id is 1000000000000000000000000000000, expected"),
    ("tokenizer/pad_type_id", -1, "tokenizer.pad_type_id is -1, expected an integer from 0"),
    ("tokenizer/special_tokens", {"a\nb": 1}, r"special_tokens['a\nb'] is 1, expected a string"),
    (TASK + "embedding/dimensions", 10**12, "embedding.dimensions is 1000000000000, expected"),
    (
        TASK + "embedding/steps/0/kind",
        "zzz",
        "steps[0].kind is 'zzz', expected 'pool' or",
    ),
    (TASK + "embedding/steps/0/modes", 5, "embedding.steps[0].modes is 5, expected an array"),
    (
        TASK + "embedding/steps/1/activation",
        "x",
        "activation is 'x', expected 'identity' or",
    ),
    (TASK + "embedding/prompts", {"query": 5}, "embedding.prompts.query is 5, expected a string"),
    (
        TASK + "head",
        {"labels": [1], "activation": "none"},
        "labels[0] is 1, expected a string",
    ),
    ("default_variant", None, "default_variant is null, expected a string"),
    ("variants", {}, "variants is {}, expected an object with at least 1 key"),
    (VARIANT + "files", [{}], "variants.portable.files[0] is {}, expected a path"),
    (VARIANT + "opset", 0, "variants.portable.opset is 0, expected an integer from 1"),
    (VARIANT + "min_onnxruntime", "abc", "min_onnxruntime is 'abc', expected a version"),
    (VARIANT + "fusions", {"gelu": -1}, "fusions.gelu is -1, expected an integer from 0"),
    (VARIANT + "parity/worst", "0", "parity.worst is '0', expected a finite number of at least 0"),
    (WAY + "speed/over_fp32", 0, "speed.over_fp32 is 0, expected a finite number above 0"),
    (WAY + "quality", {"mean": 1}, "variants.portable.ways.stock.quality lacks 'metric'"),
    (VARIANT + "verified", 1, "variants.portable.verified is 1, expected true or false"),
    ("files/tokenizer.json", 7, "files['tokenizer.json'] is 7, expected an object"),
    ("files/tokenizer.json/sha256", "0" * 63, "sha256 is '000"),
    ("files/tokenizer.json/size_bytes", 2**63, "size_bytes is 9223372036854775808, expected"),
)
"""Place, value, and what is said: what the schema can say, too."""

CONTRADICTIONS: Final[tuple[tuple[str, Any, str], ...]] = (
    ("schema_version", 1.0, "schema version 1.0, this edgebert reads"),
    ("tokenizer/max_length", 9, "max_length is 9, expected at most tokenizer.max_positions, 8"),
    ("tokenizer/pad_id", 9, "pad_id is 9, expected less than architecture.vocabulary, 9"),
    ("tokenizer/file", "other.json", "tokenizer needs other.json, not among 'files'"),
    (TASK + "embedding/steps/1/file", "../x", "embedding.steps[1] needs ../x, not among 'files'"),
    (TASK + "embedding/dimensions", 5, "embedding.dimensions is 5, expected 6"),
    (TASK + "embedding/default_prompt", "doc", "default_prompt is 'doc', not among its"),
    (
        TASK + "embedding/steps/1",
        {"kind": "dense", "file": PATHS[2]},
        "and lacks activation",
    ),
    (
        TASK + "embedding/steps/2",
        {"kind": "pool", "modes": ["cls"]},
        "is 'pool', which only the first step can be",
    ),
    ("default_variant", "int8", "default_variant is 'int8', which it does not hold"),
    (VARIANT + "files", ["x.onnx"], "variant 'portable' needs x.onnx, not among 'files'"),
    (VARIANT + "files", ["tokenizer.json"], "files[0] = 'tokenizer.json', expected 'onnx/model"),
)
"""Likewise, what JSON Schema cannot say: to it 1.0 is an integer."""


@pytest.mark.parametrize(("place", "value", "said"), [*WRONG, *CONTRADICTIONS], ids=str)
def test_a_value_that_makes_no_sense_is_named(
    tmp_path: Path, place: str, value: Any, said: str
) -> None:
    with pytest.raises(BundleError) as caught:
        read_manifest(write(tmp_path, changed(place, value)))
    message = str(caught.value)
    assert said in message
    assert message.startswith(str(tmp_path / "edgebert.json"))
    assert "\n" not in message
    assert len(message) < len(str(tmp_path)) + 400


@pytest.mark.parametrize(("place", "value", "said"), WRONG, ids=str)
def test_the_schema_refuses_what_the_reader_refuses(place: str, value: Any, said: str) -> None:
    del said
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed(place, value), bundle_schema())


def test_reader_and_schema_take_the_manifest(tmp_path: Path) -> None:
    jsonschema.validate(fields(), bundle_schema())
    read = read_manifest(write(tmp_path, {**fields(), "later": {"a": [1]}}))
    assert json.loads(read.to_json()) == fields()


def test_the_schema_in_docs_is_the_readers() -> None:
    assert FILE.read_text(encoding="utf-8") == text(), "run python -m tests.support.bundle_schema"


def test_every_key_that_is_required_is_missed(tmp_path: Path) -> None:
    schema = bundle_schema()
    for key in schema["required"][1:]:
        found = fields()
        del found[key]
        with pytest.raises(BundleError, match=f"edgebert.json lacks '{key}'"):
            read_manifest(write(tmp_path, found))
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(found, schema)


def test_a_path_that_leaves_the_folder_is_refused(tmp_path: Path) -> None:
    found = changed("files/..", fields()["files"]["tokenizer.json"])
    with pytest.raises(UnsafePathError, match=r"contains '\.\.'"):
        read_manifest(write(tmp_path, found))


def test_a_later_version_may_add_names(tmp_path: Path) -> None:
    """A pooling mode, a precision or a recipe is refused where it is to run, not before."""
    found = changed("tasks/embed/embedding/steps/0/modes", ["mean", "median"])
    found["variants"]["portable"] |= {"precision": "fp4", "recipe": "new", "target": "npu"}
    found["default_variant"] = "fp4"
    read = read_manifest(write(tmp_path, found))
    assert read.variants["portable"].precision == "fp4"


JSON: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["../x", "a\0", "cpu", "fp32", "1.20.0", "\ud800"]),
    lambda child: st.lists(child, max_size=3) | st.dictionaries(st.text(max_size=3), child),
    max_leaves=5,
)


def places(value: Any) -> list[list[str | int]]:
    """Keys of every value in a value."""
    if not isinstance(value, dict | list):
        return [[]]
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    return [[], *([key, *below] for key, child in parts for below in places(child))]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), value=JSON)
def test_any_value_anywhere_is_read_or_refused(tmp_path: Path, data: Any, value: Any) -> None:
    holder: Any = {"root": deepcopy(fields())}
    found = holder
    chosen: list[str | int] = ["root", *data.draw(st.sampled_from(places(holder["root"])))]
    *others, last = chosen
    for key in others:
        holder = holder[key]
    holder[last] = value
    with suppress(BundleError):
        read_manifest(write(tmp_path, found["root"]))


# Files that are no JSON of ours


def with_key(text: str) -> bytes:
    return (json.dumps(fields())[:-1] + f', "x": {text}}}').encode()


HOSTILE: Final[dict[str, tuple[bytes, str]]] = {
    "brackets": (b"[" * 100_000, "nests deeper than"),
    "deep but whole": (b"[" * MAX_DEPTH + b"[]" + b"]" * MAX_DEPTH, "nests deeper than"),
    "digits": (with_key("9" * 5000), "has 5,000 digits"),
    "NaN": (with_key("[1, NaN]"), "x[1] is nan, expected a finite number"),
    "infinity": (with_key("-Infinity"), "x is -inf, expected a finite number"),
    "beyond floats": (with_key("1e999"), "x is inf, expected a finite number"),
    "twice": (with_key('1, "x": 2'), "an object has 'x' twice"),
    "half a pair": (with_key(r'"\ud800"'), "surrogates not allowed"),
    "not UTF-8": (with_key('"') + b"\xff", "can't decode byte 0xff"),
    "UTF-16": (json.dumps(fields()).encode("utf-16"), "can't decode byte 0xff"),
    "empty": (b"", "Expecting value"),
    "cut": (json.dumps(fields()).encode()[:-1], "is not valid JSON"),
    "a number": (b"5", "holds int"),
}

Reader = Callable[[Path], object]
READERS: Final[dict[str, tuple[Reader, type[EdgebertError]]]] = {
    "manifest": (lambda path: read_manifest(path.parent), BundleError),
    "samples": (read_samples, BundleError),
    "checkpoint": (lambda path: read_json(path, dict), CheckpointError),
    "record": (read_record, InputError),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", HOSTILE)
def test_every_reader_tells_what_is_no_json(tmp_path: Path, reader: str, name: str) -> None:
    content, said = HOSTILE[name]
    path = tmp_path / "edgebert.json"
    path.write_bytes(content)
    read, error = READERS[reader]
    with pytest.raises(error) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert said in str(caught.value) or name == "a number"
    assert read_json_cache(path) == {}


def folder(path: Path) -> None:
    path.mkdir()


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)


@pytest.mark.parametrize("reader", ["manifest", "samples", "checkpoint"])
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (folder, "is not a file"),
        (loop, "cannot be read: Too many levels of symbolic links"),
        (pipe, "is not a file"),
        (huge, r"has more than [\d,]+ bytes"),
    ],
)
def test_what_is_no_file_is_refused(
    tmp_path: Path, reader: str, make: Callable[[Path], None], said: str
) -> None:
    path = tmp_path / "edgebert.json"
    make(path)
    read, error = READERS[reader]
    with pytest.raises(error, match=said):
        read(path)


@pytest.mark.parametrize("name", ["a" * 300, "a\0b"])
def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BundleError):
        read_manifest(tmp_path / name)


SAMPLES: Final[dict[str, Any]] = {
    "made_by": {},
    "measure": "m",
    "tolerance": 0.5,
    "reason": "r",
    "samples": [{"text": ["a", "b"], "input_ids": [1], "expected": [{"x": 0.5}]}],
}


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("tolerance", True, "tolerance is true, expected a finite number of at least 0"),
        ("tolerance", "0.1", "tolerance is '0.1', expected a finite number"),
        ("samples", [{"text": ["a"], "input_ids": [], "expected": []}], r"text is \[.a.\], expect"),
        ("samples", [{"text": "a", "input_ids": [1.5], "expected": []}], r"input_ids\[0\] is 1.5"),
        ("samples", [{"text": "a", "input_ids": [], "expected": [{"x": "1"}]}], "expected is "),
        ("samples", {"0": 1}, "samples is .*, expected an array"),
    ],
)
def test_a_sample_that_is_none_is_named(tmp_path: Path, key: str, value: Any, said: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(SAMPLES), encoding="utf-8")
    assert read_samples(path).samples[0].text == ("a", "b")
    path.write_text(json.dumps({**SAMPLES, key: value}), encoding="utf-8")
    with pytest.raises(BundleError, match=f"is not a file of samples: it .*{said}"):
        read_samples(path)
