"""The variant that gives attention maps: the same answers and weights, nothing else touched."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgebert
from edgebert.workflow.torch_model import open_checkpoint
from edgebert_export.bundle.attention_variant import require_attention
from edgebert_export.verification.alike import ALIKE, require_alike
from edgebert_runtime import Bundle, load
from edgebert_runtime.bundle.staging import change_manifest
from edgebert_runtime.cli.main import main
from edgebert_runtime.engine.session import Session
from edgebert_runtime.errors import ConfigError, EdgebertError, InputError, ParityError
from edgebert_runtime.verification.self_test import check_all
from tests.support.made_once import MadeOnce

TEXT = "the cat sat on the mat"
LONG = "the cat " * 400


@pytest.fixture(scope="module")
def attentive(made_once: MadeOnce, tiny_exported: Bundle) -> Bundle:
    """Shared, so never write into it."""

    def make(out: Path) -> None:
        edgebert.add_attention(shutil.copytree(tiny_exported.folder, out))

    return Bundle.open(made_once("tiny-attention", make))


def contents(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_it_is_added_beside_what_is_there(fp32_bundle: Bundle) -> None:
    before, manifest = contents(fp32_bundle.folder), fp32_bundle.manifest
    assert edgebert.add_attention(fp32_bundle) is fp32_bundle
    after = contents(fp32_bundle.folder)
    new = {"onnx/model_attention.onnx", "samples/attention.json"}
    assert after.keys() - before.keys() == new
    assert [path for path in before if before[path] != after[path]] == ["edgebert.json"]
    added = fp32_bundle.manifest.variants["attention"]
    assert (added.precision, added.target, added.parity) == ("fp32", "attention", None)
    rest = {k: v for k, v in fp32_bundle.manifest.variants.items() if k != "attention"}
    assert rest == manifest.variants
    assert fp32_bundle.manifest.default_variant == manifest.default_variant
    edgebert.add_attention(fp32_bundle.folder)  # again
    assert contents(fp32_bundle.folder) == after


def test_its_weights_are_bytes_of_the_portable_graph(attentive: Bundle) -> None:
    added = attentive.manifest.variants["attention"]
    assert added.files == ("onnx/model_attention.onnx", "onnx/model.onnx")
    weights = sum(each.length for each in added.external)
    whole = attentive.manifest.files["onnx/model.onnx"].size_bytes
    assert weights > 0.7 * whole
    assert attentive.manifest.files["onnx/model_attention.onnx"].size_bytes < 0.5 * whole


def test_it_runs_only_where_its_name_is_asked_for(attentive: Bundle) -> None:
    for asked in ("auto", "fp32"):
        assert load(attentive, variant=asked).info().target != "attention"
    with load(attentive, variant="attention") as model:
        vectors, info = model.embed([TEXT, "a dog"]), model.info()
    assert info.variant == "attention"
    expected = load(attentive, variant="portable").embed([TEXT, "a dog"])
    off = np.linalg.norm(vectors - expected, axis=1) / np.linalg.norm(expected, axis=1)
    assert off.max() < ALIKE
    with pytest.raises(ConfigError, match="'attention' shows attention, and is loaded by its name"):
        edgebert.set_default(attentive, "attention")


def test_devices_are_held_to_its_samples(attentive: Bundle) -> None:
    reports = {each.variant: each for each in check_all(attentive)}
    assert reports["attention"].passed
    assert reports["attention"].samples == reports["portable"].samples > 5


def test_it_can_be_verified_and_removed(
    attentive: Bundle, tiny_folder: Path, tmp_path: Path
) -> None:
    copy = Bundle.open(shutil.copytree(attentive.folder, tmp_path / "copy"))
    assert edgebert.verify(copy, against=tiny_folder, progress=False).worst["attention"] < ALIKE
    edgebert.remove_variant(copy, "attention")
    assert not (copy.folder / "onnx" / "model_attention.onnx").exists()
    assert not (copy.folder / "samples" / "attention.json").exists()


def test_a_bundle_and_its_checkpoint_are_explained_alike(
    attentive: Bundle, tiny_folder: Path
) -> None:
    def explained(model: Any) -> Any:
        return model.explain((TEXT, "a dog ran"), method=["attention", "leave_one_out"])

    with load(attentive, variant="attention") as loaded:
        of_graph = explained(loaded)
    with open_checkpoint(tiny_folder) as read:
        of_torch = explained(read)
    assert (of_graph.variant, of_torch.variant) == ("attention", "torch")
    assert of_graph.tokens == of_torch.tokens
    assert of_graph.words == of_torch.words
    layers = attentive.manifest.architecture["layers"]
    heads, count = attentive.manifest.architecture["heads"], len(of_graph.tokens)
    assert of_graph.attention.shape == (layers, heads, count, count)
    np.testing.assert_allclose(of_graph.attention, of_torch.attention, atol=1e-5)
    assert of_graph.value == pytest.approx(of_torch.value, abs=1e-5)
    assert of_graph.runs == of_torch.runs


def test_other_bundles_say_what_adds_it(fp32_bundle: Bundle) -> None:
    command = rf"edgebert explain {fp32_bundle.folder} TEXT"
    with pytest.raises(ConfigError, match=f"no variant 'attention'.*{command}"):
        load(fp32_bundle, variant="attention")
    with load(fp32_bundle) as model, pytest.raises(ConfigError, match=command):
        model.explain(TEXT, method="attention")


def test_another_variant_says_which_to_load(attentive: Bundle) -> None:
    message = "variant 'cpu' of .* gives no attention maps; load variant='attention'"
    with load(attentive) as model, pytest.raises(ConfigError, match=message):
        model.explain(TEXT, method="attention")


@pytest.mark.parametrize(
    ("item", "given", "error", "message"),
    [
        ("", {}, InputError, "text has no word, expected one at least"),
        (LONG, {}, InputError, r"the limit is \d+; explain a part of it, such as characters 0 to"),
        (TEXT, {"answer": "x"}, ConfigError, "attention shows no contributions; leave it out"),
        (7, {}, InputError, "text is int, expected str"),
    ],
    ids=str,
)
def test_what_cannot_be_shown_is_refused(
    attentive: Bundle, item: Any, given: dict[str, Any], error: type[EdgebertError], message: str
) -> None:
    with (
        load(attentive, variant="attention") as model,
        pytest.raises(error, match=message),
    ):
        model.explain(item, method="attention", **given)


def test_a_shell_shows_it(attentive: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["explain", str(attentive.folder), TEXT, "--method", "attention"]
    assert main([*asked, "--head", "0.1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["variant"] == "attention"
    assert np.array(found["attention"]).sum(axis=-1) == pytest.approx(1, abs=1e-4)
    assert len(found["heads"]) == np.prod(np.array(found["attention"]).shape[:2])
    for head, message in (
        ("9.9", "head 9.9 is not there: layers are 0 to "),
        ("one", "--head takes LAYER.HEAD, such as 0.3, got 'one'"),
    ):
        assert main([*asked, "--head", head]) != 0
        assert message in capsys.readouterr().err
    assert main([*asked[:3], "--head", "0.1"]) != 0
    assert "--head goes with --method attention" in capsys.readouterr().err


def test_a_bundle_without_the_portable_graph_is_refused(fp32_bundle: Bundle) -> None:
    edgebert.remove_variant(fp32_bundle, "portable")
    with pytest.raises(ConfigError, match="has no fp32 variant for 'portable'"):
        edgebert.add_attention(fp32_bundle)


def test_a_manifest_of_other_layers_leaves_the_bundle_alone(fp32_bundle: Bundle) -> None:
    def deeper(manifest: Any) -> Any:
        architecture = {**manifest.architecture, "layers": 9}
        return replace(manifest, architecture=architecture)

    change_manifest(fp32_bundle.folder, deeper)
    before = contents(fp32_bundle.folder)
    with pytest.raises(EdgebertError, match="softmaxes over keys, expected 9"):
        edgebert.add_attention(fp32_bundle)
    assert contents(fp32_bundle.folder) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda maps: maps[:, 0], r"has shape \(2, 4, 4\), expected one map a head"),
        (lambda maps: maps * 1.001, "sum to between 1.000000 and 1.001000"),
        (lambda maps: maps[:, :, :, ::-1], "0.500000 goes to a dropped token"),
    ],
    ids=["shape", "sum", "dropped"],
)
def test_what_is_no_attention_is_refused(change: Any, message: str) -> None:
    keep = np.array([[True, True, False, False]] * 2)
    maps = np.zeros((2, 3, 4, 4), dtype=np.float32)
    maps[:, :, :, :2] = 0.5
    require_attention("attention.0", maps, keep)
    with pytest.raises(ParityError, match=message):
        require_attention("attention.0", change(maps), keep)


def test_answers_that_differ_are_refused(fp32_bundle: Bundle) -> None:
    portable = Session(fp32_bundle.path_of("onnx/model.onnx"), provider="cpu")

    class Off:
        graph, inputs = portable.graph, portable.inputs

        def run(self, outputs: Any, feeds: Any) -> Any:
            return [each * (1 + 1e-4) for each in portable.run(outputs, feeds)]

    ids = np.ones((2, 5), dtype=np.int64)
    feeds = {"input_ids": ids, "attention_mask": ids, "token_type_ids": ids * 0}
    outputs = [each.name for each in fp32_bundle.manifest.task.outputs]
    assert require_alike(portable, portable, outputs, feeds) == 0
    off: Any = Off()
    with pytest.raises(ParityError, match=r"1\.0e-04 of its length away"):
        require_alike(off, portable, outputs, feeds)
