"""Whole jobs in one process: rows in, shards out, and what is refused."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from edgebert_runtime import Bundle, Embedder, load
from edgebert_runtime.batch import json_lines_format
from edgebert_runtime.batch.driver import ATTEMPTS, Part, require_all, run_job
from edgebert_runtime.batch.job import JOB_FILE, SUCCESS, Job
from edgebert_runtime.batch.planner import plan_job
from edgebert_runtime.batch.settings import JobSettings
from edgebert_runtime.batch.status import status_of
from edgebert_runtime.batch.worker import UnitWorker
from edgebert_runtime.errors import (
    BatchFailedError,
    ConfigError,
    EngineError,
    InputError,
    OutputError,
)
from tests.support.batch_jobs import InlineEngine, answered, planned, rows, write_rows

ENDINGS = (".parquet", ".jsonl", ".csv")
COUNT = 230


@pytest.fixture(scope="module")
def model(tiny_exported: Bundle) -> Embedder:
    return load(tiny_exported, threads=1)


@pytest.fixture(scope="module")
def bundle(tiny_exported: Bundle) -> Path:
    return tiny_exported.folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two files of Parquet, 115 rows each."""
    for number in range(2):
        write_rows(tmp_path / "in" / f"{number}.parquet", rows(115, 115 * number))
    return tmp_path / "in"


def run(job: Job, **given: Any) -> pa.Table:
    run_job(job, InlineEngine(), **given)
    return answered(Path(job.out))


@pytest.mark.parametrize("ending", ENDINGS)
def test_rows_keep_their_columns_and_get_the_answers_of_embed(
    ending: str, bundle: Path, model: Embedder, tmp_path: Path
) -> None:
    given = rows(COUNT)
    for number in range(2):
        write_rows(tmp_path / "in" / f"{number}{ending}", given[115 * number :][:115])
    job = planned(bundle, tmp_path / "in", tmp_path / "out", shard_rows=40)
    assert job.units == (2 if ending == ".csv" else job.units) > 1
    table = run(job)
    assert table.column_names == ["id", "text", "lang", "score", "embedding", "_error"]
    types = {"id": "int64", "text": "string", "lang": "string", "score": "double"}
    for name, type_ in types.items():
        assert str(table.schema.field(name).type) == ("string" if ending == ".csv" else type_)
    kept = table.drop_columns(["embedding", "_error"]).to_pylist()
    if ending == ".csv":
        given = [{k: "" if v is None else str(v) for k, v in row.items()} for row in given]
    assert kept == given
    assert table.column("_error").null_count == COUNT
    assert table.schema.field("embedding").type == pa.list_(pa.float32(), 48)
    vectors = np.array(table.column("embedding").to_pylist(), dtype=np.float32)
    np.testing.assert_allclose(
        vectors, model.embed([row["text"] for row in rows(COUNT)]), atol=1e-6
    )
    assert (tmp_path / "out" / SUCCESS).exists()


def test_the_plan_and_the_shards_are_the_same_every_time(bundle: Path, source: Path) -> None:
    shards = []
    for name in ("one", "two"):
        job = planned(bundle, source, source.with_name(name))
        run(job)
        shards.append({p.name: p.read_bytes() for p in source.with_name(name).glob("part-*")})
    assert shards[0] == shards[1]
    assert sorted(shards[0]) == [job.shard_name(number) for number in range(job.units)]
    with UnitWorker(job, threads=1) as worker:  # once more changes nothing
        assert worker.run(0).rows == 50
    assert {p.name: p.read_bytes() for p in source.with_name("two").glob("part-*")} == shards[0]


def test_vectors_are_compressed_without_a_dictionary(bundle: Path, source: Path) -> None:
    run(planned(bundle, source, source.with_name("out"), options={"output_dtype": "int8"}))
    group = pq.read_metadata(next(source.with_name("out").glob("part-*"))).row_group(0)
    found = {group.column(at).path_in_schema: group.column(at) for at in range(group.num_columns)}
    assert {column.compression for column in found.values()} == {"ZSTD"}
    assert found["text"].has_dictionary_page
    assert not found["embedding.list.element"].has_dictionary_page


