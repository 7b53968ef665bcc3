"""What an export says and records of its tokens: choices, silent witnesses, and memory."""

import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any, Final

import pytest
import tokenizers
import transformers
from tokenizers import Tokenizer

from edgebert import transformers_bridge
from edgebert.checkpoints.token_gate.gate import CheckedTokens, check_tokens
from edgebert.checkpoints.token_gate.witnesses import Origin
from edgebert_runtime.bundle.manifest import TokenizerInfo
from edgebert_runtime.errors import ConfigError, TokenizerError
from tests.support.tokenizer_folders import (
    FAIRSEQ_ROLES,
    ROLES,
    byte_pairs,
    fields_of,
    unigrams,
    word_pieces,
    write_tokenizer,
)

REBUILDS: Final = int(transformers.__version__.partition(".")[0]) >= 5
"""Whether transformers builds the tokenizers of its classes anew over `tokenizer.json`."""

INFO: Final = TokenizerInfo(
    file="tokenizer.json",
    max_length=24,
    max_positions=64,
    padding_side="right",
    pad_id=0,
    pad_token="[PAD]",
    pad_type_id=0,
    special_tokens=ROLES,
)
BOTH: Final = [
    {"name": "tokenizer.json", "version": tokenizers.__version__},
    {"name": "transformers", "version": transformers.__version__},
]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    monkeypatch.setenv("EDGEBERT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def check(
    folder: Path, choice: Any = "auto", *, text: str | None = None, **origin: Any
) -> CheckedTokens:
    """The gate, for a bundle that has the folder's own tokenizer, or another one."""
    own = (folder / "tokenizer.json").read_text(encoding="utf-8") if text is None else text
    place = Origin(folder=folder, vocabulary=origin.pop("vocabulary", 1000), **origin)
    return check_tokens(own, INFO, place, choice)


def bert(folder: Path, **changes: Any) -> Path:
    fields = fields_of(word_pieces()) | changes
    return write_tokenizer(folder, fields, tokenizer_class="BertTokenizer", **ROLES)


def bert_over_unigrams(folder: Path) -> Path:
    return write_tokenizer(folder, unigrams(), tokenizer_class="BertTokenizer", **ROLES)


def lower_cased_first(folder: Path) -> Path:
    """As sentence-transformers saves a tokenizer that it made lower-case texts."""
    parts = [{"type": "Lowercase"}, fields_of(word_pieces())["normalizer"] | {"lowercase": False}]
    normalizer = {"type": "Sequence", "normalizers": parts}
    return write_tokenizer(
        folder,
        fields_of(word_pieces()) | {"normalizer": normalizer},
        tokenizer_class="BertTokenizer",
        do_lower_case=False,
        **ROLES,
    )


def deberta(folder: Path) -> Path:
    return write_tokenizer(folder, unigrams(), "deberta-v2", tokenizer_class="DebertaV2Tokenizer")


def test_a_plain_folder_passes_with_both_witnesses(tmp_path: Path) -> None:
    checked = check(bert(tmp_path / "m"))
    assert checked.record["choice"] == "auto"
    assert checked.record["witnesses"] == BOTH
    assert checked.record["texts"] > 200
    assert checked.notes == ()
    assert checked.json == (tmp_path / "m" / "tokenizer.json").read_text(encoding="utf-8")


def test_a_mask_that_takes_the_space_before_it_passes(tmp_path: Path) -> None:
    folder = write_tokenizer(
        tmp_path, byte_pairs(), "roberta", tokenizer_class="RobertaTokenizer", **FAIRSEQ_ROLES
    )
    assert check(folder).record["witnesses"] == BOTH


def test_real_weights_pass(minilm: Path) -> None:
    text = (minilm / "tokenizer.json").read_text(encoding="utf-8")
    origin = Origin(folder=minilm, vocabulary=30522)
    checked = check_tokens(text, replace(INFO, max_length=256), origin)
    assert checked.record["witnesses"] == BOTH


