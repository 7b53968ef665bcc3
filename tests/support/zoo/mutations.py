"""Layouts saved again by a newer or older library, or with a key or a file missing.

Source: transformers 4.57 and 5.23, `save_pretrained` of tokenizers and models;
sentence-transformers 5.4, base/modules/transformer.py and sentence_transformer/modules/pooling.py;
and the layouts `resaved-*`, which are such folders.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from tests.support.zoo.layouts import LAYOUTS, Layout

Mutation = Callable[[Layout], Layout]

CLASSES: Final = {
    "bert": "BertTokenizer",
    "mpnet": "MPNetTokenizer",
    "roberta": "RobertaTokenizer",
    "xlm-roberta": "XLMRobertaTokenizer",
    "albert": "AlbertTokenizer",
    "deberta-v2": "DebertaV2Tokenizer",
    "modernbert": "TokenizersBackend",
}
_BERT: Final = {"unk_token": "[UNK]", "sep_token": "[SEP]", "cls_token": "[CLS]"}
_FAIRSEQ: Final = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "sep_token": "</s>",
    "pad_token": "<pad>",
    "cls_token": "<s>",
    "mask_token": "<mask>",
}
ROLES: Final[Mapping[str, Mapping[str, str]]] = {
    "bert": {**_BERT, "pad_token": "[PAD]", "mask_token": "[MASK]"},
    "modernbert": {**_BERT, "pad_token": "[PAD]", "mask_token": "[MASK]"},
    "deberta-v2": {
        **_BERT,
        "bos_token": "[CLS]",
        "eos_token": "[SEP]",
        "pad_token": "[PAD]",
        "mask_token": "[MASK]",
    },
    "albert": {
        **_BERT,
        "bos_token": "[CLS]",
        "eos_token": "[SEP]",
        "unk_token": "<unk>",
        "pad_token": "<pad>",
        "mask_token": "[MASK]",
    },
    "roberta": _FAIRSEQ,
    "xlm-roberta": _FAIRSEQ,
    "mpnet": {**_FAIRSEQ, "unk_token": "[UNK]"},
}
"""The special tokens of each kind of tokenizer."""

OF_A_MACHINE: Final = (
    "added_tokens_decoder",
    "full_tokenizer_file",
    "name_or_path",
    "special_tokens_map_file",
    "tokenizer_file",
)
OF_A_TRAINER: Final = (
    "optimizer.pt",
    "scheduler.pt",
    "rng_state.pth",
    "trainer_state.json",
    "training_args.bin",
)
NEW_NAMES: Final = {
    "Transformer": "sentence_transformers.base.modules.transformer.Transformer",
    "Pooling": "sentence_transformers.sentence_transformer.modules.pooling.Pooling",
    "Dense": "sentence_transformers.base.modules.dense.Dense",
    "Normalize": "sentence_transformers.sentence_transformer.modules.normalize.Normalize",
}
MODES: Final = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
}
NEW_EMBEDDER: Final = LAYOUTS["resaved-tf5-st56-bge-small-zh"].files
NEW_RERANKER: Final = LAYOUTS["resaved-tf5-st55-bge-reranker-base"].files
CLASS: Final = ("tokenizer_config.json", "tokenizer_class")
SETTINGS: Final = ("sentence_bert_config.json", "config_sentence_transformers.json")


def with_files(layout: Layout, **changes: Any) -> Layout:
    """The layout with files replaced, by name; None takes one away."""
    files = {**layout.files, **changes}
    return replace(layout, files={key: value for key, value in files.items() if value is not None})


def without_file(name: str, layout: Layout) -> Layout:
    beside = tuple(each for each in layout.beside if each != name)
    return replace(with_files(layout, **{name: None}), beside=beside)


def without_key(file: str, key: str, layout: Layout) -> Layout:
    content = layout.files[file]
    if key not in content:
        raise KeyError(f"{layout.name}: {file} has no {key}")
    return with_files(layout, **{file: {name: content[name] for name in content if name != key}})


def with_key(file: str, key: str, value: Any, layout: Layout) -> Layout:
    return with_files(layout, **{file: {**layout.files.get(file, {}), key: value}})


def expecting(layout: Layout, **expected: Any) -> Layout:
    return replace(layout, expected={**layout.expected, **expected})


def pickled(layout: Layout) -> Layout:
    return replace(layout, weights={**layout.weights, "file": "pytorch_model.bin"})


def transformers_4(layout: Layout) -> Layout:
    """Saved anew by transformers 4.40 to 4.57: every special token in three files."""
    roles = ROLES[layout.tokenizer]
    added = layout.files["tokenizer.json"]["added_tokens"]
    flags = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
    tokens = {str(each["id"]): {**flags, **each} for each in added}
    decoder = {
        index: {key: token[key] for key in token if key != "id"} for index, token in tokens.items()
    }
    config = layout.files["config.json"]
    settings = {
        **_kept(layout.files.get("tokenizer_config.json", {})),
        **roles,
        "added_tokens_decoder": decoder,
        "clean_up_tokenization_spaces": True,
        "extra_special_tokens": {},
        "tokenizer_class": CLASSES[layout.tokenizer],
    }
    return with_files(
        layout,
        **{
            "config.json": {**config, "torch_dtype": "float32", "transformers_version": "4.57.1"},
            "tokenizer_config.json": settings,
            "special_tokens_map.json": {
                role: {**flags, "content": token} for role, token in roles.items()
            },
        },
    )


def transformers_5(layout: Layout, tokenizer_class: str | None = "") -> Layout:
    """Saved anew by transformers 5; `tokenizer_class` is the kind's own, another, or missing."""
    config = {**layout.files["config.json"], "dtype": "float32", "transformers_version": "5.9.0"}
    settings = {
        **_kept(layout.files.get("tokenizer_config.json", {})),
        **ROLES[layout.tokenizer],
        "backend": "tokenizers",
        "is_local": False,
        "local_files_only": False,
        "tokenizer_class": CLASSES[layout.tokenizer] if tokenizer_class == "" else tokenizer_class,
    }
    kept = {key: value for key, value in settings.items() if value is not None}
    for key in ("torch_dtype", "_name_or_path"):
        config.pop(key, None)
    changed = with_files(
        layout,
        **{
            "config.json": config,
            "tokenizer_config.json": kept,
            "tokenizer.json": layout.files.get("tokenizer.json", {}),
            "special_tokens_map.json": None,
            "added_tokens.json": None,
        },
    )
    weights = {**layout.weights, "file": "model.safetensors"}
    expected = {key: value for key, value in layout.expected.items() if key != "note"}
    return replace(changed, beside=(), weights=weights, expected=expected)


