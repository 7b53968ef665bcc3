"""The two commands, as processes: exit codes, clean standard output, one wrong input each."""

import json
from pathlib import Path

import pytest

import edgebert as edgebert_api
from edgebert_runtime import Bundle
from edgebert_runtime.engine.opsets import OLDEST_ENGINE
from edgebert_runtime.errors import EdgebertError
from tests.support.commands import edgebert, edgebert_run
from tests.support.families import SAMPLES, build_with_head, save

VARIANTS = {"portable", "cpu", "int8-portable", "int8-cpu"}


def test_export_quantize_verify_inspect_run(tiny_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    exported = edgebert("export", tiny_folder, out, "--max-length", 20)
    assert exported.returncode == 0, exported.stderr
    assert "verifying cpu against torch" in exported.stderr
    assert "verifying" not in exported.stdout
    assert edgebert("quantize", out, "--force").returncode == 0

    verified = edgebert("verify", out, "--against", tiny_folder, "--json")
    assert verified.returncode == 0, verified.stderr
    assert json.loads(verified.stdout)["passed"] is True
    assert set(json.loads(verified.stdout)["variants"]) == VARIANTS

    inspected = edgebert("inspect", out, "--json")
    assert json.loads(inspected.stdout)["tokenizer"]["max_length"] == 20

    answered = edgebert("run", out, "-", stdin="a cat\nthe dog\n")
    lines = [json.loads(line) for line in answered.stdout.splitlines()]
    assert [line["text"] for line in lines] == ["a cat", "the dog"]
    assert answered.stderr == "edgebert: answered by variant 'int8-cpu' (int8) on cpu\n"


def test_verify_against_another_model_fails_with_1(
    tiny_folder: Path, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    import safetensors.torch

    other = tmp_path / "other"
    other.mkdir()
    for path in tiny_folder.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    state = safetensors.torch.load_file(other / "model.safetensors")
    safetensors.torch.save_file(
        {name: tensor * 1.01 for name, tensor in state.items()}, other / "model.safetensors"
    )
    done = edgebert("verify", tiny_bundle.folder, "--against", other, "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["passed"] is False
    assert "parity cases fail" in done.stderr


ANOTHER = {
    "hidden": {"hidden_size": 24},
    "layers": {"num_hidden_layers": 2},
    "vocabulary": {"vocab_size": 1004},
    "positions": {"max_position_embeddings": 64},
    "labels": {"id2label": {0: "a", 1: "b", 2: "c"}},
}
"""What differs → how the other model is built."""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A classifier's bundle."""
    folder = tmp_path_factory.mktemp("exported")
    source = save(build_with_head(SAMPLES["bert"], "classify"), folder / "source")
    return edgebert_api.export(source, folder / "bundle", target="portable")


@pytest.mark.parametrize("differs", [*ANOTHER, "task"])
def test_verify_against_another_model_is_refused_before_anything_runs(
    differs: str, exported: Bundle, tmp_path: Path
) -> None:
    told: list[str] = []
    task = "tag" if differs == "task" else "classify"
    model = build_with_head(SAMPLES["bert"], task, **ANOTHER.get(differs, {}))
    other = save(model, tmp_path / "other")
    expected = rf"is another model than .*: it has .*{differs} "
    if differs == "task":
        expected = r"cannot be read as a model for task 'classify', which .* has: .*a pooler"
    with pytest.raises(EdgebertError, match=expected) as caught:
        edgebert_api.verify(exported, other, progress=told.append)
    assert caught.value.exit_code == 2
    assert told == []
    assert "\n" not in str(caught.value)


def test_verify_against_another_model_ends_with_2_and_one_line(
    tiny_folder: Path, exported: Bundle
) -> None:
    done = edgebert("verify", exported.folder, "--against", tiny_folder, "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["export", "{nothing}", "{out}"], "neither a folder here nor a Hub id"),
        (["export", "{source}", "{bundle}"], "exists"),
        (["export", "{source}", "{out}", "--precision", "int3"], "precision must be one of"),
        (["export", "{source}", "{out}", "--target", "npu"], "target must be one of"),
        (["export", "{source}", "{out}", "--max-length", "5000"], "max_length must be"),
        (["quantize", "{nothing}"], "is .* an edgebert bundle"),
        (["verify", "{bundle}", "--against", "{nothing}"], "neither a folder here nor a Hub id"),
        (["inspect", "{source}"], "is a checkpoint, not a bundle; run: edgebert export"),
        (["run", "{bundle}", "x", "--variant", "int1"], "has no variant 'int1'"),
        (["run", "{bundle}", "x", "--provider", "cuda"], "needs CUDAExecutionProvider"),
        (["run", "{bundle}", "x", "--provider-option", "CPU"], "takes NAME=VALUE"),
        (["bench", "{nothing}"], "edgebert.json not found"),
        (["profile", "{nothing}"], "edgebert.json not found"),
        (["profile", "{bundle}", "--variant", "int1"], "has no variant 'int1'"),
        (["profile", "{bundle}", "--sequence", "41"], "sequence must be at most 40"),
        (["profile", "{bundle}", "--runs", "0"], "runs must be at least 1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_ends_with_2_and_one_line(
    arguments: list[str], message: str, tiny_folder: Path, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    import re

    places = {
        "nothing": tmp_path / "no" / "such" / "place",
        "out": tmp_path / "out",
        "source": tiny_folder,
        "bundle": tiny_bundle.folder,
    }
    done = edgebert(*(argument.format(**places) for argument in arguments))
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert re.search(message, done.stderr.replace("\n", " ")), done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_help_names_the_oldest_engine() -> None:
    assert f"{OLDEST_ENGINE})" in edgebert("export", "--help").stdout


def test_the_devices_command(tiny_bundle: Bundle) -> None:
    folder = tiny_bundle.folder
    embedded = edgebert_run("embed", folder, "a cat", "--variant", "int8")
    assert len(json.loads(embedded.stdout)["embedding"]) == 48
    assert json.loads(edgebert_run("info", folder).stdout)["provider"] == "cpu"
    wrong = edgebert_run("info", folder, "--variant", "x")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert edgebert_run("--version").stdout.startswith("edgebert-run 0.")


def test_bench_measures_every_variant(tiny_bundle: Bundle, tmp_path: Path) -> None:
    few = ["--quick", "--threads", 1, "--batches", 1, "--rounds", 2]
    done = edgebert("bench", tiny_bundle.folder, *few, "--json", tmp_path / "out.json")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert {timing["variant"] for timing in found["timings"]} == VARIANTS
    assert {timing["sequence"] for timing in found["timings"]} == {32}


def test_run_answers_as_the_bundles_task_does(tmp_path: Path) -> None:
    source = save(build_with_head(SAMPLES["bert"], "classify", num_labels=1), tmp_path / "source")
    out = tmp_path / "out"
    exported = edgebert("export", source, out)
    assert exported.returncode == 0, exported.stderr
    assert "task rank: the checkpoint is a BertForSequenceClassification" in exported.stderr
    ranked = edgebert("run", out, "the cat", "a dog ran", "the small cat sat")
    lines = [json.loads(line) for line in ranked.stdout.splitlines()]
    assert sorted(line["index"] for line in lines) == [0, 1]
    assert lines[0]["score"] > lines[1]["score"]
    refused = edgebert("export", source, tmp_path / "other", "--task", "fill")
    assert refused.returncode == 2
    assert "has no head for fill among its tensors (heads there: classify" in refused.stderr
    assert not (tmp_path / "other").exists()
