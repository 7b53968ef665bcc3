"""Two bundles on the user's texts: metadata, tokens, answers, and both ways to print them."""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from edgebert_runtime import Bundle, DiffReport, diff
from edgebert_runtime.bundle.manifest import Manifest
from edgebert_runtime.cli.main import main
from edgebert_runtime.errors import ConfigError, DiffError, InputError
from edgebert_runtime.inference.call import CHUNK_TEXTS
from edgebert_runtime.tokenization.items import Item
from edgebert_runtime.verification.bundle_diff import TOLERANCES
from edgebert_runtime.verification.diff_tally import Beside, Choices, Cosines, Orders, Tally
from edgebert_runtime.verification.probes import score_deviation, vector_deviation
from tests.support.bundle_files import change_weights, rehash
from tests.support.tiny_encoder import TEXTS
from tests.support.tiny_manifest import of_task

EXACT = ("cpu", "cpu")


def tally(beside: Beside) -> Tally:
    vectors = isinstance(beside, Cosines)
    deviation = vector_deviation if vectors else partial(score_deviation, shares=False)
    return Tally(deviation, 0.1, beside)


def changed(folder: Path, change: Callable[[Manifest], Manifest]) -> Bundle:
    return rehash(folder, change)


# What is counted, by hand


def test_vectors() -> None:
    found = tally(Cosines())
    found.add_answer("a", [3.0, 4.0], [3.0, 4.0])
    found.add_answer("b", [1.0, 0.0], [0.0, 1.0])
    report = found.found()
    assert (report["texts"], report["beyond"]) == (2, 1)
    assert (report["cosine_mean"], report["cosine_worst"]) == (0.5, 0.0)
    assert report["mean"] == pytest.approx(math.sqrt(2) / 2)
    worst = report["worst"]
    assert (worst.index, worst.text, worst.amount) == (1, "b", pytest.approx(math.sqrt(2)))
    assert (worst.at, worst.old, worst.new) == ("number 0 of the vector", 1.0, 0.0)


def test_vectors_of_other_lengths_are_infinitely_far_apart() -> None:
    found = tally(Cosines())
    found.add_answer("a", [1.0, 0.0], [1.0])
    report = found.found()
    assert (report["beyond"], report["mean"], report["cosine_mean"]) == (1, None, None)
    assert report["worst"].amount is None
    json.dumps(report["worst"].to_dict(), allow_nan=False)


def test_labels() -> None:
    found = tally(Choices())
    found.add_answer("a", [{"good": 0.9, "bad": 0.1}], [{"good": 0.85, "bad": 0.15}])
    found.add_answer("b", [{"good": 0.51, "bad": 0.49}], [{"bad": 0.51, "good": 0.49}])
    report = found.found()
    assert (report["beyond"], report["equal"]) == (0, 0.5)
    assert report["worst"].amount == pytest.approx(0.05)


def test_an_answer_with_one_name_only_has_no_choice() -> None:
    found = tally(Choices())
    found.add_answer(("a", "b"), [{"follows": 0.9}], [{"follows": 0.1}])
    assert found.found()["equal"] is None


def test_the_order_of_documents_is_that_of_one_query() -> None:
    found = tally(Orders())
    scores = [("x", 0.9, 0.2), ("x", 0.1, 0.3), ("y", 0.5, 0.4), ("y", 0.6, 0.5)]
    for query, old, new in scores:
        found.add_answer((query, "a document"), [{"relevance": old}], [{"relevance": new}])
    assert found.found()["equal"] == 0.75  # the second stood below the first, and stands above it


def test_tokens_are_shown_around_the_first_that_differs() -> None:
    found = tally(Cosines())
    old = [f"t{number}" for number in range(30)]
    for _ in range(5):
        found.add_tokens("text", old, [*old[:10], "other", *old[11:]])
        found.add_answer("text", [1.0], [1.0])
    report = found.found()
    assert (report["tokens_differ"], len(report["token_examples"])) == (5, 3)
    example = report["token_examples"][1]
    assert (example.index, example.old[:5]) == (1, ("…", "t7", "t8", "t9", "t10"))
    assert (example.new[4], example.new[-1], len(example.new)) == ("other", "…", 14)


