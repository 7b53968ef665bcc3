"""A tokenizer for folders that hold a vocabulary and no `tokenizer.json`.

BERT's `vocab.txt` and the `vocab.json` and `merges.txt` of byte pairs are enough where the class is
one that cuts words as these files say. Other files, and other classes, need transformers once.

Source: transformers v4.57.6, BertConverter, MPNetConverter and RobertaConverter of
src/transformers/convert_slow_tokenizer.py.
"""

import json
from pathlib import Path
from typing import Any, Final

from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE, WordPiece

from edgebert.checkpoints.tokenizer.classes import BYTE_PAIR_FILES
from edgebert.checkpoints.tokenizer.rust import tokenizer_errors
from edgebert.checkpoints.tokenizer.side_files import SideFiles
from edgebert_runtime.errors import TokenizerError

VOCABULARIES: Final = (
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "bpe.codes",
    "spm.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
)
"""Files of tokenizers that transformers makes a `tokenizer.json` of, where their class has one."""

NEEDED: Final = ("unk_token", "sep_token", "pad_token", "cls_token")
"""Roles without which BERT's tokenizer cannot work."""

SLOW_SETTINGS: Final = {"do_basic_tokenize": (None, True), "never_split": (None, [])}
"""Settings of transformers' Python code, and the values with which they change nothing."""

CONVERT: Final = (
    "write a tokenizer.json first, where the class has a fast form: "
    "pip install 'transformers<5' sentencepiece protobuf && "
    'python -c "from transformers import AutoTokenizer; '
    "AutoTokenizer.from_pretrained('{folder}').save_pretrained('{folder}')\""
)
"""transformers 5 loses characters that the map inside a sentencepiece file would keep."""


def build(folder: Path, side: SideFiles) -> dict[str, Any]:
    """The fields of `tokenizer.json` for a vocabulary, without added tokens and template.

    Raises:
        TokenizerError: the files are not enough for the class, are damaged or lack a special
            token, or the settings ask for what only Python code does.
    """
    files = side.row.files if side.row else ()
    if not files or not all((folder / name).exists() for name in files):
        raise TokenizerError(_not_enough(folder, side))
    odd = [key for key, plain in SLOW_SETTINGS.items() if side.settings.get(key) not in plain]
    if odd:
        raise TokenizerError(
            f"{folder} has no tokenizer.json, and {', '.join(files)} alone cannot give "
            f"{', '.join(odd)}; {CONVERT.format(folder=folder)}"
        )
    tokenizer = _byte_pairs(folder) if files == BYTE_PAIR_FILES else _word_pieces(folder, side)
    fields: dict[str, Any] = json.loads(tokenizer.to_str())
    return fields


def _not_enough(folder: Path, side: SideFiles) -> str:
    present = [name for name in VOCABULARIES if (folder / name).exists()]
    if not present:
        return f"{folder} has no tokenizer, expected tokenizer.json or vocab.txt; save it there too"
    found = f"{folder} has {', '.join(present)} and no tokenizer.json"
    if side.row and not side.row.single:
        return (
            f"{found}, and names no tokenizer class; name it in tokenizer_config.json as "
            f"tokenizer_class, for BERT BertTokenizer, or {CONVERT.format(folder=folder)}"
        )
    return f"{found}, of which edgebert makes no {side.class_name}; {CONVERT.format(folder=folder)}"


def _word_pieces(folder: Path, side: SideFiles) -> Tokenizer:
    vocabulary = _read_lines(folder / "vocab.txt")
    missing = [side.roles[role] for role in NEEDED if side.roles[role] not in vocabulary]
    if missing:
        raise TokenizerError(
            f"{folder / 'vocab.txt'} lacks {', '.join(missing)}; name the model's own special "
            "tokens in tokenizer_config.json"
        )
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token=side.roles["unk_token"]))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    return tokenizer


def _read_lines(path: Path) -> dict[str, int]:
    """Token to id, which is its line; of a token on two lines the last counts."""
    try:
        with path.open(encoding="utf-8") as lines:
            return {line.rstrip("\n"): number for number, line in enumerate(lines)}
    except (OSError, UnicodeDecodeError) as error:
        raise TokenizerError(f"{path} is not readable UTF-8 ({error}); fetch it again") from error


def _byte_pairs(folder: Path) -> Tokenizer:
    paths = [str(folder / name) for name in BYTE_PAIR_FILES]
    with tokenizer_errors(f"{' and '.join(paths)} are no byte pairs", "fetch them again"):
        model = BPE.from_file(
            *paths, continuing_subword_prefix="", end_of_word_suffix="", fuse_unk=False
        )
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer
