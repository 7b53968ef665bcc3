"""What is wrong between the keys of a manifest, each of which makes sense alone."""

from collections.abc import Iterable, Iterator
from typing import Final
from unicodedata import normalize

from edgebert_runtime.bundle.manifest_records import (
    EmbeddingInfo,
    Library,
    Manifest,
    TaskInfo,
    TensorInfo,
    Variant,
)
from edgebert_runtime.bundle.manifest_values import NATIVE, STEP_NEEDS, STOCK
from edgebert_runtime.storage.json_reader import printable

WAYS: Final = {None: (STOCK,), True: (NATIVE,), False: (STOCK, NATIVE)}
"""Whether a variant's library is required, None without one → the ways that the variant has."""


def contradictions(manifest: Manifest) -> Iterator[str]:
    """Each problem, in words that follow the name of the file."""
    yield from _names(manifest)
    yield from _alike(manifest)
    yield from _unlisted(manifest)
    yield from _tokenizer(manifest)
    for name, task in manifest.tasks.items():
        if task.embedding is not None:
            width = manifest.architecture["hidden"]
            yield from _embedding(f"tasks.{name}", task, task.embedding, width)
    for name, variant in manifest.variants.items():
        yield from _variant(f"variant {name!r}", manifest, variant)


def _names(manifest: Manifest) -> Iterator[str]:
    """Names of tasks and variants that are not there."""
    precisions = {variant.precision for variant in manifest.variants.values()}
    default = manifest.default_variant
    if default not in precisions and not manifest.named(default):
        yield f"default_variant is {manifest.default_variant!r}, which it does not hold"
    if manifest.default_task not in manifest.tasks:
        yield f"default_task is {manifest.default_task!r}, expected one of {_list(manifest.tasks)}"
    answered = {task for variant in manifest.variants.values() for task in variant.tasks}
    for task in manifest.tasks:
        if task not in answered:
            yield f"tasks has {task!r}, which no variant answers"
    for at, step in enumerate(manifest.provenance):
        if step.variant not in (None, *manifest.variants):
            yield f"provenance[{at}].variant is {step.variant!r}, which it does not hold"


def _alike(manifest: Manifest) -> Iterator[str]:
    """Files that are one on Windows and macOS, which tell neither case nor Unicode forms apart."""
    spelled: dict[str, str] = {}
    for path in manifest.files:
        first = spelled.setdefault(normalize("NFC", path).casefold(), path)
        if first != path:
            yield f"files has {first!r} and {path!r}, expected names that differ in more than case"


def _unlisted(manifest: Manifest) -> Iterator[str]:
    """Files that something needs and that are not among `files`."""
    needed = {"tokenizer": {manifest.tokenizer.file}}
    for name, task in manifest.tasks.items():
        for at, step in enumerate(task.embedding.steps if task.embedding else ()):
            if step.file:
                needed[f"tasks.{name}.embedding.steps[{at}]"] = {step.file}
    for name, variant in manifest.variants.items():
        samples = {path for way in variant.ways.values() for path in way.samples.values()}
        needed[f"variant {name!r}"] = {variant.file, *variant.files, *samples}
    for user, files in needed.items():
        unlisted = sorted(files - manifest.files.keys())
        if unlisted:
            yield f"{user} needs {', '.join(map(printable, unlisted))}, not among 'files'"


def _tokenizer(manifest: Manifest) -> Iterator[str]:
    tokenizer, vocabulary = manifest.tokenizer, manifest.architecture["vocabulary"]
    if tokenizer.max_length > tokenizer.max_positions:
        yield (
            f"tokenizer.max_length is {tokenizer.max_length}, expected at most "
            f"tokenizer.max_positions, {tokenizer.max_positions}"
        )
    if vocabulary and tokenizer.pad_id >= vocabulary:
        yield (
            f"tokenizer.pad_id is {tokenizer.pad_id}, expected less than architecture.vocabulary, "
            f"{vocabulary}"
        )
    types = manifest.architecture["token_types"]
    if types and tokenizer.pad_type_id >= types:
        yield (
            f"tokenizer.pad_type_id is {tokenizer.pad_type_id}, expected less than "
            f"architecture.token_types, {types}"
        )


