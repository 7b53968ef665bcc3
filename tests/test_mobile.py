"""`edgebert mobile`: what an app gets is complete, runs, and gives the bundle's own answers."""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from tokenizers import Tokenizer
from typer.testing import CliRunner

from edgebert.cli.app import app
from edgebert.workflow.mobile import mobile
from edgebert_runtime import Bundle, load
from edgebert_runtime.errors import BundleExistsError, BundleIntegrityError, ConfigError


@pytest.fixture(scope="session")
def written(tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("app") / "model"
    return mobile(tiny_bundle, out, variants=["fp32", "int8"], progress=False)


def graphs(folder: Path) -> dict[str, Path]:
    described = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    return {name: folder / file for name, file in described["graphs"].items()}


def test_everything_is_there_and_names_no_path_of_this_machine(written: Path) -> None:
    names = {path.name for path in written.iterdir()}
    assert {"README.md", "model.json", "required_operators.config", "tokenizer.json"} < names
    assert len(graphs(written)) == 2
    for path in written.iterdir():
        assert str(written.parent).encode() not in path.read_bytes()


def test_the_graphs_answer_like_the_runtime(written: Path, tiny_bundle: Bundle) -> None:
    tokenizer = Tokenizer.from_file(str(written / "tokenizer.json"))
    ids = np.array([tokenizer.encode("the cat sat on the mat").ids], np.int64)
    feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    for name, graph in graphs(written).items():
        session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
        wanted = {
            each.name: feeds.get(each.name, np.zeros_like(ids)) for each in session.get_inputs()
        }
        (vector,) = session.run(["sentence_embedding"], wanted)
        expected = load(tiny_bundle, name).embed(["the cat sat on the mat"])
        np.testing.assert_allclose(vector, expected, atol=1e-5)


def test_every_operator_of_the_graphs_is_listed_once(written: Path) -> None:
    lines = (written / "required_operators.config").read_text(encoding="utf-8").splitlines()
    domains = {tuple(line.split(";")[:2]) for line in lines}
    assert len(domains) == len(lines)
    listed = {operator for line in lines for operator in line.split(";")[2].split(",")}
    assert {"MatMul", "Gather", "DynamicQuantizeMatMul", "MatMulInteger"} & listed
    assert "LayerNormalization" in listed or "SkipLayerNormalization" in listed


def test_what_is_there_is_replaced_only_if_it_is_ours(tiny_bundle: Bundle, tmp_path: Path) -> None:
    out = tmp_path / "model"
    mobile(tiny_bundle, out, variants=["fp32"], progress=False)
    with pytest.raises(BundleExistsError, match="pass overwrite"):
        mobile(tiny_bundle, out, progress=False)
    mobile(tiny_bundle, out, variants=["int8"], overwrite=True, progress=False)
    assert [name for name in graphs(out) if "int8" not in name] == []
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes.txt").write_text("mine")
    with pytest.raises(BundleExistsError, match="never replaced"):
        mobile(tiny_bundle, other, overwrite=True, progress=False)
    assert [path.name for path in other.iterdir()] == ["notes.txt"]


def test_a_damaged_bundle_gives_nothing(bundle: Bundle, tmp_path: Path) -> None:
    graph = bundle.folder / "tokenizer.json"
    graph.write_bytes(graph.read_bytes() + b" ")
    with pytest.raises(BundleIntegrityError):
        mobile(bundle, tmp_path / "model", progress=False)
    assert not (tmp_path / "model").exists()


def test_a_variant_for_one_provider_is_refused(tiny_bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no portable variant 'cpu'.* it has portable"):
        mobile(tiny_bundle, tmp_path / "model", variants=["cpu"])


def test_the_command_lists_what_it_wrote(tiny_bundle: Bundle, tmp_path: Path) -> None:
    out = tmp_path / "model"
    done = CliRunner().invoke(
        app, ["mobile", str(tiny_bundle.folder), str(out), "--variant", "fp32"]
    )
    assert done.exit_code == 0, done.exception
    assert "required_operators.config" in done.stdout
    again = CliRunner().invoke(app, ["mobile", str(tiny_bundle.folder), str(out)])
    assert again.exit_code == 2
    assert len(again.stderr.splitlines()) == 1
