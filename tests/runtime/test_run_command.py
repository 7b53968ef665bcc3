"""`edgebert-run`: what goes in, what comes out, and what becomes of interruptions and mistakes."""

import csv
import errno
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow
import pytest
from numpy.typing import NDArray
from pyarrow import parquet

from edgebert_runtime import Bundle, load
from edgebert_runtime.cli.main import main
from edgebert_runtime.errors import OutputError
from edgebert_runtime.inference.call import CHUNK_TEXTS
from edgebert_runtime.io.readers import open_file, read_rows
from edgebert_runtime.io.tables import BATCH_ROWS
from edgebert_runtime.io.writers import check_output, write_records
from edgebert_runtime.progress import Count, bar_line
from edgebert_runtime.tasks.spec import VectorType

TEXTS: Final = ["the cat sat", 'a "dog", red', "", "it ran far 🙂"]
COMMAND: Final = [sys.executable, "-m", "edgebert_runtime.cli.main"]
PATIENCE: Final = 120
LONG: Final = "cat " * 100


def start(*arguments: object, **pipes: Any) -> "subprocess.Popen[bytes]":
    chosen = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.Popen(command, bufsize=0, **{**chosen, **pipes})


def refusal(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line that a mistake ends with."""
    assert main([str(argument) for argument in arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("edgebert-run: ")
    assert printed.err.count("\n") == 1
    return printed.err


def write_texts(path: Path, texts: list[str], column: str = "text") -> Path:
    rows = [{"n": str(number), column: text} for number, text in enumerate(texts)]
    if path.suffix == ".parquet":
        parquet.write_table(pyarrow.Table.from_pylist(rows), path, row_group_size=3)
        return path
    with path.open("w", encoding="utf-8", newline="") as file:
        match path.suffix:
            case ".txt":
                file.writelines(f"{text}\n" for text in texts)
            case ".csv":
                writer = csv.DictWriter(file, ["n", column])
                writer.writeheader()
                writer.writerows(rows)
            case ".jsonl":
                file.writelines(f"{json.dumps(row)}\n" for row in rows)
    return path


def read_npy(path: Path) -> NDArray[Any]:
    found: NDArray[Any] = np.load(path, mmap_mode="r")
    return found


def read_csv(path: Path) -> NDArray[Any]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == TEXTS
    return np.array([json.loads(row["embedding"]) for row in rows])


def read_json_lines(path: Path) -> NDArray[Any]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [row["text"] for row in rows] == TEXTS
    return np.array([row["embedding"] for row in rows])


def read_parquet(path: Path) -> NDArray[Any]:
    table = parquet.read_table(path)
    assert table.column("text").to_pylist() == TEXTS
    column = table.column("embedding")
    assert pyarrow.types.is_fixed_size_list(column.type)
    return np.array(column.to_pylist(), column.type.value_type.to_pandas_dtype())


READ_BACK: Final[dict[str, Callable[[Path], NDArray[Any]]]] = {
    ".npy": read_npy,
    ".csv": read_csv,
    ".jsonl": read_json_lines,
    ".parquet": read_parquet,
}


@pytest.mark.parametrize("precision", ["float32", "int8", "binary"])
@pytest.mark.parametrize("kind", READ_BACK)
def test_every_output_holds_what_embed_answers(
    kind: str, precision: Any, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    out = tmp_path / f"out{kind}"
    arguments = ["embed", "--output-dtype", precision, "--output", out, tiny_bundle.folder, *TEXTS]
    assert main([str(argument) for argument in arguments]) == 0
    expected = load(tiny_bundle).embed(TEXTS, output_dtype=precision)
    found = READ_BACK[kind](out)
    assert found.shape == expected.shape
    if kind in (".npy", ".parquet"):
        assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, atol=0 if precision != "float32" else 1e-6)
    assert os.listdir(tmp_path) == [out.name]


@pytest.mark.parametrize("kind", [".txt", ".csv", ".jsonl", ".parquet"])
def test_every_input_is_read(kind: str, tiny_bundle: Bundle, tmp_path: Path) -> None:
    path, out = write_texts(tmp_path / f"in{kind}", TEXTS), tmp_path / "out.jsonl"
    arguments = ["embed", tiny_bundle.folder, "--input", path, "--output", out]
    assert main([str(argument) for argument in arguments]) == 0
    np.testing.assert_allclose(read_json_lines(out), load(tiny_bundle).embed(TEXTS), atol=1e-6)


def test_the_former_option_is_taken_with_a_warning(
    tiny_bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tiny_bundle.folder)
    assert main(["embed", folder, "--output-dtype", "int8", "cat"]) == 0
    expected = capsys.readouterr().out
    assert main(["embed", folder, "--precision", "int8", "cat"]) == 0
    found = capsys.readouterr()
    assert found.out == expected
    assert "--precision is called --output-dtype now" in found.err
    with pytest.raises(SystemExit):
        main(["embed", "--help"])
    assert "--precision" not in capsys.readouterr().out


@pytest.mark.parametrize("program", ["edgebert", "edgebert-run"])
def test_run_is_the_command_of_the_bundles_task(
    program: str, tiny_bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tiny_bundle.folder)
    options = ["--dimensions", "3"]
    for arguments in ([folder, "cat", *options], [*options, folder, "cat"]):
        assert main(["run", *arguments], program) == 0
        found = json.loads(capsys.readouterr().out)["embedding"]
        expected = load(tiny_bundle).embed(["cat"], dimensions=3)[0]
        np.testing.assert_allclose(found, expected, atol=1e-6)
    with pytest.raises(SystemExit, match="0"):
        main(["run", folder, "--help"], program)
    assert "[--output-dtype {float32,int8,binary}]" in capsys.readouterr().out
    for wrong, message in (
        ([folder, "--top-k", "3", "cat"], f"--top-k 3 cat; see `{program} run --help`"),
        (["nowhere", "cat"], "nowhere/edgebert.json not found"),
        (["n" * 300, "cat"], "cannot be read: File name too long"),
        (["--dimensions", "3"], "no argument is the folder of a bundle; name it first"),
        ([], "required: BUNDLE"),
    ):
        assert main(["run", *wrong], program) == 2
        printed = capsys.readouterr()
        assert printed.err.startswith(f"{program}: ")
        assert message in printed.err
        assert (printed.out, printed.err.count("\n")) == ("", 1)


def test_messages_of_a_shell_name_options_and_commands(
    tiny_bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tiny_bundle.folder
    assert "use --long truncate\n" in refusal(capsys, "embed", folder, "--long", "error", LONG)
    assert "; use `edgebert-run embed`, or" in refusal(capsys, "classify", folder, "a")
    assert main(["classify", str(folder), "a"], "edgebert") == 2
    assert "; use `edgebert embed`, or" in capsys.readouterr().err
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert main(["embed", str(folder), LONG]) == 0
    assert "; --long error refuses them\n" in capsys.readouterr().err


def test_check_and_info_speak_to_people_at_a_terminal_only(tiny_bundle: Bundle) -> None:
    folder = tiny_bundle.folder
    shown = on_a_terminal("check", folder, stdout=subprocess.PIPE)
    assert f"{folder}: {len(tiny_bundle.manifest.files)} files are intact" in shown
    assert re.search(r"^cpu +the same +10 ", shown, re.MULTILINE)
    asked = on_a_terminal("check", folder, "--json", stdout=subprocess.PIPE)
    assert [json.loads(line)["passed"] for line in asked.splitlines()] == [True] * len(
        tiny_bundle.manifest.variants
    )
    shown = on_a_terminal("info", folder, stdout=subprocess.PIPE)
    assert re.search(r"^variant +cpu \(precision fp32, cpu\)", shown, re.MULTILINE)


def test_no_texts_have_an_output_of_no_rows(tiny_bundle: Bundle, tmp_path: Path) -> None:
    empty = write_texts(tmp_path / "in.txt", [])
    for kind in READ_BACK:
        out = str(tmp_path / f"out{kind}")
        assert main(["embed", str(tiny_bundle.folder), "--input", str(empty), "--output", out]) == 0
    assert np.load(tmp_path / "out.npy").shape == (0, 48)
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == "text,embedding\n"
    assert (tmp_path / "out.jsonl").read_text(encoding="utf-8") == ""
    assert parquet.read_table(tmp_path / "out.parquet").num_rows == 0


def test_options_are_those_of_the_model(
    tiny_bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = ["--normalize", "--dimensions", "7", "--long", "window", "--stride", "3"]
    assert main(["embed", *chosen, "--threads", "1", str(tiny_bundle.folder), "a", LONG]) == 0
    found = [json.loads(line)["embedding"] for line in capsys.readouterr().out.splitlines()]
    expected = load(tiny_bundle).embed(
        ["a", LONG], normalize=True, dimensions=7, long="window", stride=3
    )
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert main(["info", str(tiny_bundle.folder), "--threads", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["threads"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output", "out.xlsx", "a"], "ends in '.xlsx', expected one of .jsonl, .csv, .npy"),
        (["--output", "there.npy", "a"], "there.npy exists; pass --overwrite"),
        (["--output", "folder.npy", "--overwrite", "a"], "folder.npy is a folder"),
        (["--output", "nowhere/out.npy", "a"], "out.npy cannot be written: No such file"),
        (["--input", "in.docx"], "ends in '.docx', expected one of .txt, .csv, .jsonl, .parquet"),
        (["--input", "none.txt"], "none.txt cannot be read: No such file"),
        (["--input", "in.csv", "--column", "x"], "has no column 'x', it has 'n', 'text'"),
        (["--input", "in.txt", "--column", "x"], "is plain text and has no column 'x'"),
        (["--input", "in.parquet", "--column", "x"], "has no column 'x', it has 'n', 'text'"),
        (["--input", "no.parquet"], "no.parquet is not a Parquet file"),
        (["--input", "wrong.jsonl"], "wrong.jsonl, line 2 is not JSON"),
        (["--input", "latin.txt"], "latin.txt, line 2 is not UTF-8"),
        (["--input", "in.txt", "a"], "give texts as arguments or with --input, not both"),
        (["--column", "x", "a"], "--column and --column-pair need --input"),
        (["--dimensions", "49", "a"], "dimensions must be between 1 and 48"),
        (["--prompt", "query", "a"], "prompt 'query' is unknown"),
        (["--output-dtype", "int4", "a"], "--output-dtype: invalid choice: 'int4' (choose from"),
        (["--long", "cut", "a"], "--long: invalid choice: 'cut' (choose from"),
        (["--long", "window", "--stride", "x", "a"], "--stride: invalid int value: 'x'"),
        (["--long", "error", LONG], "item 0 has 102 tokens"),
        (["--threads", "0", "a"], "threads"),
    ],
    ids=" ".join,
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    arguments: list[str],
    message: str,
    tiny_bundle: Bundle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("in.txt", "in.csv", "in.parquet"):
        write_texts(Path(name), TEXTS)
    Path("there.npy").write_bytes(b"precious")
    Path("no.parquet").write_bytes(b"PAR")
    Path("folder.npy").mkdir()
    Path("wrong.jsonl").write_bytes(b'{"text": "a"}\n{"text"\n')
    Path("latin.txt").write_bytes("cat\ncafé\n".encode("latin-1"))
    before = sorted(os.listdir())
    if "--output" not in arguments and "--input" in arguments:
        arguments = ["--output", "out.npy", *arguments]
    line = refusal(capsys, "embed", tiny_bundle.folder, *arguments)
    assert message in line
    assert sorted(os.listdir()) == before
    assert Path("there.npy").read_bytes() == b"precious"


@pytest.mark.parametrize("where", ["--input", "--output"])
def test_without_pyarrow_the_install_line_is_shown(
    where: str,
    tiny_bundle: Bundle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = tmp_path / "a.parquet"
    text = ["a"] if where == "--output" else []
    line = refusal(capsys, "embed", where, path, tiny_bundle.folder, *text)
    assert "needs pyarrow: pip install 'edgebert-runtime[parquet]'" in line
    assert not os.listdir(tmp_path)


def test_overwrite_replaces_what_is_there(tiny_bundle: Bundle, tmp_path: Path) -> None:
    out = tmp_path / "out.npy"
    out.write_bytes(b"old")
    link = tmp_path / "link.npy"
    link.symlink_to(out)
    command = ["embed", str(tiny_bundle.folder), "a", "b", "--overwrite", "--output", str(link)]
    assert main(command) == 0
    assert link.is_symlink()
    assert np.load(out).shape == (2, 48)


def test_the_first_answers_come_before_the_input_ends(tiny_bundle: Bundle) -> None:
    with start("embed", tiny_bundle.folder, "--dimensions", 1) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"the cat\r\n" * CHUNK_TEXTS)
        process.stdin.flush()
        first = json.loads(process.stdout.readline())
        assert process.poll() is None
        rest, errors = process.communicate(b"a dog", timeout=PATIENCE)
    assert first["text"] == "the cat"
    assert len(rest.splitlines()) == CHUNK_TEXTS
    assert json.loads(rest.splitlines()[-1])["text"] == "a dog"
    assert (process.returncode, errors) == (
        0,
        b"edgebert-run: answered by variant 'cpu' (fp32) on cpu\n",
    )


def test_a_reader_that_has_enough_ends_it_quietly(tiny_bundle: Bundle, tmp_path: Path) -> None:
    texts = write_texts(tmp_path / "in.txt", ["the cat"] * 3 * CHUNK_TEXTS)
    with start("embed", tiny_bundle.folder, "--input", texts) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        process.wait(PATIENCE)
        errors = process.stderr.read()
    assert (process.returncode, errors) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_an_output_that_is_full_is_one_line(tiny_bundle: Bundle) -> None:
    with Path("/dev/full").open("wb") as full:
        process = start("embed", tiny_bundle.folder, "a", stdout=full)
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert errors.decode().splitlines() == [
        f"edgebert-run: standard output cannot be written: {os.strerror(errno.ENOSPC)}"
    ]


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("kind", READ_BACK)
def test_ctrl_c_leaves_no_file(kind: str, tiny_bundle: Bundle, tmp_path: Path) -> None:
    out = tmp_path / f"out{kind}"
    with start("embed", tiny_bundle.folder, "--output", out) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(b"the cat\n" * CHUNK_TEXTS)
        process.stdin.flush()
        until(lambda: os.listdir(tmp_path))
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)
        errors = process.stderr.read()
    assert (process.returncode, errors) == (130, b"edgebert-run: interrupted\n")
    assert not os.listdir(tmp_path)


def until(happened: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)


def on_a_terminal(*arguments: object, stdout: int = subprocess.DEVNULL) -> str:
    """What a terminal shows that is the command's standard error."""
    ours, theirs = pty.openpty()
    out = theirs if stdout == subprocess.PIPE else stdout
    with start(*arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=theirs) as process:
        os.close(theirs)
        shown = b"".join(blocks(ours))
        process.wait(PATIENCE)
    os.close(ours)
    assert process.returncode == 0
    return shown.decode()


def blocks(descriptor: int) -> Iterator[bytes]:
    """What comes from a terminal until nobody writes to it, which Linux calls an error."""
    while True:
        try:
            block = os.read(descriptor, 4096)
        except OSError:
            return
        if not block:
            return
        yield block


def test_a_terminal_shows_how_far_it_is(tiny_bundle: Bundle, tmp_path: Path) -> None:
    texts = write_texts(tmp_path / "in.csv", [*TEXTS, LONG])
    shown = on_a_terminal("embed", tiny_bundle.folder, "--input", texts)
    states = [line.strip() for line in shown.replace("\n", "\r").split("\r") if line.strip()]
    assert states[0] == "[------------------------]   0% 0/5 texts, 0 texts/s"
    assert states[1].startswith("edgebert-run: warning: 1 of 5 texts were cut to 40 tokens")
    assert states[-2].startswith("[########################] 100% 5/5 texts, ")
    assert states[-1] == "edgebert-run: answered by variant 'cpu' (fp32) on cpu"
    assert all(len(state) < 80 for state in states if state.startswith("["))


@pytest.mark.parametrize("arguments", [["--quiet", "a"], ["a"]], ids=" ".join)
def test_no_bar_where_it_is_not_wanted_or_answers_are_shown(
    arguments: list[str], tiny_bundle: Bundle
) -> None:
    shown = on_a_terminal(
        "embed",
        tiny_bundle.folder,
        *arguments,
        stdout=subprocess.DEVNULL if "--quiet" in arguments else subprocess.PIPE,
    )
    assert "texts/s" not in shown
    assert ("embedding" in shown) is ("--quiet" not in arguments)


def test_no_bar_without_a_terminal_and_a_warning_is_one_line(tiny_bundle: Bundle) -> None:
    process = start("embed", tiny_bundle.folder, "--quiet", LONG)
    answers, errors = process.communicate(timeout=PATIENCE)
    assert len(answers.splitlines()) == 1
    assert errors.count(b"\n") == 1
    assert errors.startswith(b"edgebert-run: warning: 1 of 1 texts were cut to 40 tokens")


@pytest.mark.parametrize(
    ("done", "total", "seconds", "line"),
    [
        (0, None, 0, "0 texts, 0 texts/s"),
        (0, 0, 1, "0 texts, 0 texts/s"),
        (1500, None, 2, "1,500 texts, 750 texts/s"),
        (1, 4, 2, "[######------------------]  25% 1/4 texts, 0.5 texts/s, 0:06 left"),
        (10, 36010, 1, f"[{'-' * 24}]   0% 10/36,010 texts, 10 texts/s, 1:00:00 left"),
        (4, 4, 1, f"[{'#' * 24}] 100% 4/4 texts, 4.0 texts/s"),
    ],
)
def test_lines_of_progress(done: int, total: int | None, seconds: float, line: str) -> None:
    assert bar_line(Count(done, total, seconds)) == line


def test_lines_of_what_takes_long_have_no_rate() -> None:
    line = bar_line(Count(1, 4, 2, "processes", rated=False))
    assert line == "[######------------------]  25% 1/4 processes, 0:06 left"


def test_bench_shows_its_processes_on_a_terminal(tiny_bundle: Bundle) -> None:
    few = ["--variant", "int8", "--quick", "--rounds", "2", "--threads", "1"]
    shown = on_a_terminal("bench", tiny_bundle.folder, *few)
    assert "0% 0/4 processes" in shown
    assert shown.rstrip().endswith("100% 4/4 processes")


def test_a_light_start_imports_nothing_for_other_formats(tiny_bundle: Bundle) -> None:
    code = (
        "import sys; from edgebert_runtime.cli.main import main; main(sys.argv[1:]);"
        "print(sorted({'pyarrow', 'csv', 'typing_extensions', 'asyncio'} & sys.modules.keys()))"
    )
    command = [sys.executable, "-c", code, "embed", str(tiny_bundle.folder), "a"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("kind", [".txt", ".csv", ".jsonl", ".parquet"])
def test_a_file_is_read_as_rows_are_taken(kind: str, tmp_path: Path) -> None:
    path = write_texts(tmp_path / f"in{kind}", [f"text {n} " + "x" * 200 for n in range(20_000)])
    rows = read_rows(path)
    next(rows)  # what is imported for a kind is not what rows take
    tracemalloc.start()
    count = sum(1 for _ in rows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 19_999
    assert peak < 1.5e6 + BATCH_ROWS * 500  # all of them are 5 MB
    source = open_file(path)
    assert source.count is not None
    assert source.count() == 20_000


@pytest.mark.parametrize("kind", [".npy", ".jsonl", ".csv"])
def test_a_file_is_written_as_rows_come(kind: str, tmp_path: Path) -> None:
    columns = {"text": str, "embedding": VectorType("<f4", 256)}
    records = (
        {"text": f"text {n}", "embedding": np.full(256, n % 7, np.float32)} for n in range(3_000)
    )
    tracemalloc.start()
    write_records(tmp_path / f"out{kind}", columns, records)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1e6  # all of them are 3 MB


def test_an_error_of_the_disk_is_explained(tmp_path: Path) -> None:
    def full() -> Iterator[dict[str, Any]]:
        yield {"text": "a"}
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OutputError, match=r"out\.jsonl cannot be written: No space left"):
        write_records(tmp_path / "out.jsonl", {"text": str}, full())
    assert not os.listdir(tmp_path)


def test_endings_are_read_without_regard_to_case(tmp_path: Path) -> None:
    check_output(tmp_path / "OUT.NPY", overwrite=False)
    (tmp_path / "IN.TXT").write_bytes(b"\xef\xbb\xbfa\r\nb")
    assert [row.values for row in read_rows(tmp_path / "IN.TXT")] == [("a",), ("b",)]


def test_texts_of_csv_and_parquet(tmp_path: Path) -> None:
    huge = "x" * 200_000
    path = write_texts(tmp_path / "in.csv", [huge, "two\nlines"])
    assert [row.values for row in read_rows(path, ("text", "n"))] == [
        (huge, "0"),
        ("two\nlines", "1"),
    ]
    parquet.write_table(pyarrow.table({"text": ["a", None]}), tmp_path / "in.parquet")
    assert [row.values for row in read_rows(tmp_path / "in.parquet")] == [("a",), ("",)]


def test_a_pipe_is_not_counted(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "in.txt")
    assert open_file(tmp_path / "in.txt").count is None


def test_a_number_is_no_text(
    tiny_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text('{"text": 7}', encoding="utf-8")
    message = f"{path}, line 1 has a text of the wrong type, expected a string, found int"
    assert message in refusal(capsys, "embed", tiny_bundle.folder, "--input", path)
    path.write_text("[1]", encoding="utf-8")
    assert "line 1 is not an object" in refusal(
        capsys, "embed", tiny_bundle.folder, "--input", path
    )


def test_texts_may_stand_before_and_behind_options(
    tiny_bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tiny_bundle.folder)
    assert main(["embed", folder, "a", "--dimensions", "3", "b", "--long", "error", "c d"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["text"] for line in lines] == ["a", "b", "c d"]
    for wrong in (["embed", folder, "--wrong", "a"], ["info", folder, "a"]):
        found = refusal(capsys, *wrong)
        assert "unrecognized arguments" in found
        assert f"see `edgebert-run {wrong[0]} --help`" in found
