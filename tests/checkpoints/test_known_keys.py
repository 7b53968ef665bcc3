"""Keys of real files are known; others are named."""

from pathlib import Path
from typing import Final

import pytest
import transformers
from hypothesis import given
from hypothesis import strategies as st

from edgebert.checkpoints.families.registry import FAMILIES
from edgebert.checkpoints.known_keys import (
    DENSE,
    FAMILY_KEYS,
    MODULE_ENTRY,
    POOLING,
    SENTENCE_MODEL,
    SENTENCE_SETTINGS,
    unknown_keys,
)
from edgebert.checkpoints.state_dict import config_keys
from edgebert_runtime.storage.json_reader import printable

CLASSES: Final = {
    "bert": "BertConfig",
    "roberta": "RobertaConfig",
    "xlm-roberta": "XLMRobertaConfig",
    "camembert": "CamembertConfig",
    "distilbert": "DistilBertConfig",
    "electra": "ElectraConfig",
    "albert": "AlbertConfig",
    "mpnet": "MPNetConfig",
    "deberta-v2": "DebertaV2Config",
    "modernbert": "ModernBertConfig",
    "nomic_bert": "NomicBertConfig",
}

RELEASED: Final = {
    # LaBSE, bert-base-NER, nlptown sentiment, ms-marco-MiniLM, multilingual-e5-small, gte-small
    "bert": "directionality pooler_fc_size pooler_num_attention_heads pooler_num_fc_layers "
    "pooler_size_per_head pooler_type position_embedding_type output_past finetuning_task "
    "gradient_checkpointing sbert_ce_default_activation_function tokenizer_class torch_dtype "
    "export_model_type",
    # roberta-base-squad2, codebert-base
    "roberta": "language name gradient_checkpointing output_past position_embedding_type",
    # bge-reranker-base, bge-m3
    "xlm-roberta": "output_past position_embedding_type torch_dtype use_cache",
    # sst-2, distilled-squad
    "distilbert": "finetuning_task output_past tie_weights_ torch_dtype",
    "electra": "position_embedding_type summary_activation summary_last_dropout summary_type "
    "summary_use_proj",
    # albert-base-v2
    "albert": "down_scale_factor gap_size net_structure_type num_memory_blocks problem_type "
    "position_embedding_type",
    # ModernBERT-base, transformers 4
    "modernbert": "global_attn_every_n_layers global_rope_theta layer_norm_eps local_rope_theta "
    "position_embedding_type repad_logits_with_grad gradient_checkpointing",
    # nomic-bert-2048
    "nomic_bert": "activation_function attn_pdrop auto_map causal dense_seq_output embd_pdrop "
    "fused_bias_fc fused_dropout_add_ln layer_norm_epsilon max_trained_positions mlp_fc1_bias "
    "mlp_fc2_bias n_embd n_head n_inner n_layer n_positions pad_vocab_size_multiple "
    "parallel_block parallel_block_tied_norm prenorm qkv_proj_bias reorder_and_upcast_attn "
    "resid_pdrop rotary_emb_base rotary_emb_fraction rotary_emb_interleaved "
    "rotary_emb_scale_base scale_attn_by_inverse_layer_idx scale_attn_weights summary_type "
    "use_flash_attn use_rms_norm use_xentropy",
}
"""Keys that releases have beyond those that transformers writes today."""

FILES: Final = {
    "1_Pooling/config.json": (POOLING, "word_embedding_dimension pooling_mode_cls_token"),
    "new 1_Pooling/config.json": (POOLING, "embedding_dimension pooling_mode include_prompt"),
    "2_Dense/config.json": (DENSE, "in_features out_features bias activation_function"),
    "modules.json": (MODULE_ENTRY, "idx name path type kwargs"),
    "sentence_bert_config.json": (SENTENCE_SETTINGS, "max_seq_length do_lower_case model_args"),
    "new sentence_bert_config.json": (
        SENTENCE_SETTINGS,
        "transformer_task modality_config module_output_name",
    ),
    "config_sentence_transformers.json": (
        SENTENCE_MODEL,
        "__version__ prompts default_prompt_name similarity_fn_name model_type activation_fn",
    ),
}

HERE: Final = Path("config.json")


@pytest.mark.parametrize("model_type", CLASSES)
def test_every_key_that_transformers_and_releases_write_is_known(model_type: str) -> None:
    written = getattr(transformers, CLASSES[model_type])().to_dict()
    released = dict.fromkeys(RELEASED.get(model_type, "").split(), 1)
    assert not unknown_keys(HERE, written | released, config_keys(FAMILIES[model_type]))


@pytest.mark.parametrize("name", FILES)
def test_every_key_that_sentence_transformers_writes_is_known(name: str) -> None:
    known, keys = FILES[name]
    assert not unknown_keys(Path(name), dict.fromkeys(keys.split(), 1), known)


@pytest.mark.parametrize("model_type", FAMILIES)
def test_each_family_has_its_list_and_names_what_is_not_in_it(model_type: str) -> None:
    assert model_type in FAMILY_KEYS
    (note,) = unknown_keys(HERE, {"value_residual": True}, config_keys(FAMILIES[model_type]))
    assert "config.json has keys" in note
    assert "value_residual=True" in note


@pytest.mark.parametrize("value", [None, "", [], {}])
def test_a_key_that_is_not_set_changes_nothing(value: object) -> None:
    assert not unknown_keys(HERE, {"value_residual": value, "_private": 1}, frozenset())


@given(st.dictionaries(st.text(min_size=1), st.integers(), min_size=1))
def test_every_unknown_key_is_in_the_one_note(fields: dict[str, int]) -> None:
    public = {key: value for key, value in fields.items() if not key.startswith("_")}
    notes = unknown_keys(HERE, fields, frozenset())
    assert len(notes) == bool(public)
    assert all(f"{printable(key)}={value}" in notes[0] for key, value in public.items())
