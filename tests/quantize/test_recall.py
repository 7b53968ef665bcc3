"""Budgets on recall@1: pairs of texts and passages, and what a search loses of them."""

import csv
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import edgebert
from edgebert_quantize.evaluation.pairs import Pairs, read_pairs
from edgebert_runtime import Bundle
from edgebert_runtime.errors import ConfigError, InputError
from tests.support.bundle_files import files_of
from tests.support.tiny_encoder import WORDS

ROWS = 40
UNTIMED = "avx2"
"""A class of CPU for which nothing is timed where the tests run."""


def write_pairs(path: Path, rows: Sequence[tuple[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        written = csv.writer(file)
        written.writerow(["text", "positive"])
        written.writerows(rows)
    return path


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Texts and the same with a word more, which is mostly nearest to its own."""
    words = WORDS.split()[:20]
    texts = [f"{words[n % 20]} {words[n * 7 % 19]} {words[n * 3 % 17]}" for n in range(ROWS)]
    return write_pairs(tmp_path / "pairs.csv", [(text, f"{text} {words[3]}") for text in texts])


@pytest.fixture
def fp32(tiny_exported: Bundle, tmp_path: Path) -> Bundle:
    return Bundle.open(shutil.copytree(tiny_exported.folder, tmp_path / "copy"))


@pytest.mark.parametrize(("by_dot", "nearest"), [(False, [0, 1]), (True, [2, 2])])
def test_the_nearest_passage_by_hand(by_dot: bool, nearest: list[int]) -> None:
    vectors = iter([[1.0, 0.1], [0.1, 1.0], [2.0, 0.0], [0.0, 2.0], [9.0, 9.0]])
    pairs = Pairs(items=("",) * 5, labels=(0, 1), source="here", by_dot=by_dot)
    found = pairs.answers(lambda _: [np.array([next(vectors)], np.float32)], [{}] * 5)
    assert found == nearest


def test_a_passage_of_several_texts_is_embedded_once(fp32: Bundle, tmp_path: Path) -> None:
    file = write_pairs(tmp_path / "few.csv", [("a", "c"), ("b", "d"), (" e ", "c")])
    found = read_pairs(file, fp32)
    assert (found.items, found.labels) == (("a", "b", "e", "c", "d"), (0, 1, 0))


def test_prompts_stand_before_texts_and_passages(fp32: Bundle, tmp_path: Path) -> None:
    file = write_pairs(tmp_path / "few.csv", [("a", "c"), ("b", "d")])
    manifest = fp32.manifest
    (task,) = manifest.tasks.values()
    assert task.embedding is not None
    prompts = {"query": "query: ", "passage": "passage: ", "other": "other: "}
    named = replace(task.embedding, prompts=prompts, default_prompt="other")
    for embedding, before in (
        (named, ("query: ", "passage: ")),
        (replace(named, prompts={"other": "other: "}), ("other: ", "other: ")),
    ):
        tasks = {"embed": replace(task, embedding=embedding)}
        changed = replace(fp32, manifest=replace(manifest, tasks=tasks))
        query, passage = before
        assert read_pairs(file, changed).items == (
            f"{query}a", f"{query}b", f"{passage}c", f"{passage}d",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text,label\na,b\n", "has no column 'positive'"),
        ("text,positive\n", "has 0 different texts in column positive, expected at least 2"),
        ("text,positive\na,c\nb,c\n", "has 1 different texts in column positive"),
        ("text,positive\na,c\nb, \n", "row 2 has positive=' ', expected a text"),
        ("text,positive\na,c\nb,d\na,e\n", "row 3 has the text of row 1; give each text once"),
    ],
)
def test_bad_pairs_are_named(fp32: Bundle, tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_pairs(file, fp32)


def test_a_search_within_a_loss_of_recall(
    fp32: Bundle, pairs: Path, tmp_path: Path, tiny_folder: Path
) -> None:
    search = edgebert.quantize_within(
        fp32, "recall_drop<=2.5%", evaluation=pairs, cpu=UNTIMED, cache_dir=tmp_path / "cache"
    )
    assert search.exact.recall is not None
    assert search.chosen is not None
    found = search.chosen.measured.recall
    assert found is not None
    assert (found.rows, search.exact.recall.lost) == (ROWS, 0)
    assert found.fp32_right == search.exact.recall.fp32_right > ROWS // 4
    assert found.drop <= 0.025
    assert "recall@1 lost" in search.columns
    assert str(found) in str(search)
    way = search.bundle.manifest.variants["int8-cpu"].way
    assert way.quality is not None
    assert way.quality["recall"] == found.to_manifest()
    schema = json.loads(Path("docs/bundle.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(json.loads(search.bundle.manifest.to_json()), schema)
    report = edgebert.verify(search.bundle, tiny_folder, evaluation=pairs)
    assert report.passed
    assert "recall@1 lost" in str(report)
    checked = report.to_dict()["variants"]["int8-cpu"]["recall"]
    assert (checked["rows"], checked["budget"]) == (ROWS, "recall_drop<=2.5%")


@pytest.mark.parametrize(
    ("budget", "given", "message"),
    [
        ("recall_drop<=2.4%", True, "needs at least 42 labelled rows, pairs.csv has 40"),
        ("recall_drop<=3%", False, r"\(--eval\) go together"),
        ("recall_drop<=0%", True, "needs more than any number of labelled rows"),
    ],
)
def test_what_pairs_cannot_resolve_changes_nothing(
    fp32: Bundle, pairs: Path, budget: str, given: bool, message: str
) -> None:
    before = files_of(fp32)
    with pytest.raises(ConfigError, match=message):
        edgebert.quantize_within(fp32, budget, evaluation=pairs if given else None)
    assert files_of(fp32) == before