@pytest.mark.parametrize("build", [bert_over_unigrams, lower_cased_first, deberta])
def test_a_tokenizer_that_transformers_rebuilds_stops_until_it_is_chosen(
    build: Callable[[Path], Path], tmp_path: Path
) -> None:
    folder = build(tmp_path / "m")
    if REBUILDS:
        with pytest.raises(TokenizerError) as caught:
            check(folder)
        assert "Choose file unless the model was trained with this version" in str(caught.value)
        other = check(folder, "transformers")
        assert other.json != check(folder, "file").json
        assert other.record["witnesses"] == BOTH[1:]
    else:
        assert check(folder).record["witnesses"] == BOTH
    chosen = check(folder, "file")
    assert chosen.record["witnesses"] == BOTH[:1]
    own = (folder / "tokenizer.json").read_text(encoding="utf-8")
    texts = ["Hello World", " ", "naïve ＦＵＬＬ [MASK]"]
    for text in texts:
        found = [Tokenizer.from_str(each).encode(text).ids for each in (chosen.json, own)]
        assert found[0] == found[1]


def test_the_error_shows_a_text_its_tokens_and_what_to_choose(tmp_path: Path) -> None:
    folder = bert(tmp_path / "m")
    cased = fields_of(word_pieces())
    cased["normalizer"]["lowercase"] = False
    with pytest.raises(TokenizerError) as caught:
        check(folder, text=json.dumps(cased))
    lines = str(caught.value).splitlines()
    assert len(lines) <= 15
    assert max(map(len, lines)) < 240
    assert str(folder) in lines[0]
    named = {line.split()[0]: line for line in lines if line.startswith("  ")}
    assert named.keys() >= {"text", "bundle", "tokenizer.json", "transformers"}
    assert "edgebert reads these files in another way" in str(caught.value)
    for choice in ("file", "transformers", "unchecked"):
        assert f'tokens="{choice}"' in str(caught.value)
        assert f"--tokens {choice}" in str(caught.value.shell)
    assert caught.value.exit_code == 2


def test_unchecked_compares_nothing(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    checked = check(tmp_path, "unchecked")
    assert checked.json == "{}"
    assert checked.record == {"choice": "unchecked", "texts": 0, "witnesses": []}


def test_another_choice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="tokens must be one of auto, file, transformers, unch"):
        check(bert(tmp_path), "files")


def test_tokens_of_side_files_are_no_difference_to_the_file(tmp_path: Path) -> None:
    """The bundle has one that `tokenizer.json` lacks, as transformers has it."""
    folder = bert(tmp_path / "m")
    tokenizer = word_pieces()
    size = tokenizer.get_vocab_size()
    tokenizer.add_special_tokens(["<url>"])
    token = {"content": "<url>", "special": True, "normalized": False}
    token |= {"lstrip": False, "rstrip": False, "single_word": False}
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    settings["added_tokens_decoder"] = {str(size): token}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    assert check(folder, text=tokenizer.to_str()).record["witnesses"] == BOTH
    with pytest.raises(TokenizerError):  # transformers has it, the bundle does not
        check(folder)
    chosen = check(folder, "file", text=tokenizer.to_str())
    assert Tokenizer.from_str(chosen.json).token_to_id("<url>") == size


def test_lower_casing_of_sentence_transformers_is_done_before_both(tmp_path: Path) -> None:
    cased = fields_of(word_pieces())
    cased["normalizer"]["lowercase"] = False
    folder = write_tokenizer(tmp_path / "m", cased, do_lower_case=False)
    parts = [{"type": "Lowercase"}, cased["normalizer"]]
    lowered = cased | {"normalizer": {"type": "Sequence", "normalizers": parts}}
    checked = check(folder, text=json.dumps(lowered), lowercase=True)
    assert checked.record["witnesses"] == BOTH
    with pytest.raises(TokenizerError):
        check(folder, text=json.dumps(lowered))


