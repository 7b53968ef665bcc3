"""80/10/10 of 15 %, and never a special token (Devlin et al. 2019, section 3.1)."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert.training.data.encoding import TextEncoder
from edgebert.training.data.masking import Masker, masker_of
from edgebert.training.losses import IGNORED
from edgebert_runtime.errors import TokenizerError
from tests.support.training_data import tokenizer_in, write_base

SPECIAL = range(5)
VOCABULARY = 1000
MASKER = Masker(mask_id=4, special=torch.arange(5), ordinary=torch.arange(len(SPECIAL), VOCABULARY))


def test_the_shares_are_those_of_the_paper() -> None:
    ids = torch.randint(5, VOCABULARY, (100, 1000), generator=torch.Generator().manual_seed(0))
    seen, expected = MASKER(ids, np.random.default_rng(0))
    asked = expected != IGNORED
    hidden = asked & (seen == 4)
    kept = asked & (seen == ids)
    swapped = asked & ~hidden & ~kept
    # Four standard deviations of 100,000 and of 15,000 draws.
    assert asked.float().mean().item() == pytest.approx(0.15, abs=0.0046)
    assert (hidden.sum() / asked.sum()).item() == pytest.approx(0.8, abs=0.013)
    assert (swapped.sum() / asked.sum()).item() == pytest.approx(0.1, abs=0.01)
    assert (kept.sum() / asked.sum()).item() == pytest.approx(0.1, abs=0.01)
    assert torch.equal(seen[~asked], ids[~asked])
    assert torch.equal(expected[asked], ids[asked])
    assert len(seen[swapped].unique()) > 700


@given(
    rows=st.lists(
        st.lists(st.integers(0, VOCABULARY - 1), min_size=6, max_size=6), min_size=1, max_size=5
    ),
    seed=st.integers(0, 2**32),
)
@settings(deadline=None)
def test_special_tokens_are_never_hidden_nor_put_in(rows: list[list[int]], seed: int) -> None:
    ids = torch.tensor(rows)
    seen, expected = MASKER(ids, np.random.default_rng(seed))
    special = ids < len(SPECIAL)
    assert torch.equal(seen[special], ids[special])
    assert (expected[special] == IGNORED).all()
    changed = seen[seen != ids]
    assert ((changed == 4) | (changed >= len(SPECIAL))).all()
    assert (expected != IGNORED).any() == (~special).any()


def test_a_tokenizer_that_names_nothing_keeps_its_specials(tmp_path: Path) -> None:
    write_base(tmp_path / "tiny")
    files = replace(tokenizer_in(tmp_path / "tiny"), special_tokens={})
    masker = masker_of(TextEncoder(files, segments=True))
    assert masker.mask_id == 4
    assert masker.special.tolist() == [0, 1, 2, 3, 4]
    assert masker.ordinary.tolist() == list(range(5, files.vocabulary))


def test_without_a_mask_token_it_says_so(tmp_path: Path) -> None:
    write_base(tmp_path / "tiny")
    files = tokenizer_in(tmp_path / "tiny")
    bare = json.loads(files.json.replace("[MASK]", "[HIDE]"))
    other = replace(files, json=json.dumps(bare))
    with pytest.raises(TokenizerError, match="no mask token"):
        masker_of(TextEncoder(other, segments=True))