def test_what_a_source_has_decides_which_rows_are_bad(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_lines_format, "SAMPLE_BYTES", 100)
    lines = [
        '{"id": 1, "text": "the cat sat"}',
        '{"id": 2, "text": null}',
        '{"id": 3}',
        "",
        '{"id": 4, "text": 7}',
        '{"id": 5, "text": "\\ud800"}',
        "no JSON",
        '{"id": "six", "text": "a cat"}',
        '{"id": 7, "text": "a cat", "more": 1}',
        '{"id": 8, "text": "' + "far " * 30 + '"}',
        '{"id": 9, "text": "the dog"}',
    ]
    path = tmp_path / "in.jsonl"
    head = '{"id": 0, "text": "first"}\n' * 9  # more than what planning looks at
    path.write_bytes((head + "\r\n".join(lines)).encode())
    problems = [
        None,
        "text is null",
        "text is null",
        "text is 7, expected string as in the first rows",
        "lone surrogate|expected string",
        "is not JSON",
        "id is 'six', expected int64 as in the first rows",
        "has the unknown column 'more'",
        "text has 120 characters, expected at most 100",
        None,
    ]
    result = run_job(planned(bundle, path, tmp_path / "out", max_chars=100), InlineEngine())
    table = answered(tmp_path / "out").slice(9)
    for row, problem in zip(table.to_pylist(), problems, strict=True):
        assert (row["embedding"] is None) == (row["_error"] is not None) == (problem is not None)
        if problem is not None:
            assert any(part in row["_error"] for part in problem.split("|"))
    assert table.column("id").to_pylist() == [1, 2, 3, 4, 5, None, None, None, 8, 9]
    assert result.bad == 8


@pytest.mark.parametrize(("on_bad", "left"), [("null", 6), ("skip", 4)])
def test_a_bad_row_of_parquet(on_bad: str, left: int, bundle: Path, tmp_path: Path) -> None:
    texts = ["a cat", None, "a dog", "red", "far " * 50, "on a mat"]
    path = write_rows(
        tmp_path / "in.parquet", [{"id": at, "text": t} for at, t in enumerate(texts)]
    )
    options = {"long": "error"}
    job = planned(bundle, path, tmp_path / "out", on_bad=on_bad, options=options)
    report = run_job(job, InlineEngine())
    table = answered(tmp_path / "out")
    assert (report.rows, report.bad, table.num_rows) == (left, 2, left)
    ids = table.filter(table.column("_error").is_null()).column("id").to_pylist()
    assert ids == [0, 2, 3, 5]
    if on_bad == "null":
        assert "has 52 tokens, the limit is 40" in table.column("_error")[4].as_py()
    status = status_of(str(tmp_path / "out"))
    assert (status.rows, status.bad, status.done, status.complete) == (left, 2, 1, True)


def test_a_bad_row_ends_a_job_that_is_to_fail(bundle: Path, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "in.parquet", [{"text": "a cat"}, {"text": None}])
    job = planned(bundle, path, tmp_path / "out", on_bad="fail")
    with pytest.raises(InputError, match=r"in\.parquet, row 2: text is null.*--on-bad null"):
        run(job)
    assert list((tmp_path / "out").glob("part-*")) == []


@pytest.mark.parametrize(("keep", "kept"), [("none", []), ("lang,id", ["lang", "id"])])
@pytest.mark.parametrize("ending", ENDINGS)
def test_which_columns_are_kept(
    keep: str, kept: list[str], ending: str, bundle: Path, tmp_path: Path
) -> None:
    path = write_rows(tmp_path / f"in{ending}", rows(30))
    table = run(planned(bundle, path, tmp_path / "out", keep=keep))
    assert table.column_names == [*kept, "embedding", "_error"]
    assert table.num_rows == 30
    assert [str(each) for each in (table.column("id").to_pylist() if kept else [])] == [
        str(row["id"]) for row in rows(30) if kept
    ]


def test_values_of_several_kinds_are_kept_as_json(bundle: Path, tmp_path: Path) -> None:
    mixed = [{"a": 1}, [1, 2], "x", None, 2.5]
    path = write_rows(tmp_path / "in.jsonl", [{"text": "a", "m": value} for value in mixed])
    table = run(planned(bundle, path, tmp_path / "out"))
    found = table.column("m").to_pylist()
    assert [None if each is None else json.loads(each) for each in found] == mixed


