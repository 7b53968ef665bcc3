"""The manifest of a bundle, as typed values; `docs/bundle-format.md` is its specification."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

from edgebert_runtime.bundle import manifest_values as values
from edgebert_runtime.bundle.found_instead import describe
from edgebert_runtime.bundle.paths import check_spelling
from edgebert_runtime.errors import BundleError
from edgebert_runtime.storage.json_reader import read_json, shown
from edgebert_runtime.storage.json_values import REQUIRED, Array, Structure, Table, read_structure

MANIFEST_NAME: Final = "edgebert.json"
CARD_NAME: Final = "README.md"
SCHEMA_VERSION: Final = 1
READABLE_SCHEMAS: Final = (1,)

MAX_BYTES: Final = 4 * 2**20

NARROW: Final = "avx2"
"""The class of CPU whose integer files are exact on every CPU: their weights have 7 bits."""


@dataclass(frozen=True, kw_only=True)
class TensorInfo:
    """One graph input or output; strings in `shape` are symbolic dimensions."""

    name: str
    dtype: Annotated[str, values.DTYPE]
    shape: Annotated[tuple[str | int, ...], values.SHAPE]


@dataclass(frozen=True, kw_only=True)
class TokenizerInfo:
    """How texts become ids; `max_length` and `max_positions` are in tokens, specials included.

    `tokens` is how its tokens were checked at export: `choice`, `texts` and `witnesses`; None in
    bundles of older versions.
    """

    file: Annotated[str, values.PATH]
    max_length: Annotated[int, values.MAX_LENGTH]
    max_positions: Annotated[int, values.MAX_LENGTH]
    padding_side: Annotated[str, values.PADDING_SIDE]
    pad_id: int
    pad_token: str
    pad_type_id: int
    special_tokens: Mapping[str, str]
    tokens: Annotated[Mapping[str, Any] | None, values.TOKENS] = None


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step from `last_hidden_state` to `sentence_embedding`.

    Attributes:
        kind: `pool`, `dense`, `normalize` or `truncate`.
        modes: for `pool`, the pooled vectors to concatenate.
        file: for `dense`, the safetensors file with `linear.weight` and perhaps `linear.bias`.
        activation: for `dense`, what follows the linear map.
        dimensions: for `truncate`, how many of the first numbers of a vector are kept.
    """

    kind: Annotated[str, values.STEP]
    modes: Annotated[tuple[str, ...], values.MODES] = ()
    file: Annotated[str | None, values.PATH] = None
    activation: Annotated[str | None, values.DENSE_ACTIVATION] = None
    dimensions: Annotated[int | None, values.DIMENSIONS] = None


@dataclass(frozen=True, kw_only=True)
class EmbeddingInfo:
    """How token vectors become one vector of `dimensions` numbers.

    Without a step that pools, the graph gives one vector a text and no token vectors.

    `similarity` is what the model's author compares vectors by: `cosine`, `dot`, `euclidean` or
    `manhattan`; None where nothing says so.
    """

    dimensions: Annotated[int, values.DIMENSIONS]
    steps: tuple[Step, ...]
    prompts: Mapping[str, str] = field(default_factory=dict, metadata=REQUIRED)
    default_prompt: str | None = field(default=None, metadata=REQUIRED)
    similarity: Annotated[str | None, values.SIMILARITY] = None

    @property
    def pools(self) -> bool:
        """Whether the graph gives token vectors, from which the steps make one."""
        return any(step.kind == "pool" for step in self.steps)

    @property
    def normalized(self) -> bool:
        """Whether the last step gives vectors of length 1."""
        return bool(self.steps) and self.steps[-1].kind == "normalize"