def sentence_transformers_54(layout: Layout) -> Layout:
    """Saved anew by sentence-transformers 5.4 or later, over transformers 5."""
    changed = transformers_5(layout)
    if "modules.json" not in layout.files:  # a cross encoder
        return with_files(
            changed, **{name: NEW_RERANKER[name] for name in (*SETTINGS, "modules.json")}
        )
    modules = [
        {**entry, "type": NEW_NAMES[entry["type"].rpartition(".")[2]]}
        for entry in layout.files["modules.json"]
    ]
    pooling = layout.files["1_Pooling/config.json"]
    limit = layout.files.get("sentence_bert_config.json", {}).get("max_seq_length")
    settings = changed.files["tokenizer_config.json"]
    return with_files(
        changed,
        **{name: NEW_EMBEDDER[name] for name in SETTINGS},
        **{
            "modules.json": modules,
            "tokenizer_config.json": {**settings, **({"model_max_length": limit} if limit else {})},
            "1_Pooling/config.json": {
                "embedding_dimension": pooling["word_embedding_dimension"],
                "pooling_mode": next(mode for key, mode in MODES.items() if pooling.get(key)),
                "include_prompt": True,
            },
        },
    )


def _kept(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key not in OF_A_MACHINE}


def of_a_trainer(layout: Layout) -> Layout:
    """A checkpoint of transformers' Trainer, with what it needs to go on."""
    return replace(layout, beside=(*layout.beside, *OF_A_TRAINER))


def two_keys(layout: Layout) -> Layout:
    """A Pooling of the first sentence-transformers, which wrote the mode that is on."""
    file = "1_Pooling/config.json"
    kept = {key: value for key, value in layout.files[file].items() if value is not False}
    return with_files(layout, **{file: kept})


def no_normalize(layout: Layout) -> Layout:
    modules = [each for each in layout.files["modules.json"] if "Normalize" not in each["type"]]
    return with_files(layout, **{"modules.json": modules})


def of_class(name: str, layout: Layout) -> Layout:
    return with_key("tokenizer_config.json", "tokenizer_class", name, layout)


