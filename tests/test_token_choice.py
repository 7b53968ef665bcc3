"""`export` stops where it is not certain which tokens a text has, and `tokens` chooses."""

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from tokenizers import Tokenizer
from torch import Tensor, nn
from typer.testing import CliRunner

import edgebert
from edgebert.cli.app import app
from edgebert_export import ExportSpec
from edgebert_runtime import Bundle
from edgebert_runtime.bundle.manifest import read_manifest
from edgebert_runtime.errors import BundleError, TokenizerError
from tests.support.small_checkpoints import TINY, write_checkpoint
from tests.support.tokenizer_folders import ROLES, unigrams, write_tokenizer


class Words(nn.Module):
    """Vectors of tokens, which is all that an export asks of a module."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(200, 12)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        del attention_mask
        vectors: Tensor = self.table(input_ids)
        return vectors


SCHEMA = Path(__file__).parents[1] / "docs" / "bundle.schema.json"


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEBERT_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A BERT with a Unigram tokenizer, whose every word transformers 5 loses."""
    place = tmp_path / "source"
    write_tokenizer(place, unigrams(), tokenizer_class="BertTokenizer", **ROLES)
    write_checkpoint(place, replace(TINY, vocabulary=200))
    (place / "vocab.txt").unlink()
    return place


def test_a_choice_exports_what_is_refused_without_it(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    with pytest.raises(TokenizerError, match=r"\[CLS\] \[UNK\] \[UNK\] \[SEP\]") as caught:
        edgebert.export(folder, out)
    assert len(str(caught.value).splitlines()) <= 15
    assert not out.exists()
    bundle = edgebert.export(folder, out, tokens="file", target="portable")
    own = Tokenizer.from_file(str(folder / "tokenizer.json"))
    written = Tokenizer.from_file(str(out / "tokenizer.json"))
    assert written.encode("Hello World").ids == own.encode("Hello World").ids
    settings = json.loads((out / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert settings["tokenizer_class"] == "PreTrainedTokenizerFast"
    tokens = bundle.manifest.tokenizer.tokens
    assert tokens is not None
    assert tokens["choice"] == "file"
    assert [each["name"] for each in tokens["witnesses"]] == ["tokenizer.json"]
    manifest = json.loads((out / "edgebert.json").read_text(encoding="utf-8"))
    jsonschema.validate(manifest, json.loads(SCHEMA.read_text(encoding="utf-8")))


def test_the_command_ends_with_2_and_names_its_option(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    done = CliRunner().invoke(app, ["export", str(folder), str(tmp_path / "bundle")])
    assert done.exit_code == 2
    said = done.output + capfd.readouterr().err
    assert "--tokens file" in said
    assert "[CLS] [UNK]" in said


def test_the_command_refuses_a_choice_that_there_is_not(folder: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "bundle")
    done = CliRunner().invoke(app, ["export", str(folder), out, "--tokens", "files"])
    assert done.exit_code == 2
    assert "--tokens must be one of auto, file, transformers, unchecked" in done.output


def test_the_tokenizer_of_a_module_is_compared_too(folder: Path, tmp_path: Path) -> None:
    spec = ExportSpec(vocabulary=200, hidden=12, max_positions=16, layers=2, heads=3, task="embed")
    with pytest.raises(TokenizerError, match="it is not certain which tokens"):
        edgebert.export(Words(), tmp_path / "bundle", spec=spec, tokenizer=folder)


def test_a_bundle_without_the_record_is_opened_and_a_wrong_one_is_not(bundle: Bundle) -> None:
    path = bundle.folder / "edgebert.json"
    fields = json.loads(path.read_text(encoding="utf-8"))
    assert fields["tokenizer"].pop("tokens")["texts"] > 100
    path.write_text(json.dumps(fields), encoding="utf-8")
    manifest = read_manifest(bundle.folder)
    assert manifest.tokenizer.tokens is None
    assert json.loads(manifest.to_json())["tokenizer"]["tokens"] is None
    fields["tokenizer"]["tokens"] = "auto"
    path.write_text(json.dumps(fields), encoding="utf-8")
    with pytest.raises(BundleError, match="tokens"):
        read_manifest(bundle.folder)
