"""Folders as people have them: their tokens and answers are those of the folder, or it is refused.

The tokens are compared with the `tokenizers` library, which runs the folder's own file, or for
folders without one the pipeline of the class; the answers with transformers' model.
"""

import re
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import torch
import transformers
from tokenizers import Tokenizer

from edgebert.workflow.sources import Source, open_source
from edgebert_runtime.errors import EdgebertError
from tests.support.zoo.folder import Built, build
from tests.support.zoo.layouts import LAYOUTS, Layout
from tests.support.zoo.mutations import MUTATIONS, ROLES, mutated
from tests.support.zoo.reference import TEXTS, outputs, own_tokenizer

MARKED: Final = ("a {mask} sat {mask}on{sep}", "{cls} the {pad}")
"""Texts with special tokens, where nothing lower-cases them first."""
SECOND: Final = "unable Dogs"
TOLERANCE: Final = 2e-6
EXACT_REPOSITORIES: Final = 20
EVIDENCED_CASES: Final = 60


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_gives_its_own_tokens_and_answers(name: str, tmp_path: Path) -> None:
    _check(LAYOUTS[name], tmp_path)
    if LAYOUTS[name].refused is None:
        _check_transformers(LAYOUTS[name], tmp_path / "source")


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_layout_saved_anew_or_with_a_gap_does_too(name: str, tmp_path: Path) -> None:
    _check(mutated(name), tmp_path)


def _check(layout: Layout, folder: Path) -> None:
    built = build(layout, folder / "source")
    if layout.refused is not None:
        with pytest.raises(EdgebertError, match=re.escape(layout.refused)):
            open_source(built.folder)
        return
    source = open_source(built.folder)
    _check_description(source, layout)
    _check_tokens(source, built)
    _check_answers(source, built)


def _check_description(source: Source, layout: Layout) -> None:
    expected = layout.expected
    assert (source.spec.task, source.spec.text_limit) == (expected["task"], expected["max_length"])
    assert expected.get("note", "") in "\n".join(source.notes)
    pad = ROLES[layout.tokenizer]["pad_token"]
    assert source.parts.tokenizer.pad_token == pad
    assert source.parts.tokenizer.pad_id == own_tokenizer(layout).token_to_id(pad)
    if expected["task"] in ("classify", "tag"):
        assert source.spec.head is not None
        labels = layout.files["config.json"].get("id2label", {0: "LABEL_0", 1: "LABEL_1"})
        assert source.spec.head.labels == tuple(labels.values())


def _check_tokens(source: Source, built: Built) -> None:
    ours = Tokenizer.from_str(source.parts.files["tokenizer.json"].decode("utf-8"))
    own, lowered = own_tokenizer(built.layout), _lowered(built.layout)
    roles = {role.removesuffix("_token"): t for role, t in ROLES[built.layout.tokenizer].items()}
    texts = TEXTS if lowered else (*TEXTS, *(text.format(**roles) for text in MARKED))
    for text in texts:
        for second in (None, SECOND):
            given = ours.encode(text, second)
            wanted = (
                own.encode(text.lower(), second and second.lower())
                if lowered
                else own.encode(text, second)
            )
            assert (given.tokens, given.ids) == (wanted.tokens, wanted.ids)
            assert (given.type_ids, given.offsets) == (wanted.type_ids, wanted.offsets)


def _check_transformers(layout: Layout, folder: Path) -> None:
    """The installed version gives the same tokens, or the table says why not."""
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    own = own_tokenizer(layout)
    texts = [(text, *second) for text in TEXTS for second in ((), (SECOND,))]
    same = all(theirs(*each)["input_ids"] == own.encode(*each).ids for each in texts)
    assert same == ("differs" not in layout.expected), layout.expected.get("differs")


def _lowered(layout: Layout) -> bool:
    """Whether sentence-transformers lower-cases the text."""
    settings = layout.files.get("sentence_bert_config.json", {})
    return "modules.json" in layout.files and bool(settings.get("do_lower_case"))


def _check_answers(source: Source, built: Built) -> None:
    own = own_tokenizer(built.layout)
    for text in TEXTS[:2]:
        given = own.encode(text, SECOND)
        found = run(source, given.ids, given.type_ids)
        wanted = outputs(built, source.spec.task, given.ids, given.type_ids)
        for ours, theirs in zip(found, wanted, strict=True):
            scale = max(1.0, float(np.abs(theirs).max()))
            np.testing.assert_allclose(ours, theirs, atol=TOLERANCE * scale)


def run(source: Source, ids: list[int], type_ids: list[int]) -> list[Any]:
    """What the module to be exported gives for one text, without hidden states."""
    feeds = {"input_ids": ids, "attention_mask": [1] * len(ids), "token_type_ids": type_ids}
    given = [
        torch.tensor([feeds[item.name]]).clamp(max=item.upper - 1) for item in source.spec.inputs
    ]
    with torch.no_grad():
        results = source.module(*given)
    names = [item.name for item in source.spec.outputs]
    return [
        result[0].numpy()
        for name, result in zip(names, results, strict=True)
        if name != "last_hidden_state"
    ]


def test_enough_of_it_is_known_from_the_files_themselves() -> None:
    exact = {layout.repository for layout in LAYOUTS.values() if layout.exact}
    evidenced = [name for name, layout in LAYOUTS.items() if not layout.remembered]
    of_evidenced = [name for name, (source, _) in MUTATIONS.items() if source in evidenced]
    assert len(exact) >= EXACT_REPOSITORIES
    assert len(evidenced) + len(of_evidenced) >= EVIDENCED_CASES


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_file_has_its_evidence(name: str) -> None:
    layout = LAYOUTS[name]
    named = [file for each in layout.evidence for file in each["files"]]
    assert set(layout.files) <= set(named)
    assert not set(layout.absent) & {*layout.files, *layout.beside}
    assert all(each["source"] for each in layout.evidence if each["kind"] != "memory")
