"""A device proves itself: whole files, the same tokens, the same answers; each told apart."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgebert_runtime import Bundle, CheckReport, check
from edgebert_runtime.bundle.manifest import Manifest
from edgebert_runtime.bundle.samples import read_samples
from edgebert_runtime.errors import BundleError, BundleIntegrityError, SampleError
from edgebert_runtime.verification.probes import score_deviation, vector_deviation
from edgebert_runtime.verification.self_test import check_all, check_files
from tests.support.bundle_files import change_weights, rehash
from tests.support.fence import run_fenced

VARIANTS = ["portable", "cpu", "int8-portable", "int8-cpu"]


def edit_json(path: Path, change: Callable[[Any], None]) -> None:
    fields = json.loads(path.read_text(encoding="utf-8"))
    change(fields)
    path.write_text(json.dumps(fields), encoding="utf-8")


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edgebert_runtime.cli.main", "check", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


# What is stored


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_proves_itself(variant: str, tiny_bundle: Bundle) -> None:
    report = check(tiny_bundle, variant, threads=1)
    report.require()
    assert report.passed
    assert (report.variant, report.machine["provider"]) == (variant, "cpu")
    assert report.files == len(tiny_bundle.manifest.files)
    assert report.samples == 10
    assert report.worst is not None
    assert report.tolerance is not None
    assert report.worst <= report.tolerance


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_sample_has_an_answer_of_its_own(variant: str, tiny_bundle: Bundle) -> None:
    """Answers that are all alike would fit a machine that computes nothing."""
    stored = read_samples(tiny_bundle.path_of(f"samples/{variant}.json"))
    assert len({tuple(sample.input_ids) for sample in stored.samples}) >= 8
    for one, other in combinations(stored.samples, 2):
        if one.input_ids != other.input_ids:
            assert vector_deviation(one.expected, other.expected).amount > 2 * stored.tolerance


def test_samples_are_of_many_kinds(tiny_bundle: Bundle) -> None:
    stored = read_samples(tiny_bundle.path_of("samples/cpu.json"))
    texts = [str(sample.text) for sample in stored.samples]
    assert "" in texts
    assert any("é" in text for text in texts)
    assert any("🙂" in text for text in texts)
    assert any("猫" in text for text in texts)
    limit = tiny_bundle.manifest.tokenizer.max_length
    assert len(stored.samples[-1].input_ids) == limit
    assert len(texts[-1].split()) > limit


def test_a_quantized_variant_has_samples_and_a_tolerance_of_its_own(tiny_bundle: Bundle) -> None:
    exact, rounded = (
        read_samples(tiny_bundle.path_of(f"samples/{name}.json")) for name in ("cpu", "int8-cpu")
    )
    assert exact.tolerance < rounded.tolerance
    assert "float32" in exact.reason
    assert "another CPU" in rounded.reason
    for one, other in zip(exact.samples, rounded.samples, strict=True):
        assert one.input_ids == other.input_ids
        assert one.expected != other.expected


# What is found


@pytest.mark.parametrize(
    "path", ["onnx/model.onnx", "tokenizer.json", "samples/cpu.json", "config.json"]
)
def test_a_damaged_file_is_found_even_if_the_variant_needs_it_not(
    path: str, bundle: Bundle
) -> None:
    content = bytearray((bundle.folder / path).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle.folder / path).write_bytes(content)
    with pytest.raises(BundleIntegrityError, match=rf"{path} was changed: its sha256 starts"):
        check(bundle, "cpu")


def test_a_missing_file_is_found(bundle: Bundle) -> None:
    (bundle.folder / "samples/int8-cpu.json").unlink()
    with pytest.raises(BundleIntegrityError, match=r"int8-cpu\.json is missing"):
        check(bundle, "cpu")


@pytest.mark.parametrize("factor", [1.01, np.nan])
def test_an_engine_that_computes_something_else_is_found(factor: float, bundle: Bundle) -> None:
    change_weights(bundle.path_of("onnx/model_cpu.onnx"), lambda array: array * factor)
    changed = rehash(bundle.folder)
    report = check(changed, "cpu")
    assert not report.passed
    assert (report.worst is None) == np.isnan(factor)
    told = (
        r"'cpu': the tokens are the same, the answers are not: sample \d .* the tolerance is 0.0001"
    )
    with pytest.raises(SampleError, match=told):
        report.require()
    check(changed, "portable").require()


def test_a_tokenizer_that_differs_is_told_apart(bundle: Bundle) -> None:
    def swap(fields: Any) -> None:
        words = fields["model"]["vocab"]
        words["cat"], words["dog"] = words["dog"], words["cat"]

    edit_json(bundle.folder / "tokenizer.json", swap)
    report = check(rehash(bundle.folder), "cpu")
    assert report.worst is None
    with pytest.raises(SampleError, match=r"the tokenizer differs: sample 2 \('The cat sat"):
        report.require()


def test_an_answer_that_was_another_is_named(bundle: Bundle) -> None:
    def change(fields: Any) -> None:
        fields["samples"][4]["expected"][7] += 0.5

    edit_json(bundle.folder / "samples/cpu.json", change)
    report = check(rehash(bundle.folder), "cpu")
    assert 'sample 4 ("Zoë' in str(report.worst_at)
    with pytest.raises(SampleError, match="number 7 of the vector is"):
        report.require()


@pytest.mark.parametrize("text", ["{}", "[]", "not JSON", '{"samples": [{}]}'])
def test_samples_that_are_none_say_so(text: str, bundle: Bundle) -> None:
    (bundle.folder / "samples/cpu.json").write_text(text, encoding="utf-8")
    with pytest.raises(BundleError, match="is not a file of samples"):
        check(rehash(bundle.folder), "cpu")


def test_samples_of_another_task_say_so(bundle: Bundle) -> None:
    def change(fields: Any) -> None:
        fields["samples"][1]["expected"] = [{"x": 1.0}] * 48

    edit_json(bundle.folder / "samples/cpu.json", change)
    with pytest.raises(BundleError, match="task 'embed', and its sample 1 has no vector as"):
        check(rehash(bundle.folder), "cpu")


@pytest.mark.parametrize("emptied", [False, True])
def test_nothing_compared_is_no_proof(emptied: bool, bundle: Bundle) -> None:
    if emptied:
        edit_json(bundle.folder / "samples/cpu.json", lambda fields: fields["samples"].clear())
    else:
        (bundle.folder / "samples/cpu.json").unlink()
    report = check(rehash(bundle.folder), "cpu")
    assert (report.passed, report.samples) == (False, 0)
    with pytest.raises(SampleError, match="export the model again"):
        report.require()


def test_all_variants_are_checked_but_those_that_cannot_run(bundle: Bundle) -> None:
    def add(manifest: Manifest) -> Manifest:
        portable = manifest.variants["portable"]
        more = {
            "fp16": replace(portable, needs="cuda", verified=False),
            "future": replace(portable, min_onnxruntime="99.0.0"),
        }
        return replace(manifest, variants={**manifest.variants, **more})

    reports = {report.variant: report for report in check_all(rehash(bundle.folder, add))}
    assert [name for name, report in reports.items() if report.passed] == VARIANTS
    assert reports["fp16"].left_out == "needs provider 'cuda', not 'cpu'"
    assert "needs ONNX Runtime 99.0.0" in str(reports["future"].left_out)
    for report in reports.values():
        report.require()


# The measures


def test_a_distance_is_a_share_of_the_length() -> None:
    assert vector_deviation([3.0, 4.0], [3.0, 4.5]).amount == pytest.approx(0.1)
    assert vector_deviation([0.0, 0.0], [0.0, 0.5]).amount == 0.5
    assert vector_deviation([1.0], [1.0, 0.0]).amount == np.inf
    assert vector_deviation([1.0, 0.0], [1.0, np.nan])[:2] == (np.inf, "number 1 of the vector")


@pytest.mark.parametrize(
    ("there", "here", "amount"),
    [
        ({"a": 0.9}, {"a": 0.8}, 0.1),
        ({"a": 30.0}, {"a": 33.0}, 0.1),
        ({"a": 0.5}, {"b": 0.5}, 0.0),  # equal, so either may come first
        ({"a": 0.9}, {"b": 0.9}, 0.8),
        ({"a": 0.6, "b": 0.3}, {"a": 0.6, "c": 0.3}, 0.2),
        ({"a": 0.6}, {}, 0.6),
        ({"a": 0.6}, {"a": np.nan}, np.inf),
    ],
)
def test_scores_move_at_least_so_far(
    there: dict[str, float], here: dict[str, float], amount: float
) -> None:
    """Where only the best are named, the rest may have what is left of 1."""
    assert score_deviation([there], [here], shares=True).amount == pytest.approx(amount)


def test_scores_that_are_no_shares_leave_room_for_others() -> None:
    """Answers that several windows give add up to more than 1."""
    there, here = [{"a": 0.9, "b": 0.8}], [{"a": 0.9, "b": 0.8, "c": 0.7}]
    assert score_deviation(there, here, shares=False).amount == 0
    assert score_deviation(there, here, shares=True).amount == pytest.approx(0.7)


def test_a_place_more_or_less_is_infinitely_far() -> None:
    assert score_deviation([{"a": 1.0}], [], shares=True).amount == np.inf
    assert score_deviation([], [], shares=True).amount == 0


# The command


def test_the_command_prints_a_line_for_each_variant(tiny_bundle: Bundle) -> None:
    done = run(tiny_bundle.folder, "--variant", "all")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["variant"] for line in lines] == VARIANTS
    assert all(line["passed"] for line in lines)
    assert lines[0].keys() == {*vars(CheckReport(variant="", machine={}, files=0)), "passed"}


def test_the_command_ends_with_1_where_an_answer_is_off(bundle: Bundle) -> None:
    change_weights(bundle.path_of("onnx/model_cpu.onnx"), lambda array: array * 1.01)
    done = run(rehash(bundle.folder).folder, "--variant", "all")
    assert done.returncode == 1
    passed = [json.loads(line)["passed"] for line in done.stdout.splitlines()]
    assert passed == [True, False, True, True]
    assert "variant 'cpu': the tokens are the same, the answers are not" in done.stderr


def test_hashes_alone_are_no_proof_unless_asked_for(bundle: Bundle) -> None:
    (bundle.folder / "samples/cpu.json").unlink()
    files = check_files(rehash(bundle.folder))
    done = run(bundle.folder, "--variant", "cpu")
    assert done.returncode == 1
    assert "its files are intact, but it has no stored samples, so no answers" in done.stderr
    hashed = run(bundle.folder, "--hashes-only")
    assert (hashed.returncode, json.loads(hashed.stdout)) == (0, {"files": files})


def test_the_command_ends_with_1_where_no_variant_runs(bundle: Bundle) -> None:
    def age(manifest: Manifest) -> Manifest:
        newer = {
            name: replace(variant, min_onnxruntime="99.0.0")
            for name, variant in manifest.variants.items()
        }
        return replace(manifest, variants=newer)

    done = run(rehash(bundle.folder, age).folder, "--variant", "all")
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == len(VARIANTS)
    assert "no variant runs here, so nothing was compared" in done.stderr


@pytest.mark.parametrize("option", ["--hashes-only", "--variant=all"])
def test_the_command_ends_with_1_where_a_file_is_damaged(option: str, bundle: Bundle) -> None:
    (bundle.folder / "config.json").write_text("{}", encoding="utf-8")
    done = run(bundle.folder, option)
    assert (done.returncode, done.stdout) == (1, "")
    assert "config.json has 2 bytes" in done.stderr


def test_a_mistake_ends_with_2(tiny_bundle: Bundle) -> None:
    done = run(tiny_bundle.folder, "--variant", "int1")
    assert (done.returncode, done.stdout) == (2, "")
    assert "has no variant 'int1'" in done.stderr


def test_a_device_needs_no_torch_to_prove_itself(tiny_bundle: Bundle) -> None:
    code = "from edgebert_runtime import check; check(sys.argv[1]).require()"
    done = run_fenced(code, str(tiny_bundle.folder))
    assert done.returncode == 0, done.stderr