def test_shares_without_an_engine_make_the_whole(bundle: Path, source: Path) -> None:
    out = source.with_name("out")
    for index in (2, 0, 1):
        job = planned(bundle, source, out)
        assert not (out / SUCCESS).exists()
        report = run_job(job, InlineEngine(), Part(index, 3))
        assert report.already == 0
    assert (out / SUCCESS).exists()
    assert answered(out).column("id").to_pylist() == list(range(COUNT))


def fail(*numbers: int, error: Exception, times: int = 100) -> Callable[[int], None]:
    left = dict.fromkeys(numbers, times)

    def before(number: int) -> None:
        if left.get(number, 0):
            left[number] -= 1
            raise error

    return before


def test_a_unit_that_fails_is_tried_again(bundle: Path, source: Path) -> None:
    engine = InlineEngine(fail(1, error=EngineError("out of luck"), times=ATTEMPTS - 1))
    report = run_job(planned(bundle, source, source.with_name("out")), engine)
    assert report.failed == ()
    assert engine.tried.count(1) == ATTEMPTS
    assert answered(source.with_name("out")).num_rows == COUNT


def test_a_unit_that_fails_again_and_again_is_given_up_and_the_rest_goes_on(
    bundle: Path, source: Path
) -> None:
    out = source.with_name("out")
    job = planned(bundle, source, out)
    report = run_job(job, InlineEngine(fail(1, error=EngineError("out of luck"))))
    assert report.failed == (1,)
    with pytest.raises(BatchFailedError, match=r"1 of 6 units were given up after 3 .*/failed"):
        require_all(report)
    assert job.pending() == [1]
    assert not (out / SUCCESS).exists()
    assert status_of(str(out)).failed == (1,)
    described = json.loads((out / job.failed_name(1)).read_text(encoding="utf-8"))
    assert described["reason"] == "EngineError: out of luck"
    assert (described["start"], described["stop"]) == (50, 100)
    again = run_job(job, InlineEngine())
    assert (again.already, again.failed) == (5, ())
    assert status_of(str(out)).failed == ()
    assert (out / SUCCESS).exists()


def test_a_worker_that_dies_behind_its_commit_is_counted_by_its_shard(
    bundle: Path, source: Path
) -> None:
    class Silent(InlineEngine):
        def run(self, job: Any, numbers: Any, on_result: Any, on_failure: Any) -> None:
            super().run(job, numbers, lambda _: None, on_failure)

    job = planned(bundle, source, source.with_name("out"))
    seen: list[int] = []
    report = run_job(job, Silent(), watch=lambda result: seen.append(result.number))
    assert (report.rows, report.failed) == (COUNT, ())
    assert seen == list(range(job.units))


def test_an_engine_that_does_nothing_is_an_error(bundle: Path, source: Path) -> None:
    class Idle(InlineEngine):
        def run(self, *_: Any) -> None:
            pass

    job = planned(bundle, source, source.with_name("out"))
    with pytest.raises(EngineError, match="Idle ran none of 6 units"):
        run_job(job, Idle())


def test_a_source_that_changes_ends_the_job(bundle: Path, source: Path) -> None:
    job = planned(bundle, source, source.with_name("out"))
    os.utime(source / "1.parquet", ns=(0, 0))
    with pytest.raises(InputError, match=r"1\.parquet has changed since the job was planned"):
        run(job)
    assert len(job.done()) == 3  # those of the other file
    (source / "1.parquet").unlink()
    with pytest.raises(InputError, match=r"1\.parquet cannot be read: No such file"):
        run(job)


def test_the_folder_of_another_job(bundle: Path, source: Path) -> None:
    out = source.with_name("out")
    job = planned(bundle, source, out)
    assert planned(bundle, source, out) == job
    message = r"has another job: options is \{\} there and \{\"dimensions\": 8\} now; shard_rows"
    with pytest.raises(OutputError, match=message):
        planned(bundle, source, out, options={"dimensions": 8}, shard_rows=61)
    os.utime(source / "0.parquet", ns=(0, 0))
    write_rows(source / "2.parquet", rows(3))
    with pytest.raises(OutputError, match=r"0\.parquet has changed; .*2\.parquet is a new source"):
        planned(bundle, source, out)


