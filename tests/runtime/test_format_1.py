"""Manifests of format 1, which edgebert 0.1 wrote, are read for ever and say the same.

The files in `docs/conformance/format-1` are what edgebert wrote when it had no other format.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import edgebert
from edgebert_runtime import Bundle, load
from edgebert_runtime.bundle.manifest import read_manifest, written_version
from edgebert_runtime.bundle.manifest_values import EXACT_SUMS
from edgebert_runtime.errors import BundleError, EdgebertError
from edgebert_runtime.verification.self_test import check_all
from tests.support import commands
from tests.support.conformance import FOLDER
from tests.support.format_1 import as_format_1, write_format_1
from tests.support.tiny_encoder import TEXTS

GOLDENS: Final = {path.stem: path for path in sorted((FOLDER / "format-1").iterdir())}
Change = Callable[[dict[str, Any]], None]


def golden(name: str) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(GOLDENS[name].read_text(encoding="utf-8"))
    return fields


def written(folder: Path, fields: object) -> Path:
    (folder / "edgebert.json").write_text(json.dumps(fields), encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", GOLDENS)
def test_nothing_that_it_says_is_lost(name: str, tmp_path: Path) -> None:
    assert as_format_1(written(tmp_path, golden(name))) == golden(name)


def test_what_the_goldens_mean(tmp_path: Path) -> None:
    manifests = {name: read_manifest(written(tmp_path, golden(name))) for name in GOLDENS}
    embed, tag, cuda = (manifests[name] for name in ("embed", "tag", "cuda"))
    assert {name: found.default_task for name, found in manifests.items()} == {
        **dict.fromkeys(("embed", "cuda"), "embed"),
        **{name: name for name in ("classify", "tag")},
    }
    assert embed.variants["int8"].instruction_sets == EXACT_SUMS
    assert tag.variants["int8-dynamic"].instruction_sets == ()  # it was made for avx2
    assert [each.way.scheme for each in embed.variants.values()] == [
        *(None, None, "static", "dynamic")
    ]
    assert embed.variants["int8"].way.samples == {"embed": "samples/int8.json"}
    assert cuda.variants["fp16"].way.samples == {}
    assert not cuda.variants["fp16"].verified
    assert manifests["classify"].task.head is not None
    assert manifests["classify"].task.head.labels == ("bad", "good")


@pytest.mark.parametrize("former", ["avx512_vnni", "arm64"])
def test_two_classes_of_cpu_became_one(former: str, tmp_path: Path) -> None:
    fields = golden("embed")
    fields["variants"]["int8"]["cpu"] = former
    fields["variants"]["int8"]["speed"] = {"over_fp32": 0.5, "rounds": 5, "cpu": former}
    variant = read_manifest(written(tmp_path, fields)).variants["int8"]
    assert variant.instruction_sets == EXACT_SUMS
    assert variant.way.speed == {"over_fp32": 0.5, "rounds": 5, "cpu": "dotprod"}


def test_what_first_bundles_lacked_need_not_be_there(tmp_path: Path) -> None:
    fields = golden("embed")
    del fields["head"]
    for variant in fields["variants"].values():
        for key in ("cpu", "needs", "verified", "capturable", "speed"):
            del variant[key]
    found = read_manifest(written(tmp_path, fields)).variants
    assert found["int8"].instruction_sets == EXACT_SUMS
    assert found["cpu"].instruction_sets == ()
    assert [each.needs for each in found.values()] == [None] * 4
    assert all(each.verified and each.capturable for each in found.values())


def test_a_search_may_have_given_each_layer_a_scheme_of_its_own(tmp_path: Path) -> None:
    fields = golden("embed")
    fields["variants"]["int8"]["quality"]["budget"] = "cosine>=0.99"
    assert read_manifest(written(tmp_path, fields)).variants["int8"].way.scheme is None


def test_an_old_bundle_loads_answers_and_checks_as_before(bundle: Bundle) -> None:
    before = bundle.manifest
    expected = {name: load(bundle, name).embed(TEXTS) for name in before.variants}
    write_format_1(bundle.folder)
    assert written_version(bundle.folder) == 1
    for name, vectors in expected.items():
        np.testing.assert_array_equal(load(bundle.folder, name).embed(TEXTS), vectors)
    reports = list(check_all(bundle.folder))
    assert [report.variant for report in reports] == list(before.variants)
    assert all(report.passed for report in reports)


def test_it_is_upgraded_once_and_nothing_else_changes(bundle: Bundle) -> None:
    write_format_1(bundle.folder)
    before = {path: path.read_bytes() for path in bundle.folder.rglob("*") if path.is_file()}
    old = read_manifest(bundle.folder)
    assert edgebert.upgrade(bundle.folder)
    assert written_version(bundle.folder) == 2
    assert read_manifest(bundle.folder) == old
    after = {path: path.read_bytes() for path in bundle.folder.rglob("*") if path.is_file()}
    changed = {path.name for path in before.keys() | after.keys() if before[path] != after[path]}
    assert changed == {"edgebert.json"}
    assert not edgebert.upgrade(bundle.folder)
    assert {path: path.read_bytes() for path in after} == after


def test_the_command_says_what_it_did(bundle: Bundle, tmp_path: Path) -> None:
    write_format_1(bundle.folder)
    for said in ("is now of format 2", "is already of format 2"):
        done = commands.edgebert("upgrade", bundle.folder)
        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr == f"{bundle.folder} {said}\n"
    refused = commands.edgebert("upgrade", tmp_path / "nothing")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)


def missing(key: str) -> Change:
    return lambda fields: fields.pop(key) and None


def other(key: str, value: object) -> Change:
    return lambda fields: fields.update({key: value})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (missing("task"), "lacks 'task'"),
        (missing("variants"), "lacks 'variants'"),
        (missing("outputs"), "lacks 'outputs'"),
        (other("task", 7), "task is 7, expected a string"),
        (other("variants", []), "variants is [], expected an object"),
        (other("variants", {"a": 1}), "variants.a is 1, expected an object"),
        (other("files", None), "files is null, expected an object"),
        (other("default_variant", "none"), "default_variant is 'none', which it does not hold"),
    ],
)
def test_what_is_wrong_with_it_is_told(change: Change, said: str, tmp_path: Path) -> None:
    fields = golden("embed")
    change(fields)
    with pytest.raises(BundleError) as caught:
        read_manifest(written(tmp_path, fields))
    assert said in str(caught.value)


def places(value: Any) -> list[list[str | int]]:
    """Keys of every value in a value."""
    if not isinstance(value, dict | list):
        return [[]]
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    return [[], *([key, *below] for key, child in parts for below in places(child))]


WEIRD: Final = st.sampled_from([None, True, 3, -1, 0.5, "x", "../x", [], ["x"], {}, {"x": None}])


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), value=WEIRD, name=st.sampled_from(sorted(GOLDENS)))
def test_any_value_anywhere_is_read_or_refused(
    tmp_path: Path, data: Any, value: Any, name: str
) -> None:
    holder: Any = {"root": deepcopy(golden(name))}
    found = holder
    chosen: list[str | int] = ["root", *data.draw(st.sampled_from(places(holder["root"])))]
    *others, last = chosen
    for key in others:
        holder = holder[key]
    holder[last] = value
    with suppress(EdgebertError):
        read_manifest(written(tmp_path, found["root"]))


def test_a_format_of_the_future_is_refused_by_its_number(tmp_path: Path) -> None:
    folder = written(tmp_path, {"schema_version": 3})
    for read in (read_manifest, edgebert.upgrade):
        with pytest.raises(
            BundleError, match=r"schema version 3, this .* reads 1 and 2; install a newer edgebert-"
        ):
            read(folder)
