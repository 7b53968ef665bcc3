"""`edgebert-run` for every task: JSON lines of what the model answers."""

import csv
import io
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import pytest

from edgebert_runtime import Bundle, load
from edgebert_runtime.cli.main import main
from tests.support.task_bundles import BERT, GetSample


def lines(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[dict[str, Any]]:
    assert main([str(argument) for argument in arguments]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_classify(sample: GetSample, capsys: pytest.CaptureFixture[str]) -> None:
    folder = sample(BERT["classify"]).folder
    found = lines(capsys, "classify", "--top-k", 1, folder, "the cat", "café 🙂")
    expected = load(folder, task="classify").classify(["the cat", "café 🙂"], top_k=1)
    assert [line.pop("text") for line in found] == ["the cat", "café 🙂"]
    assert found == [json.loads(json.dumps(asdict(each))) for each in expected]


def test_tag(
    sample: GetSample, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = sample(BERT["tag"]).folder
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"Ada lives in Paris\r\n\n")))
    found = lines(capsys, "tag", folder, "--aggregation", "first")
    (expected, _) = load(folder, task="tag").tag(["Ada lives in Paris", ""], aggregation="first")
    assert found == [
        {"text": "Ada lives in Paris", "entities": [asdict(entity) for entity in expected]},
        {"text": "", "entities": []},
    ]


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_a_table_can_have_a_row_for_each_entity(
    kind: str, sample: GetSample, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pyarrow import parquet

    folder, out = sample(BERT["tag"]).folder, tmp_path / f"out.{kind}"
    texts = ["Ada Lovelace lives in Paris", "", "the cat"]
    command = ["tag", folder, "--rows", "entity", *texts]
    printed = lines(capsys, *command)
    assert lines(capsys, *command, "--output", out) == []
    expected = [
        {
            "item": item,
            "start": entity.start,
            "end": entity.end,
            "label": entity.label,
            "score": entity.score,
            "word": texts[item][entity.start : entity.end],
        }
        for item, entities in enumerate(load(folder, task="tag").tag(texts))
        for entity in entities
    ]
    assert {row["item"] for row in expected} == {0, 2}
    assert printed == expected
    if kind == "parquet":
        assert parquet.read_table(out).to_pylist() == expected
        return
    text = out.read_text(encoding="utf-8")
    if kind == "jsonl":
        assert [json.loads(line) for line in text.splitlines()] == expected
        return
    assert list(csv.DictReader(io.StringIO(text))) == [
        {name: str(value) for name, value in row.items()} for row in expected
    ]


def test_only_tags_have_rows_for_their_parts(
    sample: GetSample, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(sample(BERT["classify"]).folder)
    assert main(["classify", folder, "--rows", "text", "a"]) == 2
    assert "--rows" in capsys.readouterr().err


def test_answer(sample: GetSample, capsys: pytest.CaptureFixture[str]) -> None:
    folder = sample(BERT["answer"]).folder
    found = lines(
        capsys, "answer", folder, "--top-k", 9, "--allow-no-answer", "who?", "the cat", "red"
    )
    assert [len(line["answers"]) for line in found] == [4, 2]
    expected = load(folder, task="answer").answer("who?", "red", top_k=9, allow_no_answer=True)
    assert found[1]["answers"] == [asdict(answer) for answer in expected]


def test_rank(sample: GetSample, capsys: pytest.CaptureFixture[str]) -> None:
    folder = sample(BERT["rank"]).folder
    found = lines(capsys, "rank", folder, "who?", "the cat", "red", "ada")
    expected = load(folder, task="rank").rank("who?", ["the cat", "red", "ada"])
    assert found == [asdict(document) for document in expected]


def test_fill(sample: GetSample, capsys: pytest.CaptureFixture[str]) -> None:
    folder = sample(BERT["fill"]).folder
    (found,) = lines(capsys, "fill", folder, "the [MASK] [MASK]", "--top-k", 2)
    expected = load(folder, task="fill").fill("the [MASK] [MASK]", top_k=2)
    assert found["masks"] == [[asdict(filling) for filling in mask] for mask in expected]


def test_next_sentence(sample: GetSample, capsys: pytest.CaptureFixture[str]) -> None:
    folder = sample(BERT["next_sentence"]).folder
    (found,) = lines(capsys, "next-sentence", folder, "the cat", "sat")
    expected = load(folder, task="next_sentence").score("the cat", "sat")
    assert found == {"text": "the cat", "text_pair": "sat", "probability": expected}


def test_embed_as_ever(tiny_bundle: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = lines(capsys, "embed", tiny_bundle.folder, "a cat")
    assert (found["text"], len(found["embedding"])) == ("a cat", 48)


@pytest.mark.parametrize("command", ["embed", "classify"])
def test_a_bundle_of_another_task_ends_with_2_and_one_line(
    sample: GetSample, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert main([command, str(sample(BERT["tag"]).folder), "a"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert f"has task 'tag', not '{command}'" in printed.err
    assert printed.err.count("\n") == 1


EVERY_TASK: Final[dict[str, list[str]]] = {
    "classify": ["the cat", "café 🙂"],
    "tag": ["Ada lives in Paris", ""],
    "answer": ["who?", "the cat", "red"],
    "rank": ["who?", "the cat", "red", "ada"],
    "fill": ["the [MASK] [MASK]", "a [MASK]"],
    "next_sentence": ["the cat", "sat"],
}


@pytest.mark.parametrize("task", EVERY_TASK)
def test_every_task_writes_files_of_what_it_prints(
    task: str, sample: GetSample, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pyarrow import parquet

    command = [task.replace("_", "-"), sample(BERT[task]).folder, *EVERY_TASK[task]]
    printed = lines(capsys, *command)
    for kind in ("jsonl", "parquet", "csv"):
        assert lines(capsys, *command, "--output", tmp_path / f"out.{kind}") == []
    rows = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(row) for row in rows] == printed
    assert parquet.read_table(tmp_path / "out.parquet").to_pylist() == printed
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        cells = list(csv.DictReader(file))
    assert [flat(row) for row in printed] == cells
    assert main([str(word) for word in [*command, "--output", tmp_path / "out.npy"]]) == 2
    assert "npy is for vectors, these answers have" in capsys.readouterr().err
    assert len(os.listdir(tmp_path)) == 3


def flat(row: dict[str, Any]) -> dict[str, str]:
    """A record as CSV has it: `best.label` for what is in an object, JSON for a list."""
    found: dict[str, str] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            found |= {f"{name}.{key}": str(inner) for key, inner in value.items()}
        else:
            is_list = isinstance(value, list)
            found[name] = json.dumps(value, ensure_ascii=False) if is_list else str(value)
    return found


@pytest.mark.parametrize("task", ["classify", "next_sentence"])
def test_pairs_of_a_file(
    task: str, sample: GetSample, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, folder = tmp_path / "pairs.csv", sample(BERT[task]).folder
    path.write_text("one,other\nthe cat,sat\nred,\n", encoding="utf-8")
    command = [task.replace("_", "-"), folder, "--input", path, "--column", "one"]
    found = lines(capsys, *command, "--column-pair", "other")
    pairs = [("the cat", "sat"), ("red", "")]
    assert [(line["text"], line["text_pair"]) for line in found] == pairs
    model: Any = load(folder)
    if task == "classify":
        expected = [asdict(each) for each in model.classify(pairs)]
        assert [line["best"] for line in found] == [each["best"] for each in expected]
    else:
        assert found[0]["probability"] == model.score("the cat", "sat")


def test_next_sentence_wants_two_texts(
    sample: GetSample, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(sample(BERT["next_sentence"]).folder)
    for wrong in (["a"], ["--input", str(tmp_path / "a.csv")]):
        assert main(["next-sentence", folder, *wrong]) == 2
        assert "--column-pair" in capsys.readouterr().err


def test_documents_of_a_file(
    sample: GetSample, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, folder = tmp_path / "documents.txt", sample(BERT["rank"]).folder
    path.write_text("the cat\nred\nada\n", encoding="utf-8")
    found = lines(capsys, "rank", folder, "who?", "--input", path, "--top-k", 2)
    expected = load(folder, task="rank").rank("who?", ["the cat", "red", "ada"], top_k=2)
    assert found == [asdict(document) for document in expected]
