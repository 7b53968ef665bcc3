"""The manifest of a bundle, as typed values; `docs/bundle-format.md` is its specification."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

from edgebert_runtime.bundle.found_instead import describe
from edgebert_runtime.errors import BundleError

MANIFEST_NAME: Final = "edgebert.json"
CARD_NAME: Final = "README.md"
SCHEMA_VERSION: Final = 1
READABLE_SCHEMAS: Final = (1,)

NARROW: Final = "avx2"
"""The class of CPU whose integer files are exact on every CPU: their weights have 7 bits."""

Parsed = TypeVar("Parsed")


@dataclass(frozen=True, kw_only=True)
class TensorInfo:
    """One graph input or output; strings in `shape` are symbolic dimensions."""

    name: str
    dtype: str
    shape: tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class TokenizerInfo:
    """How texts become ids; `max_length` and `max_positions` are in tokens, specials included."""

    file: str
    max_length: int
    max_positions: int
    padding_side: str
    pad_id: int
    pad_token: str
    pad_type_id: int
    special_tokens: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step from `last_hidden_state` to `sentence_embedding`.

    Attributes:
        kind: `pool`, `dense` or `normalize`.
        modes: for `pool`, the pooled vectors to concatenate.
        file: for `dense`, the safetensors file with `linear.weight` and perhaps `linear.bias`.
        activation: for `dense`, what follows the linear map.
    """

    kind: str
    modes: tuple[str, ...] = ()
    file: str | None = None
    activation: str | None = None


@dataclass(frozen=True, kw_only=True)
class EmbeddingInfo:
    """How token vectors become one vector of `dimensions` numbers.

    Without a step that pools, the graph gives one vector a text and no token vectors.
    """

    dimensions: int
    steps: tuple[Step, ...]
    prompts: Mapping[str, str] = field(default_factory=dict)
    default_prompt: str | None = None

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
    activation: str
    aggregation: str | None = None


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One graph of the bundle and what is known about it.

    `speed` is what quantization measured: `over_fp32` (its time over that of fp32), `rounds` and
    `cpu`; None where nothing was measured.
    """

    file: str
    files: tuple[str, ...]
    precision: str
    target: str
    recipe: str | None
    opset: int
    ir_version: int
    min_onnxruntime: str
    fusions: Mapping[str, int]
    parity: Mapping[str, Any] | None
    quality: Mapping[str, Any] | None
    batch_invariant: bool
    cpu: str | None = None
    needs: str | None = None
    verified: bool = True
    capturable: bool = True
    speed: Mapping[str, Any] | None = None

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

    size_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Everything `edgebert.json` says."""

    task: str
    created_by: Mapping[str, str]
    source: Mapping[str, str | None]
    architecture: Mapping[str, int | None]
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    tokenizer: TokenizerInfo
    embedding: EmbeddingInfo | None
    default_variant: str
    variants: Mapping[str, Variant]
    files: Mapping[str, FileInfo]
    head: HeadInfo | None = None
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> str:
        """The manifest as the text of `edgebert.json`."""
        fields = asdict(self)
        ordered = {"schema_version": fields.pop("schema_version"), **fields}
        if self.embedding is not None:
            ordered["embedding"]["steps"] = [_bare(step) for step in self.embedding.steps]
        if self.head is not None and self.head.aggregation is None:
            del ordered["head"]["aggregation"]
        return json.dumps(ordered, indent=2, ensure_ascii=False) + "\n"


def read_manifest(folder: Path) -> Manifest:
    """Read and check `edgebert.json` of a bundle folder.

    Raises:
        BundleError: it is missing, is not JSON, has a schema version this build cannot read, or
            lacks a key or has one of the wrong type; the text names the file and the key, or says
            what is there instead of a bundle.
    """
    path = folder / MANIFEST_NAME
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BundleError(describe(folder, MANIFEST_NAME)) from error
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BundleError(f"{path} is not valid JSON ({error}); export the model again") from error
    if not isinstance(fields, dict):
        raise BundleError(f"{path} holds {type(fields).__name__}, expected a JSON object")
    found = fields.get("schema_version")
    if found not in READABLE_SCHEMAS:
        raise BundleError(
            f"{path} has schema version {found!r}, this edgebert reads {list(READABLE_SCHEMAS)}; "
            "export the model again or install a matching edgebert-runtime"
        )
    return _Reader(path).manifest(fields)


def hash_file(path: Path) -> FileInfo:
    """Size and sha256 of a file, read in blocks."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return FileInfo(size_bytes=file.tell(), sha256=digest.hexdigest())


def _version(text: str) -> tuple[int, ...]:
    """The first two numbers of a version, which are what ONNX Runtime's features go by."""
    return tuple(int(part) for part in text.split(".")[:2])


def _bare(step: Step) -> dict[str, Any]:
    """A step with only the keys its kind has."""
    return {key: value for key, value in asdict(step).items() if value not in (None, ())}


