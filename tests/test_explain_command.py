"""`edgebert explain`: of a checkpoint, a bundle and a device's file, as text and as a page."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgebert.cli.explain import INSTEAD
from edgebert_runtime import Bundle
from edgebert_runtime.cli.main import main as run_program

TEXT = "the small cat sat"
PAIR = ["--pair", "a dog ran"]
BOTH = ["--method", "occlusion", "--method", "attention"]

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*given: object) -> tuple[int, str, str]:
        code = run_program(["explain", *map(str, given)], "edgebert", instead=INSTEAD)
        found = capsys.readouterr()
        return code, found.out, found.err

    return call


def shown(page: Path) -> Any:
    """What the script of a page reads."""
    (numbers,) = re.findall(r'id="explanation">(.*?)</script>', page.read_text(encoding="utf-8"))
    return json.loads(numbers)


def test_a_checkpoint_and_its_bundle_show_the_same(
    tiny_folder: Path, fp32_bundle: Bundle, tmp_path: Path, run: Run
) -> None:
    """A bundle gets its variant of attention when it is first asked for."""
    found = []
    for name, source in (("torch", tiny_folder), ("bundle", fp32_bundle.folder)):
        page = tmp_path / f"{name}.html"
        code, out, _ = run(source, TEXT, *PAIR, *BOTH, "--output", page)
        assert (code, out) == (0, f"{page}\n")
        found.append(shown(page))
    assert "attention" in Bundle.open(fp32_bundle.folder).manifest.variants
    torch, graph = found
    assert torch["words"] == graph["words"]
    assert torch["tokens"] == graph["tokens"]
    assert torch["attributions"]["occlusion"]["values"][:4] == pytest.approx(
        graph["attributions"]["occlusion"]["values"][:4], abs=1e-5
    )
    assert len(torch["attention"]) == len(graph["attention"])
    assert ", variant torch. " in (tmp_path / "torch.html").read_text(encoding="utf-8")
    lead = ", variant cpu, attention by attention. "
    assert lead in (tmp_path / "bundle.html").read_text(encoding="utf-8")


def test_the_file_of_a_device_becomes_the_same_page(
    fp32_bundle: Bundle, tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, file = fp32_bundle.folder, tmp_path / "report.json"
    assert run(bundle, TEXT, *PAIR, *BOTH, "-o", tmp_path / "here.html")[0] == 0
    assert run_program(["explain", str(bundle), TEXT, *PAIR, *BOTH, "--json"]) == 0
    file.write_text(capsys.readouterr().out, encoding="utf-8")
    assert run(file, "-o", tmp_path / "there.html")[0] == 0
    here, there = ((tmp_path / name).read_bytes() for name in ("here.html", "there.html"))
    assert here == there


def test_words_are_attributed_by_the_variant_that_is_named(fp32_bundle: Bundle, run: Run) -> None:
    """Maps come from the variant that shows them, and each is named in the JSON."""
    given = [fp32_bundle.folder, TEXT, *PAIR, *BOTH]
    both = json.loads(run(*given, "--variant", "portable")[1])
    assert (both["variant"], both["attention_variant"]) == ("portable", "attention")
    one = json.loads(run(*given, "--variant", "attention")[1])
    assert (one["variant"], one["attention_variant"]) == ("attention", "attention")
    assert both["attention"] == one["attention"]
    assert both["runs"] == one["runs"]
    maps = json.loads(run(*given[:4], "--method", "attention")[1])
    assert (maps["variant"], maps["attention_variant"]) == ("attention", "attention")
    words = json.loads(run(*given[:4], "--method", "occlusion", "--variant", "portable")[1])
    assert (words["variant"], words["attention_variant"]) == ("portable", None)
    assert words["attributions"] == both["attributions"]
    code, _, error = run(*given[:4], "--method", "attention", "--variant", "portable")
    assert code == 2
    assert "gives no attention maps; use --variant attention" in error


def test_without_a_page_it_prints_what_the_device_prints(
    tiny_bundle: Bundle, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(tiny_bundle.folder), TEXT, *PAIR, "--method", "leave_one_out"]
    _, out, _ = run(*given)
    assert run_program(["explain", *given]) == 0
    assert out == capsys.readouterr().out
    assert len(json.loads(out)["words"]) == 7


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["{bundle}"], "name the text that .* is to explain, behind it"),
        (["{file}"], "is a file; name the page to make of it with --output"),
        (["{file}", TEXT, "-o", "{page}"], "is a file, an explanation already; leave the text out"),
        (["{file}", "-o", "{page}"], "report.json lacks 'task'; write it with"),
        (["{file}", "-o", "{file}"], "exists; name another file with -o, or pass --overwrite"),
        (["{source}", TEXT, "--variant", "int8"], "is a checkpoint, which torch runs; leave"),
        (["{source}", TEXT, *PAIR, "--head", "0.1"], "--head goes with --method attention"),
        (["{source}", TEXT, "--method", "attention", "--head", "9.0"], "head 9.0 is not there"),
        (["{source}", "the " * 10_000, *PAIR], "10,002 tokens, the limit is .* characters 0 to"),
        (["{source}", "", *PAIR], "no word"),
        (["{absent}", TEXT], "absent"),
    ],
)
def test_what_is_refused_in_one_line(
    given: list[str], message: str, tiny_folder: Path, tiny_bundle: Bundle, tmp_path: Path, run: Run
) -> None:
    file = tmp_path / "report.json"
    file.write_text("{}")
    places = {
        "{bundle}": tiny_bundle.folder,
        "{file}": file,
        "{page}": tmp_path / "page.html",
        "{source}": tiny_folder,
        "{absent}": tmp_path / "absent",
    }
    code, out, error = run(*(places.get(each, each) for each in given))
    assert code != 0
    assert out == ""
    last = error.strip().splitlines()[-1]
    assert last.startswith("edgebert: ")
    assert re.search(message, last)
    assert file.read_text() == "{}"
    assert not (tmp_path / "page.html").exists()