# Real bundles


def test_a_bundle_is_equal_to_itself(tiny_bundle: Bundle) -> None:
    report = diff(tiny_bundle, tiny_bundle.folder, TEXTS, variant="cpu")
    report.require()
    assert (report.texts, report.tokens_differ, report.metadata) == (len(TEXTS), 0, ())
    assert (report.worst.amount, report.mean, report.tolerance) == (0.0, 0.0, 1e-4)
    assert report.cosine_worst == pytest.approx(1, abs=1e-12)


def test_the_coarser_variant_decides_what_is_tolerated(tiny_bundle: Bundle) -> None:
    report = diff(tiny_bundle, tiny_bundle, TEXTS, variant=("cpu", "int8"))
    assert (report.old.variant, report.new.variant) == ("cpu", "int8-cpu")
    assert report.tolerance == TOLERANCES["int8"][0]
    assert report.new.quality is not None
    assert (report.mean or 0) > 1e-4
    strict = diff(tiny_bundle, tiny_bundle, TEXTS, variant=("cpu", "int8"), tolerance=1e-4)
    with pytest.raises(
        DiffError, match=r"\d of 4 answers are further apart than 0.0001; the worst"
    ):
        strict.require()


def test_other_weights_are_found_and_the_worst_text_is_named(
    bundle: Bundle, tiny_bundle: Bundle
) -> None:
    change_weights(bundle.path_of("onnx/model_cpu.onnx"), lambda array: array * 1.01)
    report = diff(tiny_bundle, rehash(bundle.folder), iter(TEXTS), variant="cpu")
    assert not report.passed
    assert report.problem is not None
    assert f"the worst is text {report.worst.index} ('" in report.problem
    assert report.worst.text == TEXTS[report.worst.index]
    assert "answers: " in str(report)


def test_other_tokens_are_shown(bundle: Bundle, tiny_bundle: Bundle) -> None:
    path = bundle.folder / "tokenizer.json"
    fields = json.loads(path.read_text(encoding="utf-8"))
    words = fields["model"]["vocab"]
    words["cat"], words["far"] = words["far"], words["cat"]
    path.write_text(json.dumps(fields), encoding="utf-8")
    report = diff(tiny_bundle, rehash(bundle.folder), ["a dog", "a cat"], variant="cpu")
    assert [change.name for change in report.metadata] == ["tokenizer_sha256"]
    (example,) = report.token_examples
    assert (example.index, example.text) == (1, "a cat")
    assert "tokens: 1 of 2 texts differ\n  text 1 ('a cat')\n    old [CLS] a cat" in str(report)
    placed = diff(tiny_bundle, bundle.folder, ["a dog", "a cat"], places=["x, line 2", "x, line 4"])
    assert "\n  x, line 4 ('a cat')\n    old [CLS]" in str(placed)
    assert f"\n  worst: {placed.worst.place} ('" in str(placed)


def test_a_shorter_limit_is_another_model(bundle: Bundle, tiny_bundle: Bundle) -> None:
    def shorten(manifest: Manifest) -> Manifest:
        return replace(manifest, tokenizer=replace(manifest.tokenizer, max_length=9))

    report = diff(tiny_bundle, changed(bundle.folder, shorten), TEXTS, variant="cpu")
    limit = tiny_bundle.manifest.tokenizer.max_length
    (change,) = report.metadata
    assert (change.name, change.old, change.new) == ("max_length", limit, 9)
    assert report.tokens_differ == 2  # those of more than nine tokens


def test_a_change_of_dimensions_fails_before_all_else(tiny_bundle: Bundle) -> None:
    report = replace(
        diff(tiny_bundle, tiny_bundle, ["a"], variant="cpu"),
        metadata=[change_of("pooling", ["mean"], ["cls"]), change_of("dimensions", 384, 256)],
    )
    with pytest.raises(DiffError, match="the dimensions differ: 384 before, 256 now"):
        report.require()


def change_of(name: str, old: Any, new: Any) -> Any:
    from edgebert_runtime.verification.diff_report import MetadataChange

    return MetadataChange(name=name, old=old, new=new)


