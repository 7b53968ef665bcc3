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

from edgebert_runtime.storage.json_reader import printable

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
        "keep_in_fp32_modules",
        "model_type",
        "prompts",
        "requirements",
        "similarity_fn_name",
        "truncate_dim",
    }
)
"""`config_sentence_transformers.json`."""


GENERATION: Final = frozenset(
    {
        "bad_words_ids",
        "begin_suppress_tokens",
        "decoder_start_token_id",
        "diversity_penalty",
        "do_sample",
        "early_stopping",
        "encoder_no_repeat_ngram_size",
        "exponential_decay_length_penalty",
        "forced_bos_token_id",
        "forced_eos_token_id",
        "length_penalty",
        "max_length",
        "min_length",
        "no_repeat_ngram_size",
        "num_beam_groups",
        "num_beams",
        "num_return_sequences",
        "output_past",
        "output_scores",
        "remove_invalid_values",
        "repetition_penalty",
        "return_dict_in_generate",
        "suppress_tokens",
        "temperature",
        "tf_legacy_loss",
        "top_k",
        "top_p",
        "typical_p",
    }
)
"""Keys of `config.json` for text generation, which no encoder does."""

MODEL: Final = GENERATION | {
    "architectures",
    "attn_implementation",
    "auto_map",
    "bos_token_id",
    "chunk_size_feed_forward",
    "classifier_dropout",
    "cls_token_id",
    "cross_attention_hidden_size",
    "directionality",
    "dtype",
    "edgebert",
    "eos_token_id",
    "export_model_type",
    "finetuning_task",
    "gradient_checkpointing",
    "id2label",
    "is_encoder_decoder",
    "label2id",
    "language",
    "mask_token_id",
    "max_seq_length",
    "model_max_length",
    "model_type",
    "name",
    "num_labels",
    "output_attentions",
    "output_hidden_states",
    "pad_token_id",
    "pooler_fc_size",
    "pooler_num_attention_heads",
    "pooler_num_fc_layers",
    "pooler_size_per_head",
    "pooler_type",
    "prefix",
    "problem_type",
    "return_dict",
    "sbert_ce_default_activation_function",
    "sentence_transformers",
    "sep_token_id",
    "task_specific_params",
    "tie_encoder_decoder",
    "tie_word_embeddings",
    "tokenizer_class",
    "tokenizer_config",
    "torch_dtype",
    "torchscript",
    "transformers.js_config",
    "transformers_version",
    "unk_token_id",
    "use_bfloat16",
    "use_cache",
}
"""Keys of any model's `config.json`, beside those in the tables of its family."""

EXPERTS: Final = frozenset(
    {
        "expert_choice_router",
        "ffn_div",
        "moe_every_n_layers",
        "moe_impl",
        "moe_normalize_expert_weights",
        "moe_resid_pdrop",
        "moe_top_k",
        "num_experts",
        "num_shared_experts",
    }
)
"""Of mixtures of experts; whether a checkpoint is one, its tensors say."""

SUMMARY: Final = frozenset(
    {
        "summary_activation",
        "summary_first_dropout",
        "summary_last_dropout",
        "summary_proj_to_labels",
        "summary_type",
        "summary_use_proj",
    }
)
"""Of a head for multiple choice."""

FAMILY_KEYS: Final[Mapping[str, frozenset[str]]] = {
    "bert": frozenset({"embedding_size"}),
    "roberta": frozenset({"embedding_size"}),
    "xlm-roberta": frozenset({"embedding_size"}),
    "camembert": frozenset({"embedding_size"}),
    "distilbert": frozenset(
        {"qa_dropout", "seq_classif_dropout", "sinusoidal_pos_embds", "tie_weights_"}
    ),
    "electra": SUMMARY,
    "albert": frozenset(
        {
            "classifier_dropout_prob",
            "down_scale_factor",
            "gap_size",
            "net_structure_type",
            "num_memory_blocks",
        }
    ),
    "mpnet": frozenset({"classifier_dropout", "type_vocab_size"}),
    "deberta-v2": frozenset(
        {
            "attention_head_size",
            "cls_dropout",
            "conv_act",
            "conv_groups",
            "embedding_size",
            "legacy",
            "max_relative_positions",
            "norm_rel_ebd",
            "pooler_dropout",
            "pooler_hidden_act",
            "pooler_hidden_size",
            "pos_att_type",
            "position_biased_input",
            "position_buckets",
            "share_att_key",
        }
    ),
    "modernbert": frozenset(
        {
            "attention_bias",
            "classifier_activation",
            "classifier_bias",
            "classifier_pooling",
            "decoder_bias",
            "deterministic_flash_attn",
            "embedding_dropout",
            "global_attn_every_n_layers",
            "global_rope_theta",
            "initializer_cutoff_factor",
            "layer_norm_eps",
            "layer_types",
            "local_attention",
            "local_rope_theta",
            "mlp_bias",
            "norm_bias",
            "position_embedding_type",
            "reference_compile",
            "repad_logits_with_grad",
            "rope_parameters",
            "rope_scaling",
            "sparse_pred_ignore_index",
            "sparse_prediction",
        }
    ),
    "nomic_bert": EXPERTS
    | SUMMARY
    | {
        "add_pooling_layer",
        "attn_pdrop",
        "dense_seq_output",
        "embd_pdrop",
        "fused_bias_fc",
        "fused_dropout_add_ln",
        "head_dim",
        "layer_norm_epsilon",
        "max_trained_positions",
        "n_embd",
        "n_head",
        "n_inner",
        "n_layer",
        "n_positions",
        "pad_vocab_size_multiple",
        "parallel_block_tied_norm",
        "reorder_and_upcast_attn",
        "resid_pdrop",
        "rope_parameters",
        "rotary_emb_base",
        "scale_attn_by_inverse_layer_idx",
        "scale_attn_weights",
        "use_flash_attn",
        "use_xentropy",
    },
    "transformer": frozenset({"bias", "final_norm", "norm_first", "scale_embeddings"}),
}
"""`model_type` → keys that its family's functions read, or that change no answer there."""


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
    listed = ", ".join(f"{printable(key)}={_short(value)}" for key, value in unknown.items())
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
