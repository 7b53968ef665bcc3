"""Writers of bundles that die, hold on or run out of disk; child processes of `test_staging`.

    crashing.py sweep OPERATION SIGNAL FOLDER    die at step 0, 1, … each in FOLDER/<step>/
    crashing.py add FOLDER NAME                  add one variant
    crashing.py pause OPERATION FOLDER           stop inside the block until standard input ends
    crashing.py fill OPERATION FOLDER            write more than the disk takes

A step is whatever Python tells its audit hooks before doing it: open, mkdir, rename, remove, …
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from edgebert_runtime.bundle.manifest import Manifest, hash_file, read_manifest
from edgebert_runtime.bundle.staging import (
    add_to_bundle,
    change_manifest,
    new_bundle,
    replace_in_bundle,
    staging_area,
    upgrade_manifest,
)
from edgebert_runtime.bundle.variants import with_samples, without_variant
from edgebert_runtime.errors import EdgebertError
from edgebert_runtime.storage import new_folder
from tests.support.format_1 import write_format_1
from tests.support.tiny_manifest import write_bundle

NAME: Final = "bundle"
OLD: Final = b"old graph"
NEW: Final = b"new graph"
SAMPLES: Final = b"what it answers"
BIG: Final = 2**20


def add(folder: Path, name: str = "added", pause: Callable[[Path], None] = lambda _: None) -> None:
    with staging_area(folder) as area:
        manifest = read_manifest(folder)
        (area / "graph").write_bytes(NEW)
        (area / "samples").write_bytes(SAMPLES)
        pause(area)
        path = f"onnx/model_{name}.onnx"
        names = {path: "graph", f"samples/{name}.json": "samples"}
        variant = with_samples(
            replace(manifest.variants["portable"], file=path, files=(path,)),
            {manifest.default_task: f"samples/{name}.json"},
        )
        extended = replace(
            manifest,
            files={**manifest.files, **{at: hash_file(area / names[at]) for at in names}},
            variants={**manifest.variants, name: variant},
        )
        add_to_bundle(folder, area, names, extended)


def write(folder: Path, *, pause: Callable[[Path], None] = lambda _: None) -> None:
    with new_bundle(folder, overwrite=True) as area:
        write_bundle(area, NEW)
        pause(area)


def write_without_exchange(folder: Path, *, pause: Callable[[Path], None] = lambda _: None) -> None:
    vars(new_folder)["swap"] = lambda *_: False  # what it answers where renameat2(2) is missing
    write(folder, pause=pause)


def remake(folder: Path, *, pause: Callable[[Path], None] = lambda _: None) -> None:
    with staging_area(folder) as area:
        (area / "graph").write_bytes(NEW)
        pause(area)
        path, manifest = "onnx/model.onnx", read_manifest(folder)
        files = {**manifest.files, path: hash_file(area / "graph")}
        replace_in_bundle(folder, area, {path: "graph"}, replace(manifest, files=files))


def remake_without_exchange(
    folder: Path, *, pause: Callable[[Path], None] = lambda _: None
) -> None:
    vars(new_folder)["swap"] = lambda *_: False
    remake(folder, pause=pause)


def remove(folder: Path, *, pause: Callable[[Path], None] = lambda _: None) -> None:
    def changed(manifest: Manifest) -> Manifest:
        pause(next(folder.glob(f".{folder.name}.staging-*")))
        return without_variant(manifest, "added")

    change_manifest(folder, changed)


def upgrade(folder: Path) -> None:
    upgrade_manifest(folder)


def add_named(folder: Path, *, pause: Callable[[Path], None] = lambda _: None) -> None:
    add(folder, pause=pause)


OPERATIONS: Final = {
    "new": write,
    "overwrite": write,
    "overwrite-in-two-renames": write_without_exchange,
    "add": add_named,
    "remake": remake,
    "remake-in-two-renames": remake_without_exchange,
    "remove": remove,
}
SWEPT: Final = {**OPERATIONS, "upgrade": upgrade}
"""An upgrade has no place where a test could hold it."""


def prepare(operation: str, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    if operation != "new":
        folder.mkdir()
        write_bundle(folder, OLD)
    if operation == "remove":
        add(folder)
    if operation == "upgrade":
        write_format_1(folder)


def sweep(operation: str, number: int, folder: Path) -> None:
    """Print how many steps the operation has."""
    step = 0
    while True:
        bundle = folder / str(step) / NAME
        prepare(operation, bundle)
        if survives(lambda at=bundle: SWEPT[operation](at), number, step):
            break
        step += 1
    _say(step)


def survives(write: Callable[[], None], number: int, step: int) -> bool:
    """Whether a child process gets to the end of a writing; it gets a signal at a step."""
    child = os.fork()
    if child == 0:
        _die_at(step, number)
        try:
            write()
        except KeyboardInterrupt:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _die_at(step: int, number: int) -> None:
    steps = iter(range(sys.maxsize))

    def hook(event: str, _: object) -> None:
        if event != "os.kill" and next(steps) == step:
            os.kill(os.getpid(), number)

    sys.addaudithook(hook)


def pause(operation: str, folder: Path) -> None:
    def wait(_: Path) -> None:
        _say("inside")
        sys.stdin.read()

    OPERATIONS[operation](folder, pause=wait)


def fill(operation: str, folder: Path) -> None:
    """Print the error and the names that are left."""

    def write_too_much(area: Path) -> None:
        (area / "big").write_bytes(bytes(BIG))

    prepare(operation, folder)
    before = _contents(folder.parent)
    try:
        OPERATIONS[operation](folder, pause=write_too_much)
    except EdgebertError as error:
        changed = _contents(folder.parent) != before
        _say({"error": f"{type(error).__name__}: {error}", "changed": changed})


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _say(what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main(command: str, *arguments: str) -> None:
    # A shell starts background jobs with ctrl-C ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if command == "sweep":
        sweep(arguments[0], int(arguments[1]), Path(arguments[2]))
    elif command == "add":
        add(Path(arguments[0]), arguments[1])
    elif command == "pause":
        pause(arguments[0], Path(arguments[1]))
    else:
        fill(arguments[0], Path(arguments[1]))


if __name__ == "__main__":
    main(*sys.argv[1:])
