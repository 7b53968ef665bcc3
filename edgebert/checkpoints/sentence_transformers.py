"""What sentence-transformers writes around a model: modules, settings and prompts.

Source: sentence-transformers 6.2.0, base/model.py and base/modules/transformer.py; the type
strings of 3.4.1, sentence_transformers/models/.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edgebert.checkpoints.files import folder_inside, read_json, read_json_if_present, setting
from edgebert.checkpoints.known_keys import (
    MODULE_ENTRY,
    SENTENCE_MODEL,
    SENTENCE_SETTINGS,
    unknown_keys,
)
from edgebert_runtime.errors import CheckpointError, UnsupportedModelError
from edgebert_runtime.storage.json_reader import printable

MODULES: Final = "modules.json"
PACKAGE: Final = "sentence_transformers"
TRANSFORMER: Final = "Transformer"
STEPS: Final = ("Pooling", "Dense", "Normalize")

SETTINGS: Final = tuple(
    f"sentence_{family}_config.json"
    for family in ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
)
"""File names of the Transformer module's settings in all versions; the first one found is read."""

EMBEDDER: Final = "SentenceTransformer"
CROSS_ENCODER: Final = "CrossEncoder"
"""Kinds of models, as `config_sentence_transformers.json` calls them."""

SCORES: Final = "sequence-classification"
"""`transformer_task` of a cross encoder."""

SIMILARITIES: Final = ("cosine", "dot", "euclidean", "manhattan")
"""Of one vector with another, as `similarity_fn_name` calls them."""

PLAIN: Final[Mapping[str, Mapping[str, Any]]] = {
    kind: {
        "tokenizer_name_or_path": None,
        "transformer_task": task,
        "module_output_name": output,
        "processing_kwargs": {},
        "query_length": None,
        "document_length": None,
        "query_expansion": None,
    }
    for kind, task, output in (
        (EMBEDDER, "feature-extraction", "token_embeddings"),
        (CROSS_ENCODER, SCORES, "scores"),
    )
}
"""Settings that change the vectors, with the one value that does not."""

TEXT_MODALITY: Final = {
    EMBEDDER: {"method": "forward", "method_output_name": "last_hidden_state"},
    CROSS_ENCODER: {"method": "forward", "method_output_name": "logits"},
}

LOADING: Final = (
    "model_args",
    "model_kwargs",
    "tokenizer_args",
    "processor_kwargs",
    "config_args",
    "config_kwargs",
)
HARMLESS_LOADING: Final = frozenset(
    {
        "add_pooling_layer",
        "attn_implementation",
        "dtype",
        "torch_dtype",
        "trust_remote_code",
        "use_safetensors",
    }
)
"""Arguments of loading that do not change fp32 vectors."""


@dataclass(frozen=True, kw_only=True)
class Module:
    """One entry of `modules.json` after the Transformer.

    Attributes:
        kind: `Pooling`, `Dense` or `Normalize`.
        path: as `modules.json` spells it, relative to the checkpoint.
        folder: where that is.
    """

    kind: str
    path: str
    folder: Path


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """A checkpoint folder as sentence-transformers sees it.

    Attributes:
        root: the checkpoint folder.
        transformer: the folder below it with config, weights and tokenizer.
        modules: what follows, in order; None where there is no `modules.json`.
        max_length: the limit of the settings in tokens, where they name one.
        lowercase: whether texts are lower-cased whatever the tokenizer does.
        prompts: name to prefix.
        default_prompt: name of the prompt used when none is asked for.
        cross_encoder: whether it scores pairs of texts, instead of giving vectors.
        activation: of a cross encoder's score, as torch's class is called; None for the default.
        truncate: how many numbers of a vector are kept; None for all.
        similarity: what vectors are compared by, where the settings say so.
        notes: what the user should be told.
    """

    root: Path
    transformer: Path
    modules: tuple[Module, ...] | None
    max_length: int | None
    lowercase: bool
    prompts: Mapping[str, str]
    default_prompt: str | None
    cross_encoder: bool = False
    activation: str | None = None
    truncate: int | None = None
    similarity: str | None = None
    notes: tuple[str, ...] = ()


