"""What differs on arm64, on a CPU with instructions for dot products and on one without.

Run by .ci/arm64, where the variable QEMU_CPU names the CPU.
"""

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from edgebert_runtime import Bundle, check, load, warm
from edgebert_runtime.engine.cpu import cpu_fields, cpu_name, instruction_sets, sums_saturate
from edgebert_runtime.verification.self_test import check_all

BUNDLES: Final = Path(os.environ.get("EDGEBERT_DEVICE_BUNDLES", ""))

pytestmark = [
    pytest.mark.device,
    pytest.mark.skipif(Path() == BUNDLES, reason="runs in .ci/arm64, which makes its bundles"),
]

DOT_PRODUCTS: Final = "asimddp"
"""What Linux calls them, https://docs.kernel.org/arch/arm64/elf_hwcaps.html"""

WITHOUT: Final = "cortex-a53"
"""The CPU of a Raspberry Pi 3, which has none."""

TEXTS: Final = ["the small cat sat on the mat .", "a dog", "", "it ran far over the red dogs " * 3]


def test_this_is_the_processor_that_was_asked_for() -> None:
    assert platform.machine() == "aarch64"
    assert cpu_name().endswith(", aarch64")
    has = DOT_PRODUCTS in cpu_fields()["Features"].split()
    assert has is (os.environ["QEMU_CPU"] != WITHOUT)


def test_sums_are_exact_with_and_without_dot_products() -> None:
    assert not sums_saturate()
    assert instruction_sets() == {"neon"}


@pytest.mark.parametrize("name", ["every", "narrow"])
def test_every_variant_answers_what_it_did_on_x86(name: str) -> None:
    variants = Bundle.open(BUNDLES / name).manifest.variants
    reports = {report.variant: report for report in check_all(BUNDLES / name)}
    assert reports.keys() == variants.keys()
    for report in reports.values():
        print(f"{name}, {report.variant}: {report.worst} of {report.tolerance}")
        report.require()
        assert report.passed, report.left_out


@pytest.mark.parametrize("name", ["tiny", "narrow"])
def test_int8_for_either_class_of_cpu_is_what_runs(name: str) -> None:
    model = load(BUNDLES / name, "int8")
    assert model.info().variant == "int8-cpu"
    fp32 = load(BUNDLES / name, "fp32").embed(TEXTS)
    assert (model.embed(TEXTS) * fp32).sum(axis=1).min() > 0.98


def test_real_weights_in_int8_answer_what_they_did_on_x86() -> None:
    report = check(BUNDLES / "minilm", "int8-cpu")
    print(f"minilm, int8-cpu: {report.worst} of {report.tolerance}")
    report.require()


def test_a_graph_kept_for_this_cpu_answers_alike(tmp_path: Path) -> None:
    before = load(BUNDLES / "tiny", "int8", cache_dir=tmp_path).embed(TEXTS)
    assert warm(BUNDLES / "tiny", "int8", cache_dir=tmp_path, tune=False) is not None
    after = load(BUNDLES / "tiny", "int8", cache_dir=tmp_path)
    assert after.info().warm
    np.testing.assert_allclose(after.embed(TEXTS), before, atol=1e-6)


def test_the_command_embeds(tmp_path: Path) -> None:
    out = tmp_path / "vectors.npy"
    command = [sys.executable, "-m", "edgebert_runtime", "embed", str(BUNDLES / "tiny"), *TEXTS]
    done = subprocess.run([*command, "--output", str(out)], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    np.testing.assert_allclose(np.load(out), load(BUNDLES / "tiny").embed(TEXTS), atol=1e-6)
