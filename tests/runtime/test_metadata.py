"""JSON files of bundles and checkpoints: bounded, checked key by key, and every problem told."""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgebert.checkpoints.files import read_json
from edgebert_runtime.benchmarking.comparison import read_record
from edgebert_runtime.bundle.manifest import read_manifest
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
from tests.support.conformance import BASE, Case, cases


def fields() -> dict[str, Any]:
    """A manifest with a value for every kind of key."""
    return deepcopy(BASE)


def write(folder: Path, manifest: object) -> Path:
    (folder / "edgebert.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


@pytest.mark.parametrize("case", cases("refuse"), ids=str)
def test_a_value_that_makes_no_sense_is_named(tmp_path: Path, case: Case) -> None:
    with pytest.raises(BundleError) as caught:
        read_manifest(write(tmp_path, case.manifest()))
    message = str(caught.value)
    assert case.says in message
    assert str(tmp_path) in message
    assert "\n" not in message
    assert len(message) < len(str(tmp_path)) + 400


@pytest.mark.parametrize("case", cases("refuse", "schema"), ids=str)
def test_the_schema_refuses_what_the_reader_refuses(case: Case) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(case.manifest(), bundle_schema())


@pytest.mark.parametrize("case", cases("accept"), ids=str)
def test_what_a_later_version_may_add_is_read(tmp_path: Path, case: Case) -> None:
    """A pooling mode, a precision or a recipe is refused where it is to run, not before."""
    read_manifest(write(tmp_path, case.manifest()))


def test_reader_and_schema_take_the_manifest(tmp_path: Path) -> None:
    jsonschema.validate(fields(), bundle_schema())
    read = read_manifest(write(tmp_path, {**fields(), "later": {"a": [1]}}))
    assert json.loads(read.to_json()) == fields()


def test_the_schema_in_docs_is_the_readers() -> None:
    assert FILE.read_text(encoding="utf-8") == text(), "run python -m tests.support.bundle_schema"


def keys_in(schema: Any) -> set[str]:
    """Every key that a schema names."""
    if isinstance(schema, list):
        return {key for each in schema for key in keys_in(each)}
    if not isinstance(schema, dict):
        return set()
    named = schema.get("properties", {})
    return {*named, *(key for each in schema.values() for key in keys_in(each))}


def test_the_specification_explains_every_key() -> None:
    page = FILE.with_name("bundle-format.md").read_text(encoding="utf-8")
    keys = keys_in(bundle_schema()) - {"properties", "required"}
    assert {"external", "provenance", "ways", "sha256"} <= keys
    assert {key for key in keys if f"`{key}`" not in page} == set()


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
    found = fields()
    found["files"][".."] = found["files"]["tokenizer.json"]
    with pytest.raises(UnsafePathError, match=r"contains '\.\.'"):
        read_manifest(write(tmp_path, found))


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


def test_a_file_that_is_not_listed_is_named_in_one_line(tmp_path: Path) -> None:
    """Also where its name has a line end, as a hostile manifest may have."""
    manifest = fields()
    manifest["tokenizer"]["file"] = "\n"
    (tmp_path / "edgebert.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(BundleError, match=r"tokenizer needs \\n, not among 'files'") as caught:
        read_manifest(tmp_path)
    assert "\n" not in str(caught.value)