def read_pipeline(folder: Path) -> Pipeline:
    """Read `modules.json`, the Transformer's settings and the prompts of a checkpoint folder.

    A folder without `modules.json` is a bare Transformer, as sentence-transformers takes it.

    Raises:
        CheckpointError: a file is damaged, contradicts itself, or names a path outside the folder.
        UnsupportedModelError: a module or a setting asks for what edgebert does not compute.
    """
    path = folder / "config_sentence_transformers.json"
    fields = read_json_if_present(path)
    prompts, default_prompt = _prompts(path, fields)
    modules, notes = _modules(folder) if (folder / MODULES).exists() else (None, ())
    transformer = folder if modules is None else modules[0].folder
    settings_path = transformer / _settings_name(transformer)
    settings = {} if modules is None else read_json_if_present(settings_path)
    kind = _kind(path, fields, settings)
    _check(folder, modules or (), kind)
    _refuse_odd(settings_path, settings, kind)
    similarity, compared = _similarity(path, fields)
    return Pipeline(
        root=folder,
        transformer=transformer,
        modules=None if modules is None else modules[1:],
        max_length=setting(settings_path, settings, "max_seq_length", int),
        lowercase=setting(settings_path, settings, "do_lower_case", bool) is True,
        prompts=prompts,
        default_prompt=default_prompt,
        cross_encoder=kind == CROSS_ENCODER,
        activation=setting(path, fields, "activation_fn", str),
        truncate=_truncate(path, fields),
        similarity=similarity,
        notes=(
            *notes,
            *unknown_keys(settings_path, settings, SENTENCE_SETTINGS),
            *unknown_keys(path, fields, SENTENCE_MODEL),
            *compared,
        ),
    )


def module_paths(folder: Path) -> tuple[str, ...]:
    """The paths that `modules.json` names, or the root's alone where there is none.

    Raises:
        CheckpointError: `modules.json` is damaged or names a path outside the folder.
    """
    if not (folder / MODULES).exists():
        return ("",)
    return tuple(_entry(folder, entry)[1] for entry in read_json(folder / MODULES, list))


def _modules(folder: Path) -> tuple[tuple[Module, ...], tuple[str, ...]]:
    """All modules, of which the first must be the Transformer, and what to tell the user."""
    path = folder / MODULES
    entries = read_json(path, list)
    modules = tuple(_module(folder, entry) for entry in entries)
    kinds = [module.kind for module in modules]
    if kinds[:1] != [TRANSFORMER] or kinds.count(TRANSFORMER) != 1:
        raise UnsupportedModelError(
            f"{path} lists {', '.join(kinds) or 'nothing'}, expected one Transformer and then its "
            f"{', '.join(STEPS)}"
        )
    notes = (note for entry in entries for note in unknown_keys(path, entry, MODULE_ENTRY))
    return modules, tuple(dict.fromkeys(notes))


def _check(folder: Path, modules: tuple[Module, ...], kind: str) -> None:
    if kind == CROSS_ENCODER and len(modules) > 1:
        kinds = ", ".join(module.kind for module in modules)
        raise UnsupportedModelError(
            f"{folder / MODULES} lists {kinds}, a {CROSS_ENCODER} here is a Transformer alone"
        )


def _module(folder: Path, entry: object) -> Module:
    type_name, path = _entry(folder, entry)
    package, _, rest = type_name.partition(".")
    kind = rest.rpartition(".")[2]
    if package != PACKAGE or kind not in (TRANSFORMER, *STEPS):
        raise UnsupportedModelError(
            f"{folder / MODULES} has a module of type {type_name!r}, edgebert knows "
            f"{PACKAGE}'s {', '.join((TRANSFORMER, *STEPS))}; export it as a torch module instead: "
            "edgebert.export(module, out, spec=..., tokenizer=...)"
        )
    if isinstance(entry, dict) and entry.get("kwargs"):
        raise UnsupportedModelError(
            f"{folder / MODULES} passes {entry['kwargs']!r} to {type_name}, edgebert does not; "
            "export it as a torch module instead"
        )
    return Module(
        kind=kind, path=path, folder=folder_inside(folder, path, named_by=folder / MODULES)
    )


