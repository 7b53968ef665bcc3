"""Compares a bundle's tokens with those of the checkpoint's own tokenizer, and stops where unlike.

docs/decisions/0024-token-gate.md says why two witnesses are asked and which differences count.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from tokenizers import Tokenizer

from edgebert.checkpoints.token_gate.corpus import build_corpus
from edgebert.checkpoints.token_gate.memory import remembered
from edgebert.checkpoints.token_gate.verdict import Verdict, compare
from edgebert.checkpoints.token_gate.witnesses import (
    FILE,
    TRANSFORMERS,
    Origin,
    Silent,
    Witness,
    bundle_witness,
    file_witness,
    transformers_witness,
)
from edgebert_runtime.bundle.manifest import TokenizerInfo
from edgebert_runtime.errors import ConfigError, TokenizerError

TokensChoice = Literal["auto", "file", "transformers", "unchecked"]

ASKED: Final[Mapping[TokensChoice, tuple[str, ...]]] = {
    "auto": (FILE, TRANSFORMERS),
    "file": (FILE,),
    "transformers": (TRANSFORMERS,),
    "unchecked": (),
}
"""Choice → the witnesses that the bundle's tokens must equal."""


@dataclass(frozen=True, kw_only=True)
class CheckedTokens:
    """A tokenizer that passed.

    Attributes:
        json: what the bundle's `tokenizer.json` is to be.
        record: `tokens` of the manifest.
        notes: what the user should be told.
    """

    json: str
    record: Mapping[str, Any]
    notes: tuple[str, ...] = ()


def check_tokens(
    text: str, info: TokenizerInfo, origin: Origin, choice: TokensChoice = "auto"
) -> CheckedTokens:
    """Compare a tokenizer with the one of its checkpoint, on a corpus made for it.

    Args:
        text: of the bundle's `tokenizer.json`.
        info: of the bundle's tokenizer, with its limit.
        origin: where it comes from.
        choice: whose tokens are right. `auto`: all witnesses that can speak must agree. `file`: the
            folder's `tokenizer.json`, which the bundle gets as it is, with added tokens of other
            files. `transformers`: `AutoTokenizer`, whose tokenizer the bundle gets. `unchecked`:
            nothing is compared.

    Raises:
        ConfigError: another choice.
        TokenizerError: tokens differ, and the text shows an example and what to choose; or the
            witness that was chosen cannot speak.
        CheckpointError: `tokenizer.json` is damaged.
    """
    if choice not in ASKED:
        raise ConfigError(
            f"tokens must be one of {', '.join(get_args(TokensChoice))}; got {choice!r}",
            shell=f"--tokens must be one of {', '.join(get_args(TokensChoice))}; got {choice!r}",
        )
    if choice == "unchecked":
        return CheckedTokens(json=text, record={"choice": choice, "texts": 0, "witnesses": []})
    if choice != "auto":
        text = _chosen(text, info, origin, choice)
    options = {"json": text, "limit": info.max_length, "choice": choice}
    verdict = remembered(
        origin.folder,
        {**options, "lowercase": origin.lowercase},
        lambda: _reach(text, info, origin, choice),
    )
    if verdict.complaint:
        raise _refusal(origin, verdict)
    witnesses = [
        {"name": each.name, "version": each.version}
        for each in verdict.witnesses
        if each.silent is None
    ]
    record = {"choice": choice, "texts": verdict.texts, "witnesses": witnesses}
    return CheckedTokens(json=text, record=record, notes=_notes(verdict))


def _ask(name: str, text: str, info: TokenizerInfo, origin: Origin) -> Witness | Silent:
    if name == FILE:
        return file_witness(origin, text, info.max_length)
    return transformers_witness(origin, info.max_length)


def _chosen(text: str, info: TokenizerInfo, origin: Origin, choice: TokensChoice) -> str:
    """The tokenizer of the witness that was chosen, as the bundle is to have it."""
    (name,) = ASKED[choice]
    witness = _ask(name, text, info, origin)
    if isinstance(witness, Silent):
        raise TokenizerError(
            f"{name} cannot tokenize the texts of {origin.folder}: {witness.reason}; choose "
            f"another of {', '.join(ASKED)}"
        )
    if witness.json is None:
        raise TokenizerError(
            f"{name} {witness.version} runs the tokenizer of {origin.folder} in Python, which a "
            "bundle cannot hold; choose file or unchecked"
        )
    _check_fit(Tokenizer.from_str(witness.json), info, origin, name)
    return witness.json


def _check_fit(tokenizer: Any, info: TokenizerInfo, origin: Origin, name: str) -> None:
    """Refuse a chosen tokenizer that does not fit the model or the manifest."""
    ids = tokenizer.get_vocab(with_added_tokens=True)
    above = [token for token, at in ids.items() if at >= origin.vocabulary]
    if above:
        raise TokenizerError(
            f"the tokenizer of {origin.folder} as {name} has it gives {above[0]!r} the id "
            f"{ids[above[0]]}, the model has {origin.vocabulary} token vectors; choose another of "
            f"{', '.join(ASKED)}"
        )
    missing = [token for token in info.special_tokens.values() if token not in ids]
    if missing or ids.get(info.pad_token) != info.pad_id:
        raise TokenizerError(
            f"the tokenizer of {origin.folder} as {name} has it lacks "
            f"{', '.join(missing) or info.pad_token} or gives it another id; choose another of "
            f"{', '.join(ASKED)}"
        )


def _reach(text: str, info: TokenizerInfo, origin: Origin, choice: TokensChoice) -> Verdict:
    witnesses = [_ask(name, text, info, origin) for name in ASKED[choice]]
    others = [each.json for each in witnesses if isinstance(each, Witness) and each.json]
    corpus = build_corpus(text, info.max_length, others)
    return compare(bundle_witness(text, info), witnesses, corpus)


def _refusal(origin: Origin, verdict: Verdict) -> TokenizerError:
    head = f"it is not certain which tokens the texts of {origin.folder} have:"
    choices = {
        "file": "the tokens of tokenizer.json",
        "transformers": "those of the transformers installed here",
        "unchecked": "those in the line 'bundle'",
    }

    def message(option: str) -> str:
        lines = [f"  {option.format(name):24}{what}" for name, what in choices.items()]
        return "\n".join([head, *verdict.complaint, "choose one:", *lines])

    return TokenizerError(message('tokens="{}"'), shell=message("--tokens {}"))


def _notes(verdict: Verdict) -> tuple[str, ...]:
    """Whether fewer than the witnesses asked could speak."""
    silent = [each for each in verdict.witnesses if each.silent is not None]
    if not silent:
        return ()
    spoke = [each.name for each in verdict.witnesses if each.silent is None]
    reasons = "; ".join(f"{each.name}: {each.silent}" for each in silent)
    return (f"tokens were compared with {' and '.join(spoke) or 'nothing'} only ({reasons})",)
