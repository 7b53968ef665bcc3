"""A bundle as a page: a static folder that runs the model in the visitor's browser.

The page's scripts and the engine are in `edgebert/page_app`, made by `.ci/page-app` from
`runtime/web`; wheels have them. So who writes a page needs neither Node nor a network
(`docs/decisions/0038-page.md`).
"""

import json
import shutil
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Final

from edgebert.workflow.app_files import (
    check_files,
    check_free,
    files_of,
    never,
    portable_variants,
)
from edgebert.workflow.page_document import PageText, index_html, notes, stylesheet
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import MANIFEST_NAME, Manifest
from edgebert_runtime.errors import BundleExistsError, ConfigError, ExportError
from edgebert_runtime.loading.choice import AUTO, Situation, choose
from edgebert_runtime.progress import ProgressOption, steps
from edgebert_runtime.storage.new_folder import new_folder
from edgebert_runtime.storage.text_file import write_text
from edgebert_runtime.tasks.registry import BUILT_IN

APP: Final = Path(__file__).resolve().parents[1] / "page_app"
"""Scripts, style and engine of the page."""

VERSIONS: Final = "versions.json"
"""In `APP`: package of npm → its version."""

MODEL: Final = "model"
ENGINE: Final = "onnxruntime-web"
WASM: Final = frozenset({"simd128"})
"""Instruction sets of every browser that the page runs in."""


def page(
    bundle: Bundle | str | PathLike[str],
    out: str | PathLike[str],
    *,
    variant: str = AUTO,
    task: str | None = None,
    title: str | None = None,
    overwrite: bool = False,
    progress: ProgressOption = None,
) -> Path:
    """Write a static folder whose `index.html` runs a bundle in the visitor's browser.

    The folder has everything: scripts, engine, graph, tokenizer and samples. Its paths are
    relative, so any server of files can have it under any address, and no request leaves it.

    Args:
        bundle: the bundle or its folder.
        out: folder to write; absent, or with `overwrite` one that this function wrote.
        variant: name or precision of a portable variant; `auto` takes the bundle's default
            precision.
        task: what the page does; None is the bundle's default task.
        title: heading of the page; None is the name of what the bundle was exported from.
        overwrite: replace what this function wrote before.
        progress: who sees the steps. None: lines on standard error if it is a terminal. True:
            elsewhere, too. False: nobody. A function is called with each line.

    Returns:
        The folder.

    Raises:
        BundleError: the bundle cannot be read, or a file is not what its manifest says.
        BundleExistsError: `out` holds something else.
        ConfigError: the bundle has no such task, or no such variant runs in a browser.
        ExportError: this installation lacks the page's scripts, or nothing can be written.
    """
    opened = Bundle.open(bundle)
    engine = _engine_version()
    chosen = _chosen(opened, variant, task or opened.manifest.default_task, engine)
    part = _manifest_of(opened, chosen, task)
    folder = Path(out).resolve()
    check_free(folder, "page", is_ours=_is_ours, overwrite=overwrite)
    replaces = _is_ours if overwrite else never
    with (
        steps(progress) as tell,
        new_folder(folder, replaces=replaces, refusal=BundleExistsError) as staging,
    ):
        tell(f"copying {chosen}")
        check_files(opened, {*part.files}, [*part.variants.values()])
        _copy_model(opened, part, staging / MODEL)
        tell("writing the page")
        _write_page(part, title or part.source["name"] or "A model", staging)
    return folder


def _engine_version() -> str:
    """Of the engine in the page.

    Raises:
        ExportError: there is none in this installation.
    """
    try:
        versions = json.loads((APP / VERSIONS).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ExportError(
            f"{APP} is missing, which has the scripts of the page; install edgebert from a wheel, "
            "or run `make page-app` in the checkout, which needs Node 20 and npm"
        ) from error
    version: str = versions[ENGINE]
    return version


def _chosen(bundle: Bundle, asked: str, task: str, engine: str) -> str:
    """The name of the variant that the page runs.

    Raises:
        ConfigError: the bundle or the page has no such task, or no variant that is meant runs in a
            browser.
    """
    manifest = bundle.manifest
    if task not in manifest.tasks:
        raise ConfigError(
            f"{bundle.folder} has no task {task!r}; it has {', '.join(manifest.tasks)}"
        )
    if task not in BUILT_IN:
        raise ConfigError(f"a page has no form for task {task!r}; it has {', '.join(BUILT_IN)}")
    able = portable_variants(bundle, [] if asked == AUTO else [asked], "a page")
    here = Situation(task=task, asked=asked, engine=engine, instruction_sets=WASM)
    meant = [each for each in choose(manifest, here) if each.name in able]
    for each in meant:
        if each.obstacle is None:
            return each.name
    reasons = "; ".join(
        f"{each.name} {each.obstacle.reason}" for each in meant if each.obstacle is not None
    )
    raise ConfigError(
        f"{bundle.folder} has no variant that a page can run for task {task!r}: {reasons}; "
        "name another variant, or export it again"
    )


def _manifest_of(bundle: Bundle, variant: str, task: str | None) -> Manifest:
    """The manifest of a bundle that has this variant alone."""
    manifest = bundle.manifest
    found = manifest.variants[variant]
    tasks = {name: each for name, each in manifest.tasks.items() if name in found.tasks}
    embeddings = [each.embedding for each in tasks.values() if each.embedding is not None]
    dense = {step.file for each in embeddings for step in each.steps if step.file is not None}
    paths = files_of(bundle, [found]) | dense
    default = task or manifest.default_task
    return replace(
        manifest,
        tasks=tasks,
        default_task=default,
        variants={variant: found},
        default_variant=variant,
        provenance=tuple(each for each in manifest.provenance if each.variant in (None, variant)),
        files={path: each for path, each in manifest.files.items() if path in paths},
    )


def _copy_model(bundle: Bundle, part: Manifest, to: Path) -> None:
    for path in part.files:
        (to / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(bundle.path_of(path), to / path)
    write_text(to / MANIFEST_NAME, part.to_json())


def _write_page(part: Manifest, title: str, folder: Path) -> None:
    """The scripts, and the three files that are made for this bundle."""
    shutil.copytree(APP, folder, dirs_exist_ok=True)
    style = folder / "page.css"
    write_text(style, stylesheet() + style.read_text(encoding="utf-8"))
    text = PageText(title=title, model=f"{MODEL}/", manifest=part)
    write_text(folder / "index.html", index_html(text))
    write_text(folder / "README.md", notes(text))


def _is_ours(folder: Path) -> bool:
    return (folder / "page.js").is_file() and (folder / MODEL / MANIFEST_NAME).is_file()
