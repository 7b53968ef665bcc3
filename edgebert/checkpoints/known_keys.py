"""The keys of a checkpoint's files: each is read, refused, or known to leave the answers alone.

A key of none of these kinds may change the answers of the library that wrote it, so it is named to
the user. Sources: sentence-transformers 6.2.0 (`config_keys` of its modules, `_get_model_config` of
its models); transformers v4.57.6 and v5.23.0 (`PretrainedConfig` and the families' configs);
the configs of released models.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, Final

MODULE_ENTRY: Final = frozenset({"idx", "name", "path", "type", "kwargs"})
"""An entry of `modules.json`."""

POOLING: Final = frozenset(
    {
        "embedding_dimension",
        "include_prompt",
        "output_key",
        "pooling_mode",
        "pooling_mode_cls_token",
        "pooling_mode_lasttoken",
        "pooling_mode_max_tokens",
        "pooling_mode_mean_sqrt_len_tokens",
        "pooling_mode_mean_tokens",
        "pooling_mode_weightedmean_tokens",
        "word_embedding_dimension",
    }
)

VECTOR_NAMES: Final = frozenset({"module_input_name", "module_output_name"})

NORMALIZE: Final = VECTOR_NAMES

DENSE: Final = VECTOR_NAMES | {
    "activation_function",
    "bias",
    "in_features",
    "out_features",
    "use_residual",
}

SENTENCE_SETTINGS: Final = frozenset(
    {
        "config_args",
        "config_kwargs",
        "do_lower_case",
        "document_length",
        "max_seq_length",
        "modality_config",
        "model_args",
        "model_kwargs",
        "module_output_name",
        "processing_kwargs",
        "processor_kwargs",
        "query_expansion",
        "query_length",
        "tokenizer_args",
        "tokenizer_name_or_path",
        "transformer_task",
        "unpad_inputs",
    }
)
"""`sentence_bert_config.json`."""

SENTENCE_MODEL: Final = frozenset(
    {
        "__version__",
        "activation_fn",
        "default_prompt_name",
        "model_type",
        "prompts",
        "requirements",
        "similarity_fn_name",
        "truncate_dim",
    }
)
"""`config_sentence_transformers.json`."""


def unknown_keys(path: Path, fields: Mapping[str, Any], known: AbstractSet[str]) -> tuple[str, ...]:
    """A note on the keys of `path` that are not known; none where there are none.

    Private keys (`_name_or_path`) and unset ones (null, empty) change nothing.
    """
    unknown = {
        key: value
        for key, value in sorted(fields.items())
        if key not in known and not key.startswith("_") and not _unset(value)
    }
    if not unknown:
        return ()
    listed = ", ".join(f"{key}={_short(value)}" for key, value in unknown.items())
    return (
        f"{path} has keys that edgebert does not know and does not apply: {listed}; compare the "
        "answers with those of the library that wrote them",
    )


def _unset(value: object) -> bool:
    return value is None or (isinstance(value, str | list | dict) and not value)


def _short(value: object) -> str:
    """A value in at most 40 characters."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
