"""A small tokenizer for every family, of the kind and in the files its releases have."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

TEXTS: Final = [
    "The small cat sat on the mat.",
    "A dog ran far, over the red blue mat; Über-café naïve!",
    "unable dogs, 中国 and 😀",
    " leading  and trailing ",
    "tabs\tand\nnewlines",
    "",
]
TRAINING: Final = [*TEXTS, "the cat and the dog sat far over the mats on a red and blue mat"] * 4

BERT: Final = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
FAIRSEQ: Final = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def save_tokenizer(model_type: str, folder: Path) -> None:
    """Write what transformers writes for a tokenizer of this family."""
    BUILDERS[model_type]().save_pretrained(folder)


def _trained(tokenizer: Tokenizer, trainer: Any) -> dict[str, Any]:
    """The fields of its model after training."""
    tokenizer.train_from_iterator(TRAINING, trainer)
    fields: dict[str, Any] = json.loads(tokenizer.to_str())["model"]
    return fields


def _word_pieces(name: str, specials: list[str]) -> Any:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=200, special_tokens=specials, show_progress=False
    )
    return getattr(transformers, name)(vocab=_trained(tokenizer, trainer)["vocab"])


def _byte_pairs(specials: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=specials,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TRAINING, trainer)
    return tokenizer


def _roberta() -> Any:
    fields = json.loads(_byte_pairs(FAIRSEQ).to_str())["model"]
    merges = [tuple(pair) for pair in fields["merges"]]
    return transformers.RobertaTokenizer(vocab=fields["vocab"], merges=merges)


def _byte_pairs_of_bert() -> Any:
    """As ModernBERT's: byte pairs with BERT's special tokens, and no class of its own."""
    tokenizer = _byte_pairs(BERT)
    ids = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ids
    )
    roles = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, **dict(zip(roles, BERT, strict=True))
    )


def _unigrams(name: str, specials: list[str], unknown: str) -> Any:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=140, special_tokens=specials, unk_token=unknown, show_progress=False
    )
    vocabulary = [tuple(entry) for entry in _trained(tokenizer, trainer)["vocab"]]
    return getattr(transformers, name)(vocab=vocabulary)


BUILDERS: Final[dict[str, Callable[[], Any]]] = {
    "bert": partial(_word_pieces, "BertTokenizer", BERT),
    "distilbert": partial(_word_pieces, "DistilBertTokenizer", BERT),
    "electra": partial(_word_pieces, "ElectraTokenizer", BERT),
    "nomic_bert": partial(_word_pieces, "BertTokenizer", BERT),
    "mpnet": partial(_word_pieces, "MPNetTokenizer", ["<s>", "<pad>", "</s>", "[UNK]", "<mask>"]),
    "roberta": _roberta,
    "xlm-roberta": partial(_unigrams, "XLMRobertaTokenizer", FAIRSEQ, "<unk>"),
    "camembert": partial(_unigrams, "CamembertTokenizer", FAIRSEQ, "<unk>"),
    "albert": partial(
        _unigrams, "AlbertTokenizer", ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"], "<unk>"
    ),
    "deberta-v2": partial(
        _unigrams, "DebertaV2Tokenizer", ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], "[UNK]"
    ),
    "modernbert": _byte_pairs_of_bert,
}
