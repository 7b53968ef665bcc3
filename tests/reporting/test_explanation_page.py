"""The page of an explanation: what is in it, and what is no explanation."""

import base64
import copy
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgebert
from edgebert.reporting.explanation import page as page_module
from edgebert.reporting.explanation.packing import STEPS, WORST, packed
from edgebert_runtime.errors import InputError, OutputError
from tests.support.page_parsing import Document
from tests.support.reports import EXPLANATION

FIELDS = EXPLANATION.to_dict()


GIVEN: tuple[Any, ...] = (EXPLANATION, FIELDS)


def written(fields: Any, folder: Path) -> str:
    return edgebert.explanation_page(fields, folder / "page.html").read_text(encoding="utf-8")


def test_the_same_page_from_python_json_and_a_file(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_text(json.dumps(FIELDS), encoding="utf-8")
    pages = [
        edgebert.explanation_page(each, tmp_path / f"{number}.html").read_bytes()
        for number, each in enumerate((*GIVEN, file, str(file)))
    ]
    assert len({*pages}) == 1


def test_it_says_what_attention_is_evidence_of(tmp_path: Path) -> None:
    text = written(FIELDS, tmp_path)
    (paragraph,) = re.findall(r"<p>(Attention weights .*?)</p>", text)
    assert "Jain and Wallace 2019, “Attention is not Explanation”" in paragraph
    assert "Wiegreffe and Pinter 2019, “Attention is not not Explanation”" in paragraph
    assert len(re.findall(r"[.](?: |$)", paragraph)) == 2


def test_its_own_script_and_styles_are_allowed_and_nothing_else(tmp_path: Path) -> None:
    text = written(FIELDS, tmp_path)
    (policy,) = re.findall(r'Content-Security-Policy" content="(.*?)"', text)
    parts = re.findall(r'<style>(.*?)</style>|<script type="module">(.*?)</script>', text, re.S)
    hashes = {
        f"sha256-{base64.b64encode(hashlib.sha256((one or other).encode()).digest()).decode()}"
        for one, other in parts
    }
    assert {*re.findall(r"sha256-[\w+/=]+", policy)} == hashes
    assert len(hashes) == 3
    assert policy.startswith("default-src 'none'")
    assert not re.findall(r'(?:src|href)="(?!#|data:,)', text)
    assert not re.findall(r'\sstyle="|\son\w+="', text)


def test_words_and_tokens_are_text_whatever_they_hold(tmp_path: Path) -> None:
    fields = copy.deepcopy(FIELDS)
    fields["words"][0]["text"] = "</script><b>&\x00"
    fields["tokens"][0] = "<!--"
    text = written(fields, tmp_path)
    assert "<b>" not in text
    assert "<!--" not in text
    (numbers,) = re.findall(r'id="explanation">(.*?)</script>', text)
    found = json.loads(numbers)
    assert found["words"][0]["text"] == "</script><b>&\x00"
    assert found["tokens"][0] == "<!--"


def test_tables_have_the_numbers_without_a_script(tmp_path: Path) -> None:
    cells = [text for _, text in Document(written(FIELDS, tmp_path)).said]
    assert "+0.5000 ± 0.0100" in cells
    assert "must stay" in cells
    assert cells.count("1.099") == cells.count("0.889") == 4  # of even weights over three tokens


def test_a_byte_holds_a_weight_closely() -> None:
    weights = np.random.default_rng(0).random((3, 50, 50), np.float32) ** 4
    weights[0, 0, :3] = 0, 1, 1.0005  # half precision rounds up
    roots = np.frombuffer(base64.b64decode(packed(weights)), np.uint8).reshape(weights.shape)
    error = np.abs((roots / STEPS) ** 2 - np.minimum(weights, 1))
    assert error.max() <= WORST
    small = weights < 0.02
    assert error[small].max() <= 0.0006


def test_a_page_of_too_many_weights_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_module, "MOST_BYTES", 35)
    with pytest.raises(InputError, match="36 weights, a page shows at most 35"):
        written(FIELDS, tmp_path)
    assert not [*tmp_path.iterdir()]


def test_what_is_there_is_kept(tmp_path: Path) -> None:
    place = tmp_path / "page.html"
    place.write_text("mine")
    with pytest.raises(OutputError, match="exists; name another file"):
        edgebert.explanation_page(FIELDS, place)
    assert place.read_text() == "mine"
    edgebert.explanation_page(FIELDS, place, overwrite=True)
    assert place.read_text() != "mine"


def change(path: str, value: Any) -> dict[str, Any]:
    """The fields with another value at a path such as `words.0.text`; None as value drops it."""
    fields = copy.deepcopy(FIELDS)
    *before, last = path.split(".")
    place: Any = fields
    for key in before:
        place = place[int(key) if isinstance(place, list) else key]
    if value is None:
        del place[last]
    else:
        place[int(last) if isinstance(place, list) else last] = value
    return fields


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("words", None, "lacks 'words'"),
        ("words", [], "has no word"),
        ("words.0.text", 7, r"words\[0\].text is 7, expected a string"),
        ("words.0.tokens", [3], "a word of a token that is not among the 3"),
        ("value", "high", "value is 'high', expected a finite number"),
        (
            "attributions.shapley.values",
            [0.5],
            "has 1 values of shapley, expected one for each",
        ),
        ("attributions.shapley.errors", [0.5], "1 errors of shapley"),
        ("heads", [], "sums up 0 heads, expected one for each of 4 maps"),
        (
            "attention",
            [[[[1.0]]]],
            r"\(1, 1, 1, 1\), expected \(any number, any number, 3, 3\)",
        ),
        ("attention", [[1.0], [1.0, 2.0]], "attention that is no array of numbers of shape"),
        ("rollout.0.0", 1.5, "rollout with numbers that are no share from 0 to 1"),
        ("rollout.0.0", -0.1, "rollout with numbers that are no share"),
    ],
)
def test_what_is_no_explanation(path: str, value: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        written(change(path, value), tmp_path)
    assert not [*tmp_path.iterdir()]


def test_nothing_to_show_is_refused(tmp_path: Path) -> None:
    fields = {**FIELDS, "attributions": {}, "attention": None, "rollout": None, "heads": []}
    with pytest.raises(InputError, match="has neither attributions nor attention"):
        written(fields, tmp_path)


@pytest.mark.parametrize("given", ["[]", "{", "7"])
def test_a_file_that_is_none_names_the_command(given: str, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_text(given)
    with pytest.raises(InputError, match=r"report\.json .*; write it with `edgebert-run explain"):
        edgebert.explanation_page(file, tmp_path / "page.html")
