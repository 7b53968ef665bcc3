"""`batch` of every task with a head: a row's answer is that of the model called alone."""

from pathlib import Path
from typing import Any, Final

import pytest

from edgebert_runtime import load
from edgebert_runtime.batch.driver import run_job
from edgebert_runtime.batch.settings import JobSettings
from edgebert_runtime.cli.main import main
from edgebert_runtime.errors import ConfigError, EdgebertError
from edgebert_runtime.tasks.registry import require_task
from tests.support.batch_jobs import InlineEngine, answered, planned, write_rows
from tests.support.task_bundles import BERT, GetSample

TEXTS: Final = ("ada lives in paris", "the dog ran", "acme works in berlin for ada")
SECOND: Final = "love lives in berlin"
MASKED: Final = tuple(f"{text} [MASK] ." for text in TEXTS)

GIVEN: Final[dict[str, dict[str, Any]]] = {
    "classify": {"options": {"top_k": 2}},
    "rank": {"question": SECOND},
    "tag": {"options": {"aggregation": "first"}},
    "answer": {"question": SECOND},
    "fill": {"options": {"top_k": 3}},
    "next_sentence": {"column_pair": "text_pair"},
}


def sources(task: str, path: Path) -> Path:
    texts = MASKED if task == "fill" else TEXTS
    return write_rows(path, [{"text": text, "text_pair": SECOND} for text in texts])


@pytest.mark.parametrize("task", GIVEN)
def test_answers_are_those_of_the_model(task: str, sample: GetSample, tmp_path: Path) -> None:
    bundle, given = sample(BERT[task]).folder, GIVEN[task]
    path = sources(task, tmp_path / "in.parquet")
    job = planned(bundle, path, tmp_path / "out", task, keep="none", **given)
    assert run_job(job, InlineEngine()).bad == 0
    table = answered(tmp_path / "out")
    spec = require_task(task)
    with load(bundle, threads=1) as model:
        texts = MASKED if task == "fill" else TEXTS
        items: list[Any] = list(texts)
        if "question" in given:
            items = [(SECOND, text) for text in texts]
        if "column_pair" in given:
            items = [(text, SECOND) for text in texts]
        options = spec.options(**given.get("options", {}))
        found = model.predict(items, options)
    record = spec.record if spec.alone is None else spec.alone.record
    expected = [plain(record(each)) | {"_error": None} for each in found]
    assert table.to_pylist() == expected


def plain(value: Any) -> Any:
    """An answer as Arrow gives it back."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize(
    ("task", "settings", "message"),
    [
        ("rank", {}, "needs either one query with --question, or a column of them"),
        ("answer", {"question": "x", "column_pair": "text_pair"}, "needs either one question"),
        ("next_sentence", {}, "takes pairs; name the second column with --column-pair"),
        ("tag", {"column_pair": "text_pair"}, "takes no pairs; leave out --column-pair"),
        ("fill", {"options": {"top_k": 0}}, "top_k must be at least 1"),
    ],
)
def test_what_a_task_does_not_take(
    task: str, settings: dict[str, Any], message: str, sample: GetSample, tmp_path: Path
) -> None:
    path = sources(task, tmp_path / "in.parquet")
    with pytest.raises(EdgebertError) as caught:
        planned(sample(BERT[task]).folder, path, tmp_path / "out", task, **settings)
    assert message in str(caught.value)


def test_pairs_of_columns_for_rank(sample: GetSample, tmp_path: Path) -> None:
    bundle = sample(BERT["rank"]).folder
    path = sources("rank", tmp_path / "in.parquet")
    run_job(
        planned(bundle, path, tmp_path / "out", "rank", column_pair="text_pair"), InlineEngine()
    )
    with load(bundle, task="rank", threads=1) as model:
        expected = [model.rank(text, [SECOND])[0].score for text in TEXTS]
    assert answered(tmp_path / "out").column("score").to_pylist() == pytest.approx(expected)


def test_the_command_takes_options_of_the_task(
    sample: GetSample, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, path = str(sample(BERT["classify"]).folder), str(tmp_path / "in.parquet")
    with pytest.raises(SystemExit, match="0"):
        main(["batch", bundle, "--help"])
    assert "--top-k K" in capsys.readouterr().out
    code = main(["batch", bundle, path, str(tmp_path / "out"), "--dimensions", "8"])
    assert code == 2
    assert "unrecognized arguments: --dimensions" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["in"], "name BUNDLE, IN and OUT; or the folder of a job with --status"),
        (["a", "--status", "b"], "--status takes the folder of a job, and nothing beside it"),
        (["a", "b", "c"], "is not an edgebert bundle|not found"),
        (["a", "b", "c", "--part", "1"], "--part is '1', expected I/N, such as 0/8"),
        (["--status", "none"], "it is no folder of a batch job"),
    ],
)
def test_arguments_that_make_no_sense(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["batch", *arguments]) == 2
    said = capsys.readouterr().err
    assert any(part in said for part in message.split("|")), said


def test_settings_that_make_no_sense() -> None:
    with pytest.raises(ConfigError, match="max_chars must be at least 1, got 0"):
        JobSettings(task="embed", max_chars=0)
