"""The library `tokenizers`, whose errors are bare and whose panics are no `Exception`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from tokenizers import Tokenizer

from edgebert_runtime.errors import EdgebertError, InputError, TokenizerError
from edgebert_runtime.tokenization.fork_safety import encode_all
from edgebert_runtime.tokenization.growth import check_growth
from edgebert_runtime.tokenization.items import Item

Answer = TypeVar("Answer")

OURS: Final = (KeyboardInterrupt, SystemExit, GeneratorExit)
"""What ends a program, and no panic."""

MAX_SHOWN: Final = 200


class RustTokenizer:
    """A tokenizer of the library, each of its calls with an error of ours.

    Attributes:
        subword_prefix: what a piece begins with that continues a word; empty where nothing does.
        vocabulary: number of tokens, added ones included.

    Raises:
        TokenizerError: `tokenizer.json` cannot be read, or lengthens texts without bound.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        check_growth(path)
        self._tokenizer = self._asked(Tokenizer.from_file, str(path))
        self._asked(self._tokenizer.no_padding)
        self._asked(self._tokenizer.no_truncation)  # what is left out is for the caller to choose
        model = self._asked(lambda: self._tokenizer.model)
        self.subword_prefix: str = getattr(model, "continuing_subword_prefix", None) or ""
        self.vocabulary: int = self._asked(self._tokenizer.get_vocab_size)

    def specials(self, *, pair: bool) -> int:
        """How many tokens are added to a text, or to a pair of them."""
        return self._asked(self._tokenizer.num_special_tokens_to_add, pair)

    def id_of(self, token: str) -> int | None:
        """Id of a token as the vocabulary spells it; None if there is none."""
        return self._asked(self._tokenizer.token_to_id, token)

    def spelling(self, id_: int) -> str:
        """How the vocabulary spells a token that it has."""
        return str(self._asked(self._tokenizer.id_to_token, id_))

    def decode(self, ids: Sequence[int], *, skip_specials: bool) -> str:
        """The text that ids stand for."""
        return self._asked(self._tokenizer.decode, list(ids), skip_special_tokens=skip_specials)

    def encode(self, first: str, second: str | None) -> Any:
        """One text, or two, with special tokens.

        Raises:
            InputError: it cannot be tokenized.
        """
        return call(_untokenized("text"), self._tokenizer.encode, first, second)

    def ids_of(self, text: str) -> list[int]:
        """Ids of a text alone, without special tokens.

        Raises:
            InputError: it cannot be tokenized.
        """
        encoding = call(
            _untokenized("text"), self._tokenizer.encode, text, add_special_tokens=False
        )
        ids: list[int] = encoding.ids
        return ids

    def encode_batch(self, items: Sequence[Item], name: str) -> Sequence[Any]:
        """Texts and pairs, with special tokens.

        Args:
            items: any number.
            name: what the message calls them.

        Raises:
            InputError: one cannot be tokenized; it is not known which.
        """
        return call(_untokenized(name), encode_all, self._tokenizer, items)

    def _asked(self, function: Callable[..., Answer], *given: Any, **named: Any) -> Answer:
        return call(self._refusal, function, *given, **named)

    def _refusal(self, reason: str) -> TokenizerError:
        return TokenizerError(f"{self._path} cannot be read: {reason}; export the model again")


def call(
    refusal: Callable[[str], EdgebertError],
    function: Callable[..., Answer],
    *given: Any,
    **named: Any,
) -> Answer:
    """What a function of the library gives.

    Args:
        refusal: makes the error of what the library says.
        function: of the library.
        given: its arguments.
        named: likewise.

    Raises:
        EdgebertError: what `refusal` makes of an error or a panic.
    """
    try:
        return function(*given, **named)
    except OURS:
        raise
    except BaseException as error:  # a panic is no Exception
        said = " ".join(str(error).split())
        raise refusal(said[:MAX_SHOWN] or type(error).__name__) from error


def _untokenized(name: str) -> Callable[[str], InputError]:
    return lambda reason: InputError(
        f"{name} cannot be tokenized: {reason}; leave out characters the vocabulary lacks, or "
        "export the model with a tokenizer that has an unknown token"
    )