def _variant(named: str, manifest: Manifest, variant: Variant) -> Iterator[str]:
    """What one variant says against itself, or against the rest."""
    if variant.file != variant.files[0]:
        yield f"{named} has files[0] = {variant.files[0]!r}, expected {variant.file!r}"
    foreign = [task for task in variant.tasks if task not in manifest.tasks]
    if foreign:
        yield f"{named} answers {_list(foreign)}, expected only {_list(manifest.tasks)}, of tasks"
        return
    yield from _outputs(named, [manifest.tasks[task] for task in variant.tasks])
    yield from _external(named, manifest, variant)
    yield from _ways(named, variant, variant.library)


def _outputs(named: str, tasks: list[TaskInfo]) -> Iterator[str]:
    """Outputs of one graph that two tasks describe differently."""
    found: dict[str, TensorInfo] = {}
    for output in (each for task in tasks for each in task.outputs):
        if found.setdefault(output.name, output) != output:
            yield (
                f"{named} answers two tasks whose output {output.name!r} differs, expected one "
                "shape and dtype; give each task a variant of its own"
            )


def _external(named: str, manifest: Manifest, variant: Variant) -> Iterator[str]:
    """Ranges of files that the variant does not name, or that end behind the file."""
    for at, each in enumerate(variant.external):
        place, end = f"{named} has external[{at}]", each.offset + each.length
        if each.file not in variant.files[1:]:
            yield f"{place} in {each.file}, expected one of its files behind the graph"
        elif each.file in manifest.files and end > manifest.files[each.file].size_bytes:
            size = manifest.files[each.file].size_bytes
            yield f"{place} to byte {end} of {each.file}, which has {size}"


def _ways(named: str, variant: Variant, library: Library | None) -> Iterator[str]:
    """Ways that do not go with the library, and samples of tasks that it does not answer."""
    expected = WAYS[library.required if library else None]
    if variant.ways.keys() != set(expected):
        what = "no library"
        if library is not None:
            what = f"{'a required' if library.required else 'an optional'} library"
        yield f"{named} has {what} and ways {_list(variant.ways)}, expected {_list(expected)}"
    for name, way in variant.ways.items():
        foreign = sorted(way.samples.keys() - set(variant.tasks))
        if foreign:
            yield f"{named} has samples of {_list(foreign)} in way {name!r}, which it cannot answer"


def _embedding(
    place: str, task: TaskInfo, embedding: EmbeddingInfo, hidden: int | None
) -> Iterator[str]:
    """Steps and sizes of vectors that do not fit."""
    widths = {output.name: output.shape[-1] for output in task.outputs if output.shape}
    width = widths.get("last_hidden_state", hidden)
    for at, step in enumerate(embedding.steps):
        where = f"{place}.embedding.steps[{at}]"
        lacking = [key for key in STEP_NEEDS[step.kind] if not getattr(step, key)]
        if lacking:
            yield f"{where} is {step.kind!r} and lacks {', '.join(lacking)}"
        if step.kind == "pool" and at > 0:
            yield f"{where} is 'pool', which only the first step can be"
        if step.kind == "pool" and isinstance(width, int):
            width *= len(step.modes)
        if step.kind in ("dense", "truncate"):
            width = step.dimensions
    for found in (widths.get("sentence_embedding"), width if embedding.steps else None):
        if isinstance(found, int) and found != embedding.dimensions:
            yield (
                f"{place}.embedding.dimensions is {embedding.dimensions}, expected {found} as the "
                "graph and the steps give"
            )
    if embedding.default_prompt not in (None, *embedding.prompts):
        yield (
            f"{place}.embedding.default_prompt is {embedding.default_prompt!r}, not among its "
            "prompts"
        )


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
