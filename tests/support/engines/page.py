"""The generated parts of docs/concepts/engines.md: what a bundle's variants need, and wheels.

Usage: python -m tests.support.engines.page [--check] BUNDLE
"""

import argparse
import difflib
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

from edgebert_runtime import Bundle
from tests.support.engines.check_bundle import numbers

PAGE: Final = Path("docs/concepts/engines.md")
VARIANTS: Final = "variants"
WHEELS: Final = "wheels"

PACKAGES: Final = ("numpy", "tokenizers", "onnxruntime")
"""What the runtime needs on a device."""

PYTHON: Final = "3.12"
PLATFORMS: Final = {
    "Linux x86-64 (glibc)": [
        "manylinux_2_28_x86_64",
        "manylinux_2_27_x86_64",
        "manylinux2014_x86_64",
    ],
    "Linux aarch64 (glibc)": [
        "manylinux_2_28_aarch64",
        "manylinux_2_27_aarch64",
        "manylinux2014_aarch64",
    ],
    "Linux x86-64 (musl)": ["musllinux_1_2_x86_64", "musllinux_1_1_x86_64"],
    "Linux aarch64 (musl)": ["musllinux_1_2_aarch64", "musllinux_1_1_aarch64"],
    "macOS 15, arm64": ["macosx_14_0_arm64", "macosx_13_0_arm64", "macosx_11_0_arm64"],
    "macOS 15, x86-64": ["macosx_14_0_x86_64", "macosx_13_0_x86_64", "macosx_10_12_x86_64"],
    "Windows x64": ["win_amd64"],
    "Windows arm64": ["win_arm64"],
}
"""Platform → the tags of wheels that pip takes there, newest first."""


def variants_table(folder: str) -> str:
    """What each variant of a bundle needs."""
    rows = [
        (
            f"`{name}`",
            f"`{each.file}`",
            str(each.opset),
            str(each.ir_version),
            each.min_onnxruntime,
        )
        for name, each in Bundle.open(folder).manifest.variants.items()
    ]
    return table(("variant", "file", "opset", "IR version", "least ONNX Runtime"), rows)


def wheels_table() -> str:
    """Whether each package has a wheel for each platform: of its newest version, or an older."""
    with ThreadPoolExecutor(4) as pool:
        found = {
            platform: [pool.submit(partial(newest, package, tags)) for package in PACKAGES]
            for platform, tags in PLATFORMS.items()
        }
        versions = {name: [each.result() for each in cells] for name, cells in found.items()}
    latest = [
        max(filter(None, column), key=numbers) for column in zip(*versions.values(), strict=True)
    ]
    rows = [
        (name, *(said(one, last) for one, last in zip(row, latest, strict=True)))
        for name, row in versions.items()
    ]
    return table(("platform", *PACKAGES), rows)


def said(version: str | None, latest: str) -> str:
    """What a cell says: it stays the same when all platforms get a newer version."""
    if version is None:
        return "none"
    return "yes" if version == latest else f"up to {version}"


def newest(package: str, tags: list[str]) -> str | None:
    """The version of the newest wheel that pip takes on a platform, without fetching it."""
    with tempfile.TemporaryDirectory() as target:
        command = [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"),
            *("--no-deps", "--report", "-", "--target", target, "--python-version", PYTHON),
            *(f"--platform={tag}" for tag in tags),
            *("--only-binary", ":all:", package),
        ]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode == 0:
        return str(json.loads(done.stdout)["install"][0]["metadata"]["version"])
    if "No matching distribution" not in done.stderr:
        raise RuntimeError(done.stderr)
    return None


def table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    lines = [header, ("---",) * len(header), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def with_part(page: str, name: str, content: str) -> str:
    """A page with what stands between the marks of a part replaced.

    Raises:
        ValueError: it lacks the marks.
    """
    begin, end = (
        f"<!-- {name}: python -m tests.support.engines.page BUNDLE -->\n",
        f"<!-- end {name} -->",
    )
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{PAGE} lacks the marks of {name}")
    return f"{before}{begin}{content}{end}{after}"


def main() -> None:
    """Write the page, or say what it says otherwise."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.engines.page")
    parser.add_argument("bundle", help="of tests.support.engines.write_bundle")
    parser.add_argument("--check", action="store_true", help="change nothing, and fail instead")
    arguments = parser.parse_args()
    before = PAGE.read_text(encoding="utf-8")
    after = with_part(before, VARIANTS, variants_table(arguments.bundle))
    after = with_part(after, WHEELS, wheels_table())
    if not arguments.check:
        PAGE.write_text(after, encoding="utf-8")
    elif after != before:
        changed = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
        sys.exit("\n".join([f"{PAGE} says otherwise; write it again:", *changed]))


if __name__ == "__main__":
    main()