class _Reader:
    """Turns JSON values into typed ones and names the key of whatever does not fit."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def manifest(self, fields: Mapping[str, Any]) -> Manifest:
        embedding = self._get(fields, "embedding", (dict, type(None)))
        head = self._get({"head": None, **fields}, "head", (dict, type(None)))
        manifest = Manifest(
            schema_version=fields["schema_version"],
            task=self._get(fields, "task", str),
            created_by=self._get(fields, "created_by", dict),
            source=self._get(fields, "source", dict),
            architecture=self._get(fields, "architecture", dict),
            inputs=self._each(fields, "inputs", self._tensor),
            outputs=self._each(fields, "outputs", self._tensor),
            tokenizer=self._tokenizer(self._get(fields, "tokenizer", dict)),
            embedding=None if embedding is None else self._embedding(embedding),
            default_variant=self._get(fields, "default_variant", str),
            variants=self._values(fields, "variants", self._variant),
            files=self._values(fields, "files", self._file),
            head=None if head is None else self._head(head),
        )
        self._check_names(manifest)
        return manifest

    def _check_names(self, manifest: Manifest) -> None:
        precisions = {variant.precision for variant in manifest.variants.values()}
        if manifest.default_variant not in precisions | manifest.variants.keys():
            self._refuse(f"default_variant is {manifest.default_variant!r}, which it does not hold")
        for name, variant in manifest.variants.items():
            unlisted = sorted({variant.file, *variant.files} - manifest.files.keys())
            if unlisted:
                self._refuse(f"variant {name!r} needs {', '.join(unlisted)}, not among 'files'")

    def _tensor(self, fields: Mapping[str, Any]) -> TensorInfo:
        return TensorInfo(
            name=self._get(fields, "name", str),
            dtype=self._get(fields, "dtype", str),
            shape=tuple(self._get(fields, "shape", list)),
        )

    def _tokenizer(self, fields: Mapping[str, Any]) -> TokenizerInfo:
        return TokenizerInfo(
            file=self._get(fields, "file", str),
            max_length=self._get(fields, "max_length", int),
            max_positions=self._get(fields, "max_positions", int),
            padding_side=self._get(fields, "padding_side", str),
            pad_id=self._get(fields, "pad_id", int),
            pad_token=self._get(fields, "pad_token", str),
            pad_type_id=self._get(fields, "pad_type_id", int),
            special_tokens=self._get(fields, "special_tokens", dict),
        )

    def _embedding(self, fields: Mapping[str, Any]) -> EmbeddingInfo:
        return EmbeddingInfo(
            dimensions=self._get(fields, "dimensions", int),
            steps=self._each(fields, "steps", self._step),
            prompts=self._get(fields, "prompts", dict),
            default_prompt=self._get(fields, "default_prompt", (str, type(None))),
        )

    def _head(self, fields: Mapping[str, Any]) -> HeadInfo:
        return HeadInfo(
            labels=tuple(self._get(fields, "labels", list)),
            activation=self._get(fields, "activation", str),
            aggregation=self._get(
                {"aggregation": None, **fields}, "aggregation", (str, type(None))
            ),
        )

    def _step(self, fields: Mapping[str, Any]) -> Step:
        return Step(
            kind=self._get(fields, "kind", str),
            modes=tuple(fields.get("modes", ())),
            file=fields.get("file"),
            activation=fields.get("activation"),
        )

    def _variant(self, fields: Mapping[str, Any]) -> Variant:
        return Variant(
            file=self._get(fields, "file", str),
            files=tuple(self._get(fields, "files", list)),
            precision=self._get(fields, "precision", str),
            target=self._get(fields, "target", str),
            recipe=self._get(fields, "recipe", (str, type(None))),
            opset=self._get(fields, "opset", int),
            ir_version=self._get(fields, "ir_version", int),
            min_onnxruntime=self._get(fields, "min_onnxruntime", str),
            fusions=self._get(fields, "fusions", dict),
            parity=self._get(fields, "parity", (dict, type(None))),
            quality=self._get(fields, "quality", (dict, type(None))),
            batch_invariant=self._get(fields, "batch_invariant", bool),
            cpu=self._get({"cpu": None, **fields}, "cpu", (str, type(None))),
            needs=self._get({"needs": None, **fields}, "needs", (str, type(None))),
            verified=self._get({"verified": True, **fields}, "verified", bool),
            capturable=self._get({"capturable": True, **fields}, "capturable", bool),
            speed=self._get({"speed": None, **fields}, "speed", (dict, type(None))),
        )

    def _file(self, fields: Mapping[str, Any]) -> FileInfo:
        return FileInfo(
            size_bytes=self._get(fields, "size_bytes", int),
            sha256=self._get(fields, "sha256", str),
        )

    def _get(self, fields: Mapping[str, Any], key: str, kind: type | tuple[type, ...]) -> Any:
        if key not in fields:
            self._refuse(f"lacks {key!r}")
        if not isinstance(fields[key], kind):
            self._refuse(f"has {key!r} = {fields[key]!r}, which is not of the type specified")
        return fields[key]

    def _each(
        self, fields: Mapping[str, Any], key: str, parse: Callable[[Mapping[str, Any]], Parsed]
    ) -> tuple[Parsed, ...]:
        return tuple(parse(self._object(key, item)) for item in self._get(fields, key, list))

    def _values(
        self, fields: Mapping[str, Any], key: str, parse: Callable[[Mapping[str, Any]], Parsed]
    ) -> dict[str, Parsed]:
        items = self._get(fields, key, dict).items()
        return {name: parse(self._object(name, item)) for name, item in items}

    def _object(self, key: str, value: object) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            self._refuse(f"has {value!r} under {key!r}, expected an object")
        return value

    def _refuse(self, what: str) -> NoReturn:
        raise BundleError(f"{self._path} {what}; export the model again")