def _entry(folder: Path, entry: object) -> tuple[str, str]:
    """Type and path of one entry."""
    named = (entry.get("type"), entry.get("path")) if isinstance(entry, dict) else (None, None)
    type_name, path = named
    if not isinstance(type_name, str) or not isinstance(path, str):
        raise CheckpointError(
            f"{folder / MODULES} has the entry {entry!r}, expected an object with type and path"
        )
    folder_inside(folder, path, named_by=folder / MODULES)
    return type_name, path


def _settings_name(transformer: Path) -> str:
    """The file of the Transformer module's settings."""
    return next((name for name in SETTINGS if (transformer / name).exists()), SETTINGS[0])


def _refuse_odd(path: Path, settings: Mapping[str, Any], kind: str) -> None:
    refused = _refused(path, settings, kind)
    if refused:
        raise UnsupportedModelError(
            f"{path} has {', '.join(refused)}, which changes the answers in a way edgebert does "
            f"not compute; save the model as a plain {kind} without it"
        )


def _refused(path: Path, settings: Mapping[str, Any], kind: str) -> list[str]:
    odd = [key for key, plain in PLAIN[kind].items() if settings.get(key) not in (None, plain)]
    odd += [
        key
        for key in LOADING
        if (setting(path, settings, key, dict) or {}).keys() - HARMLESS_LOADING
    ]
    modalities = setting(path, settings, "modality_config", dict) or {"text": TEXT_MODALITY[kind]}
    if modalities.get("text") != TEXT_MODALITY[kind]:
        odd.append("modality_config")
    return [f"{key}={settings[key]!r}" for key in odd]


def _kind(path: Path, fields: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """What the model is for; the Transformer's settings tell where nothing else does."""
    told = CROSS_ENCODER if settings.get("transformer_task") == SCORES else EMBEDDER
    kind = fields.get("model_type", told)
    if kind not in (EMBEDDER, CROSS_ENCODER):
        raise UnsupportedModelError(
            f"{path} has model_type {kind!r}, edgebert reads {EMBEDDER} and {CROSS_ENCODER} models"
        )
    return str(kind)


def _truncate(path: Path, fields: Mapping[str, Any]) -> int | None:
    dimensions = setting(path, fields, "truncate_dim", int)
    if dimensions is not None and dimensions < 1:
        raise CheckpointError(f"{path} has truncate_dim={dimensions}, expected 1 or more")
    return dimensions


def _similarity(path: Path, fields: Mapping[str, Any]) -> tuple[str | None, tuple[str, ...]]:
    """What vectors are compared by, and a note where it is not what most callers expect."""
    name = setting(path, fields, "similarity_fn_name", str)
    if name is None or name == SIMILARITIES[0]:
        return name, ()
    if name not in SIMILARITIES:
        known = ", ".join(SIMILARITIES)
        return None, (f"{path} has similarity_fn_name {name!r}, which is none of {known}",)
    return name, (f"compare the vectors by {name}: {path} has similarity_fn_name {name!r}",)


def _prompts(path: Path, fields: Mapping[str, Any]) -> tuple[dict[str, str], str | None]:
    prompts = _texts(path, setting(path, fields, "prompts", dict) or {})
    default = setting(path, fields, "default_prompt_name", str)
    if default is not None and default not in prompts:
        raise CheckpointError(
            f"{path} has default_prompt_name {default!r}, its prompts are: "
            f"{', '.join(map(printable, prompts)) or 'none'}"
        )
    return prompts, default


def _texts(path: Path, stored: Mapping[str, Any]) -> dict[str, str]:
    """Prompts by name; an unset one is empty."""
    prompts = {name: "" if text is None else text for name, text in stored.items()}
    odd = [
        f"{printable(name)}={text!r}" for name, text in prompts.items() if not isinstance(text, str)
    ]
    if odd:
        raise CheckpointError(f"{path} has the prompts {', '.join(odd)}, expected strings")
    return prompts