def test_what_is_no_text_has_its_number(tiny_bundle: Bundle) -> None:
    texts: list[Any] = ["a cat"] * 1100
    texts[1050] = 7
    with pytest.raises(InputError, match="item 1050 is int, expected str"):
        diff(tiny_bundle, tiny_bundle, iter(texts), variant="cpu")


def test_what_is_no_text_has_its_place(tiny_bundle: Bundle) -> None:
    texts: list[Any] = ["a cat"] * 1100
    texts[1050] = 7
    places = (f"some.csv, line {number}" for number in range(2, 1102))
    with pytest.raises(InputError, match=r"^some\.csv, line 1052: item 1050 is int"):
        diff(tiny_bundle, tiny_bundle, iter(texts), places=places, variant="cpu")


def test_no_more_than_a_chunk_is_held(tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    read, ahead, add = 0, 0, Tally.add_answer

    def texts() -> Iterator[str]:
        nonlocal read
        for _ in range(1100):
            read += 1
            yield "a cat"

    def counted(self: Tally, item: Item, old: Any, new: Any, *, place: str) -> None:
        nonlocal ahead
        ahead = max(ahead, read - self.texts)
        add(self, item, old, new, place=place)

    monkeypatch.setattr(Tally, "add_answer", counted)
    assert diff(tiny_bundle, tiny_bundle, texts(), variant="cpu").texts == 1100
    assert ahead == CHUNK_TEXTS


def refused(bundle: Bundle, texts: Sequence[Item] = ("a",), **options: Any) -> str:
    with pytest.raises((ConfigError, InputError)) as caught:
        diff(bundle, bundle, texts, **options)
    return str(caught.value)


def test_what_makes_no_sense_is_refused(bundle: Bundle, tiny_bundle: Bundle) -> None:
    assert "at least 0, got -1" in refused(tiny_bundle, tolerance=-1)
    assert "at least 0, got nan" in refused(tiny_bundle, tolerance=math.nan)
    assert "there is no text" in refused(tiny_bundle, [], variant="cpu")
    other = changed(bundle.folder, lambda manifest: of_task(manifest, "classify"))
    with pytest.raises(ConfigError, match=r"has task 'embed' and .* has task 'classify'"):
        diff(tiny_bundle, other, ["a"])


# From a shell


def test_it_ends_with_0_or_1_and_prints_json(
    tiny_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts, folder = tmp_path / "texts.csv", str(tiny_bundle.folder)
    texts.write_text("review,other\na small cat,x\nthe dog ran,y\n", encoding="utf-8")
    command = ["diff", folder, folder, "--texts", str(texts), "--column", "review"]
    assert main([*command, "--variant", "cpu,int8"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["passed"], found["texts"], found["new"]["variant"]) == (True, 2, "int8-cpu")
    assert main([*command, "--variant", "cpu,int8", "--tolerance", "0"]) == 1
    output = capsys.readouterr()
    assert json.loads(output.out)["passed"] is False
    assert "2 of 2 answers are further apart than 0; the worst is " in output.err
    worst = json.loads(output.out)["worst"]
    assert worst["place"] == f"{texts}, line {worst['index'] + 2}"
    assert f"the worst is {worst['place']} ('" in output.err
    assert worst["text"] == ["a small cat", "the dog ran"][worst["index"]]
    assert main([*command, "--column", "none"]) == 2
    assert "has no column 'none'" in capsys.readouterr().err


def test_a_terminal_shows_a_table(
    tiny_bundle: Bundle,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts, folder = tmp_path / "texts.txt", str(tiny_bundle.folder)
    texts.write_text("a small cat\n", encoding="utf-8")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    command = ["diff", folder, folder, "--texts", str(texts), "--variant", "cpu"]
    assert main(command) == 0
    assert capsys.readouterr().out.startswith("task embed, 1 text\nold  ")
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["task"] == "embed"


def test_a_report_is_a_public_type(tiny_bundle: Bundle) -> None:
    assert isinstance(diff(tiny_bundle, tiny_bundle, ["a"], variant=EXACT), DiffReport)
