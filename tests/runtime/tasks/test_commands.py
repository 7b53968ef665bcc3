"""`edgebert-run` for every task: JSON lines of what the model answers."""

import io
import json
from dataclasses import asdict
from typing import Any

import pytest

from edgebert_runtime import Bundle, load
from edgebert_runtime.cli import main
from tests.runtime.tasks.bundles import BERT
from tests.runtime.tasks.conftest import GetSample


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