@dataclass(frozen=True, kw_only=True)
class HeadInfo:
    """What the logits of a task other than `embed` mean.

    Attributes:
        labels: names in the order of the logits' last axis; empty where that axis is no label.
        activation: from logits to scores: `softmax`, `sigmoid` or `none`.
        aggregation: for `tag`, how tokens are put together unless the caller says otherwise; None
            is `simple`, as in bundles of older versions.
    """

    labels: tuple[str, ...]
    activation: Annotated[str, values.ACTIVATION]
    aggregation: Annotated[str | None, values.AGGREGATION] = None


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One graph of the bundle and what is known about it.

    `speed` is what quantization measured: `over_fp32` (its time over that of fp32), `rounds` and
    `cpu`; None where nothing was measured.
    """

    file: Annotated[str, values.PATH]
    files: Annotated[tuple[str, ...], values.PATHS]
    precision: str
    target: Annotated[str, values.TARGET]
    recipe: str | None
    opset: Annotated[int, values.POSITIVE]
    ir_version: Annotated[int, values.POSITIVE]
    min_onnxruntime: Annotated[str, values.VERSION]
    fusions: Mapping[str, int]
    parity: Annotated[Mapping[str, Any] | None, values.PARITY]
    quality: Annotated[Mapping[str, Any] | None, values.QUALITY]
    batch_invariant: bool
    cpu: Annotated[str | None, values.CPU] = None
    needs: Annotated[str | None, values.PROVIDER] = None
    verified: bool = True
    capturable: bool = True
    speed: Annotated[Mapping[str, Any] | None, values.SPEED] = None

    @property
    def needs_wide_sums(self) -> bool:
        """Whether its answers are wrong where a CPU adds integer products in 16 bits."""
        return self.precision == "int8" and self.cpu != NARROW

    def runs_on(self, engine: str) -> bool:
        """Whether ONNX Runtime of version `engine` is new enough for this graph."""
        return _version(engine) >= _version(self.min_onnxruntime)


@dataclass(frozen=True, kw_only=True)
class FileInfo:
    """Size in bytes and lower-case hex sha256 of one file."""

    size_bytes: Annotated[int, values.SIZE]
    sha256: Annotated[str, values.SHA256]


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Everything `edgebert.json` says."""

    task: Annotated[str, values.TASK]
    created_by: Mapping[str, str]
    source: Annotated[Mapping[str, str | None], values.SOURCE]
    architecture: Annotated[Mapping[str, int | None], values.ARCHITECTURE]
    inputs: Annotated[tuple[TensorInfo, ...], Array(Structure(TensorInfo), least=1)]
    outputs: Annotated[tuple[TensorInfo, ...], Array(Structure(TensorInfo), least=1)]
    tokenizer: TokenizerInfo
    embedding: EmbeddingInfo | None
    default_variant: str
    variants: Annotated[Mapping[str, Variant], Table(Structure(Variant), values.NAME, least=1)]
    files: Annotated[Mapping[str, FileInfo], Table(Structure(FileInfo), values.PATH)]
    head: HeadInfo | None = None
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> str:
        """The manifest as the text of `edgebert.json`."""
        fields = asdict(self)
        ordered = {"schema_version": fields.pop("schema_version"), **fields}
        if self.embedding is not None:
            ordered["embedding"]["steps"] = [_bare(step) for step in self.embedding.steps]
        for group, key in LEFT_OUT:
            if ordered[group] is not None and ordered[group][key] is None:
                del ordered[group][key]
        return json.dumps(ordered, indent=2, ensure_ascii=False) + "\n"


def read_manifest(folder: Path) -> Manifest:
    """Read and check `edgebert.json` of a bundle folder.

    Raises:
        BundleError: it is missing, is not JSON, has a schema version this build cannot read, lacks
            a key, has one whose value makes no sense, or two that contradict each other; the text
            names the file and the key, or says what is there instead of a bundle.
        UnsafePathError: it names a path outside the folder.
    """
    path = folder / MANIFEST_NAME

    def refusal(problem: str) -> BundleError:
        return BundleError(f"{path} {problem}; export the model again")

    def absent() -> BundleError:
        return BundleError(describe(folder, MANIFEST_NAME))

    fields = read_json(path, refusal, absent=absent, most_bytes=MAX_BYTES)
    if not isinstance(fields, dict):
        raise refusal(f"holds {type(fields).__name__}, expected a JSON object")
    found = fields.get("schema_version")
    if type(found) is not int or found not in READABLE_SCHEMAS:
        raise BundleError(
            f"{path} has schema version {shown(found)}, this edgebert reads "
            f"{list(READABLE_SCHEMAS)}; export the model again or install a matching "
            "edgebert-runtime"
        )
    manifest = read_structure(Manifest, fields, refusal)
    for name in manifest.files:
        check_spelling(folder, name)
    for problem in _contradictions(manifest):
        raise refusal(problem)
    return manifest


