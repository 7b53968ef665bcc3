"""Made-up words of several tokens with labels, and a base model for each kind of tokenizer."""

import json
import random
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Final, NamedTuple

from tokenizers import Tokenizer, models, pre_tokenizers, processors

from tests.support.training_data import write_lines

CONSONANTS: Final = {"PER": "bdg", "LOC": "klm", "O": "fnprstvz"}
"""Label → how its words begin. What follows the first syllable is the same for all."""

FIRST: Final = "aio"
"""Vowels of the first syllable of a plain word, and of an entity's first word."""

BEHIND: Final = "u"
"""The same of an entity's other words."""

SYLLABLES: Final = ["".join(pair) for pair in product("bdfgklmnprstvz", "aiou")]

SIZES: Final = {
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "hidden_act": "gelu",
    "type_vocab_size": 1,
    "layer_norm_eps": 1e-12,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "initializer_range": 0.1,
}


class Sentence(NamedTuple):
    """Words and their labels."""

    tokens: list[str]
    labels: list[str]


def sentences(count: int, seed: int) -> list[Sentence]:
    """Sentences of a few plain words, commas and entities of one word or two."""
    draw = random.Random(seed)
    return [_sentence(draw) for _ in range(count)]


def write_sentences(path: Path, found: list[Sentence]) -> Path:
    """The file that `train --task tag` takes."""
    return write_lines(path, (sentence._asdict() for sentence in found))


def save_word_pieces(folder: Path) -> Path:
    """The shape and the tokenizer of a BERT; what continues a word begins with `##`."""
    folder.mkdir(parents=True)
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ","]
    vocabulary = [*specials, *SYLLABLES, *(f"##{syllable}" for syllable in SYLLABLES)]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    return _save_config(folder, "bert", len(vocabulary), max_position_embeddings=64)


def save_byte_pairs(folder: Path) -> Path:
    """The shape and the tokenizer of a RoBERTa; a word's first token has the space before it."""
    folder.mkdir(parents=True)
    roles = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    merges = [*map(tuple, SYLLABLES), *(("Ġ", syllable) for syllable in SYLLABLES), ("Ġ", ",")]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*roles.values(), *alphabet, *("".join(pair) for pair in merges)]
    tokenizer = Tokenizer(models.BPE({token: at for at, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.add_special_tokens(list(roles.values()))
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "RobertaTokenizer", "add_prefix_space": True, **roles}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return _save_config(folder, "roberta", len(tokens), max_position_embeddings=66)


def _save_config(folder: Path, model_type: str, vocabulary: int, **more: int) -> Path:
    config = {"model_type": model_type, "vocab_size": vocabulary, **SIZES, **more}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def _sentence(draw: random.Random) -> Sentence:
    words = list(_words(draw))
    return Sentence([word for word, _ in words], [label for _, label in words])


def _words(draw: random.Random) -> Iterator[tuple[str, str]]:
    for _ in range(draw.randint(2, 4)):
        yield from ((_word(draw, "O", FIRST), "O") for _ in range(draw.randint(1, 2)))
        kind = draw.choice(("PER", "LOC"))
        yield _word(draw, kind, FIRST), f"B-{kind}"
        if draw.random() < 0.5:
            yield _word(draw, kind, BEHIND), f"I-{kind}"
        if draw.random() < 0.4:
            yield ",", "O"


def _word(draw: random.Random, kind: str, vowels: str) -> str:
    rest = draw.choices(SYLLABLES, k=draw.randint(1, 3))
    return draw.choice(CONSONANTS[kind]) + draw.choice(vowels) + "".join(rest)