def test_without_transformers_the_export_says_that_one_witness_was_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(transformers_bridge, "version", missing)
    checked = check(bert(tmp_path / "m"))
    assert checked.record["witnesses"] == BOTH[:1]
    assert checked.notes == (
        "tokens were compared with tokenizer.json only (transformers: it is not installed)",
    )
    with pytest.raises(TokenizerError, match=r"transformers cannot tokenize the texts .*not inst"):
        check(tmp_path / "m", "transformers")


def test_a_panic_of_transformers_rust_code_leaves_one_witness(tmp_path: Path) -> None:
    """A panic is no Exception; the bundle's tokenizer is another one, which is fine."""
    folder = bert(
        tmp_path / "m", normalizer={"type": "Precompiled", "precompiled_charsmap": "AAAA"}
    )
    with pytest.raises(BaseException, match="charsmap") as caught:
        transformers.AutoTokenizer.from_pretrained(folder)
    if REBUILDS:
        assert not isinstance(caught.value, Exception)
    checked = check(folder, text=word_pieces().to_str())
    assert checked.record["witnesses"] == []
    (note,) = checked.notes
    assert "tokens were compared with nothing only" in note
    assert "PanicException" in note


@pytest.mark.parametrize("ending", [KeyboardInterrupt, SystemExit])
def test_an_interruption_is_not_taken_for_a_failure(ending: type[BaseException]) -> None:
    def end() -> None:
        raise ending

    with pytest.raises(ending):
        transformers_bridge.guarded(end)


def test_a_warning_is_no_failure() -> None:
    """The test's filter makes an error of it."""

    def warn() -> str:
        warnings.warn("about another use", UserWarning, stacklevel=1)
        return "tokens"

    assert transformers_bridge.guarded(warn) == "tokens"


def test_a_chosen_tokenizer_that_the_model_cannot_take_is_refused(tmp_path: Path) -> None:
    folder = bert(tmp_path / "m")
    with pytest.raises(TokenizerError, match="the model has 40 token vectors"):
        check(folder, "file", vocabulary=40)


def test_what_was_found_before_is_not_asked_again(tmp_path: Path, cache: Path) -> None:
    """In another process, which imports no transformers for it."""
    folder = bert(tmp_path / "m")
    expected = check(folder).record
    assert len(list(cache.rglob("*.json"))) == 1
    code = f"""
import json, sys
from pathlib import Path
from edgebert.checkpoints.token_gate.gate import check_tokens
from edgebert.checkpoints.token_gate.witnesses import Origin
from edgebert_runtime.bundle.manifest import TokenizerInfo
folder = Path({str(folder)!r})
info = TokenizerInfo(**json.loads({json.dumps(json.dumps(_plain(INFO)))}))
text = (folder / "tokenizer.json").read_text(encoding="utf-8")
checked = check_tokens(text, info, Origin(folder=folder, vocabulary=1000))
assert "transformers" not in sys.modules, "imported"
print(json.dumps(checked.record))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == expected


def _plain(info: TokenizerInfo) -> dict[str, Any]:
    return dict(vars(info))


def test_a_changed_file_is_compared_anew(tmp_path: Path, cache: Path) -> None:
    folder = bert(tmp_path / "m")
    text = (folder / "tokenizer.json").read_text(encoding="utf-8")
    check(folder)
    settings = {"tokenizer_class": "BertTokenizer", "do_lower_case": False, **ROLES}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    with pytest.raises(TokenizerError):
        check(folder, text=text)
    assert len(list(cache.rglob("*.json"))) == 2


def test_a_damaged_memory_is_asked_anew(tmp_path: Path, cache: Path) -> None:
    folder = bert(tmp_path / "m")
    check(folder)
    (stored,) = cache.rglob("*.json")
    stored.write_text('{"texts": 1}', encoding="utf-8")
    assert check(folder).record["texts"] > 200
    assert json.loads(stored.read_text(encoding="utf-8"))["texts"] > 200


def test_without_a_cache_it_is_asked_once_in_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEBERT_CACHE", "")
    folder = bert(tmp_path / "m")
    expected = check(folder)

    def fail(folder: Path) -> Any:
        raise AssertionError(folder)

    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", fail)
    assert check(folder) == expected