MUTATIONS: Final[Mapping[str, tuple[str, Mutation]]] = {
    f"{name}: {what}": (name, change)
    for what, change, names in (
        (
            "transformers 5",
            transformers_5,
            "all-MiniLM-L6-v2 all-mpnet-base-v2 bge-m3 codebert-base roberta-large-mnli "
            "nomic-bert-2048 bge-reranker-v2-m3 bge-small-en-v1.5 e5-small-v2 "
            "ms-marco-MiniLM-L6-v2 bert-base-multilingual-uncased-sentiment "
            "distilbert-base-uncased-distilled-squad "
            "twitter-xlm-roberta-base-sentiment resaved-tf4-deberta-v3 roberta-large",
        ),
        (
            "transformers 5, TokenizersBackend",
            partial(transformers_5, tokenizer_class="TokenizersBackend"),
            "all-MiniLM-L6-v2 multilingual-e5-small roberta-large-mnli all-mpnet-base-v2",
        ),
        (
            "transformers 5, no class",
            partial(transformers_5, tokenizer_class=None),
            "all-MiniLM-L6-v2 bge-m3 roberta-large-mnli",
        ),
        (
            "transformers 4",
            transformers_4,
            "all-MiniLM-L6-v2 all-mpnet-base-v2 roberta-large-mnli resaved-tf5-roberta "
            "resaved-tf5-modernbert ms-marco-MiniLM-L6-v2 nomic-bert-2048",
        ),
        (
            "sentence-transformers 5.4",
            sentence_transformers_54,
            "all-MiniLM-L6-v2 all-mpnet-base-v2 LaBSE bge-m3 multilingual-e5-small e5-small-v2 "
            "ms-marco-MiniLM-L6-v2 bge-reranker-large",
        ),
        (
            "no special_tokens_map.json",
            partial(without_file, "special_tokens_map.json"),
            "all-MiniLM-L6-v2 all-mpnet-base-v2 bge-m3 multilingual-e5-small codebert-base",
        ),
        (
            "no vocab.txt",
            partial(without_file, "vocab.txt"),
            "all-MiniLM-L6-v2 all-mpnet-base-v2",
        ),
        (
            "no config_sentence_transformers.json",
            partial(without_file, "config_sentence_transformers.json"),
            "all-MiniLM-L6-v2 LaBSE",
        ),
        (
            "no pad_token_id",
            partial(without_key, "config.json", "pad_token_id"),
            "all-MiniLM-L6-v2 multilingual-e5-small",
        ),
        (
            "no tokenizer_config.json",
            partial(without_file, "tokenizer_config.json"),
            "roberta-large-mnli bge-m3 codebert-base",
        ),
        ("no tokenizer_class", partial(without_key, *CLASS), "all-MiniLM-L6-v2 bge-m3"),
        (
            "a class with Fast",
            partial(of_class, "XLMRobertaTokenizerFast"),
            "bge-m3 multilingual-e5-small",
        ),
        (
            "no limit in the tokenizer",
            partial(with_key, "tokenizer_config.json", "model_max_length", int(1e30)),
            "all-MiniLM-L6-v2 all-mpnet-base-v2 roberta-large-mnli",
        ),
        ("two keys of Pooling", two_keys, "all-MiniLM-L6-v2 bge-m3"),
        ("no Normalize", no_normalize, "all-MiniLM-L6-v2 LaBSE bge-m3"),
        ("of a Trainer", of_a_trainer, "ms-marco-MiniLM-L6-v2 resaved-tf5-roberta"),
        (
            "a class of Python code, no tokenizer.json",
            lambda layout: expecting(
                without_file("tokenizer.json", of_class("BertJapaneseTokenizer", layout)),
                refused="BertJapaneseTokenizer",
            ),
            "all-MiniLM-L6-v2",
        ),
        (
            "absolute by name",
            lambda layout: expecting(
                with_key("config.json", "position_embedding_type", "absolute", layout),
                refused="auto_map",
            ),
            "jina-embeddings-v2-base-en",
        ),
        (
            "no auto_map, absolute by name",
            lambda layout: expecting(
                without_key(
                    "config.json",
                    "auto_map",
                    with_key("config.json", "position_embedding_type", "absolute", layout),
                ),
                refused="feed_forward_type='geglu'",
            ),
            "jina-embeddings-v2-base-en",
        ),
        ("pickled", pickled, "all-MiniLM-L6-v2 resaved-tf5-roberta"),
        (
            "no modules.json",
            lambda layout: without_file("modules.json", expecting(layout, max_length=512)),
            "all-MiniLM-L6-v2 bge-small-en-v1.5",
        ),
        (
            "no tokenizer.json",
            partial(without_file, "tokenizer.json"),
            "all-MiniLM-L6-v2 LaBSE nomic-bert-2048 ms-marco-MiniLM-L6-v2",
        ),
        (
            "no tokenizer.json",
            lambda layout: expecting(
                without_file("tokenizer.json", layout), refused="sentencepiece.bpe.model"
            ),
            "bge-m3 multilingual-e5-small bge-reranker-large",
        ),
        (
            "ALiBi",
            lambda layout: expecting(
                with_key("config.json", "position_embedding_type", "alibi", layout),
                refused="position_embedding_type='alibi'",
            ),
            "all-MiniLM-L6-v2",
        ),
    )
    for name in names.split()
}


def mutated(name: str) -> Layout:
    """A mutation of the table, by its name."""
    source, change = MUTATIONS[name]
    return replace(change(LAYOUTS[source]), name=name)