def test_a_copy_of_the_bundle_goes_on(bundle: Path, source: Path, tmp_path: Path) -> None:
    out = source.with_name("out")
    run_job(planned(bundle, source, out), InlineEngine(), Part(0, 2))
    copy = shutil.copytree(bundle, tmp_path / "elsewhere")
    job = planned(copy, source, out)
    assert job.record.bundle == str(copy)
    assert run_job(job, InlineEngine()).already == 3


def test_a_folder_without_a_job(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="it is no folder of a batch job"):
        status_of(str(tmp_path))
    (tmp_path / "_edgebert").mkdir()
    (tmp_path / JOB_FILE).write_text("no JSON", encoding="utf-8")
    with pytest.raises(OutputError, match=r"job\.json is not valid JSON .*; choose another folder"):
        status_of(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "content", "settings", "message"),
    [
        ("in.txt", b"a\n", {}, "sources end in '.txt', expected one of .parquet, .jsonl, .csv"),
        ("in.jsonl", b'{"a": 1}\n', {}, "has no column 'text' in its first 1 rows, they have 'a'"),
        ("in.csv", b"a,b\n1,2\n", {}, "line 1 has no column 'text', it has 'a', 'b'"),
        ("in.csv", b'text\n"a\n', {}, "unexpected end of data"),
        ("in.parquet", b"PAR1", {}, "is not a Parquet file"),
        ("in.jsonl", b'{"text": "a"}\n', {"keep": "x,x"}, "has a column twice"),
        ("in.csv", b"text,id\na,1\n", {"keep": "x"}, "has the column 'x' 0 times"),
        ("in.jsonl", b'{"text": "a", "_error": 1}\n', {}, "has a column '_error', which is"),
        ("in.jsonl", b'{"text": "a"}\n', {"shard_rows": 0}, "shard_rows must be from 1 to"),
        ("in.jsonl", b'{"text": "a"}\n', {"question": "x"}, "no text that all items share"),
        ("in.jsonl", b'{"text": "a"}\n', {"task": "answer"}, "has task 'embed', not 'answer'"),
    ],
)
def test_what_cannot_be_planned(
    name: str, content: bytes, settings: dict[str, Any], message: str, bundle: Path, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises((InputError, ConfigError)) as caught:
        run(planned(bundle, path, tmp_path / "out", **settings))
    assert message in str(caught.value)
    assert not list((tmp_path / "out").glob("part-*"))


def test_sources_that_are_not_alike(bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write_rows(folder / "0.parquet", [{"text": "a", "id": 1}])
    write_rows(folder / "1.parquet", [{"text": "a", "id": "one"}])
    with pytest.raises(InputError, match=r"has a column 'id' of string, that of .* is int64"):
        planned(bundle, folder, tmp_path / "out")
    write_rows(folder / "2.jsonl", [{"text": "a"}])
    with pytest.raises(InputError, match=r"files of several kinds \(\.jsonl, \.parquet\)"):
        planned(bundle, folder, tmp_path / "out")
    planned(bundle, folder / "*.parquet", tmp_path / "out", keep="text")
    with pytest.raises(InputError, match=r"has no file that ends in \.parquet, \.jsonl, \.csv"):
        planned(bundle, tmp_path / "no*", tmp_path / "other")


def test_what_other_programs_leave_beside_files_is_no_source(bundle: Path, source: Path) -> None:
    (source / "_temporary").mkdir()
    for name in ("_temporary/0.parquet", ".0.parquet", "_0.parquet"):
        shutil.copy(source / "0.parquet", source / name)
    for where in (source, source / "*.parquet"):
        settings = JobSettings(task="embed")
        job = plan_job(str(bundle), str(where), str(source.with_name("out")), settings)
        assert [Path(each.path).name for each in job.record.sources] == ["0.parquet", "1.parquet"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_source_without_rows(ending: str, bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / f"in{ending}"
    if ending == ".parquet":
        pq.write_table(pa.table({"text": pa.array([], pa.string())}), path)
    else:
        path.write_text("text\n" if ending == ".csv" else "", encoding="utf-8")
    report = run_job(planned(bundle, path, tmp_path / "out"), InlineEngine())
    assert (report.rows, report.failed) == (0, ())
    assert (tmp_path / "out" / SUCCESS).exists()