def hash_file(path: Path) -> FileInfo:
    """Size and sha256 of a file, read in blocks."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return FileInfo(size_bytes=file.tell(), sha256=digest.hexdigest())


LEFT_OUT: Final = (
    ("embedding", "similarity"),
    ("head", "aggregation"),
    ("tokenizer", "tokens"),
)
"""Keys that are not written where nothing is known; bundles of older versions lack them."""

STEP_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "pool": ("modes",),
    "dense": ("file", "activation"),
    "normalize": (),
    "truncate": ("dimensions",),
}
"""Kind of a step → the keys it has."""


def _version(text: str) -> tuple[int, ...]:
    """The first two numbers of a version, which are what ONNX Runtime's features go by."""
    return tuple(int(part) for part in text.split(".")[:2])


def _bare(step: Step) -> dict[str, Any]:
    """A step with only the keys its kind has."""
    return {key: value for key, value in asdict(step).items() if value not in (None, ())}


def _contradictions(manifest: Manifest) -> Iterator[str]:
    """What is wrong between keys that each make sense alone."""
    yield from _names(manifest)
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
    if manifest.embedding is not None:
        yield from _embedding(manifest, manifest.embedding)


def _names(manifest: Manifest) -> Iterator[str]:
    """Names of variants and files that are not there."""
    precisions = {variant.precision for variant in manifest.variants.values()}
    if manifest.default_variant not in precisions | manifest.variants.keys():
        yield f"default_variant is {manifest.default_variant!r}, which it does not hold"
    steps = manifest.embedding.steps if manifest.embedding else ()
    needed = {f"embedding.steps[{at}]": {step.file} for at, step in enumerate(steps) if step.file}
    needed["tokenizer"] = {manifest.tokenizer.file}
    for name, variant in manifest.variants.items():
        needed[f"variant {name!r}"] = {variant.file, *variant.files}
    for user, files in needed.items():
        unlisted = sorted(files - manifest.files.keys())
        if unlisted:
            yield f"{user} needs {', '.join(unlisted)}, not among 'files'"
    for name, variant in manifest.variants.items():
        if variant.file != variant.files[0]:
            yield f"variant {name!r} has files[0] = {variant.files[0]!r}, expected {variant.file!r}"


def _embedding(manifest: Manifest, embedding: EmbeddingInfo) -> Iterator[str]:
    """Steps and sizes of vectors that do not fit."""
    widths = {output.name: output.shape[-1] for output in manifest.outputs if output.shape}
    width = widths.get("last_hidden_state", manifest.architecture["hidden"])
    for at, step in enumerate(embedding.steps):
        place = f"embedding.steps[{at}]"
        lacking = [key for key in STEP_NEEDS[step.kind] if not getattr(step, key)]
        if lacking:
            yield f"{place} is {step.kind!r} and lacks {', '.join(lacking)}"
        if step.kind == "pool" and at > 0:
            yield f"{place} is 'pool', which only the first step can be"
        if step.kind == "pool" and isinstance(width, int):
            width *= len(step.modes)
        if step.kind in ("dense", "truncate"):
            width = step.dimensions
    for found in (widths.get("sentence_embedding"), width if embedding.steps else None):
        if isinstance(found, int) and found != embedding.dimensions:
            yield (
                f"embedding.dimensions is {embedding.dimensions}, expected {found} as the graph "
                "and the steps give"
            )
    if embedding.default_prompt not in (None, *embedding.prompts):
        yield f"embedding.default_prompt is {embedding.default_prompt!r}, not among its prompts"
