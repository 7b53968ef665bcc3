"""What engines of clusters and adapters do before a cluster is needed; tests/clusters runs them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgebert_runtime import Bundle, load
from edgebert_runtime.batch.column_answers import ColumnAnswers
from edgebert_runtime.batch.engines.attempts import Attempts, Order
from edgebert_runtime.batch.engines.registry import ENGINES, EngineOptions
from edgebert_runtime.batch.worker import UnitFailure, UnitResult
from edgebert_runtime.errors import ConfigError
from tests.support.batch_jobs import answered, planned, rows, write_rows

TEXTS = ["the cat sat", None, "on a mat", "x" * 60]


@pytest.mark.parametrize("name", ["ray", "spark"])
def test_an_engine_that_is_not_installed_says_what_installs_it(
    name: str, tiny_exported: Bundle, tmp_path: Path
) -> None:
    write_rows(tmp_path / "in.parquet", rows(60))
    job = planned(tiny_exported.folder, tmp_path / "in.parquet", tmp_path / "out")
    engine = ENGINES[name](EngineOptions())
    told: list[Any] = []
    with pytest.raises(ConfigError, match=rf"engine {name} needs .*\[{name}\]"):
        engine.run(job, [0], told.append, told.append)
    assert told == []


def test_an_order_holds_where_a_worker_has_another_folder(
    tiny_exported: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_rows(tmp_path / "in.parquet", rows(60))
    (tmp_path / "my-model").symlink_to(tiny_exported.folder)
    monkeypatch.chdir(tmp_path)
    job = planned(Path("my-model"), Path("in.parquet"), Path("out"))
    order = Order.of(job, 1)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    told = Attempts(order).run(0)
    assert isinstance(told, UnitResult)
    assert answered(tmp_path / "out").num_rows == 60


def test_a_worker_tells_what_it_cannot_open(tmp_path: Path) -> None:
    told = Attempts(Order(str(tmp_path), "my-model", 1)).run(3)
    assert isinstance(told, UnitFailure)
    assert (told.number, told.error) == (3, "OutputError")


def test_columns_are_answered_as_rows_of_a_job(tiny_exported: Bundle) -> None:
    with ColumnAnswers(str(tiny_exported.folder), ["text"], max_chars=50, threads=1) as answers:
        found = answers.answer(TEXTS)
        assert list(found) == answers.schema.names == ["embedding", "_error"]
    with load(tiny_exported.folder, task="embed", threads=1) as model:
        expected = model.embed([TEXTS[0], TEXTS[2]])
    good = [row for row in found["embedding"].to_pylist() if row is not None]
    np.testing.assert_allclose(good, expected, atol=1e-6)
    assert [None if each is None else each[:14] for each in found["_error"].to_pylist()] == [
        None,
        "text is null, ",
        None,
        "text has 60 ch",
    ]


@pytest.mark.parametrize("columns", [["embedding"], ["id", "_error"]])
def test_a_frame_with_the_names_of_answers_is_refused(
    columns: Sequence[str], tiny_exported: Bundle
) -> None:
    with (
        ColumnAnswers(str(tiny_exported.folder), ["text"], threads=1) as answers,
        pytest.raises(ConfigError, match=f"a column '{columns[-1]}' already"),
    ):
        answers.require_new(columns)
