"""How many tokens a text may have, by who says so."""

import pytest

from edgebert.checkpoints.tokenizer.max_length import choose_limit
from edgebert_runtime.errors import CheckpointError, ConfigError


@pytest.mark.parametrize(
    ("asked", "settings", "tokenizer", "expected"),
    [
        (100, 256, 512, 100),
        (None, 256, 128, 256),
        (None, None, 128, 128),
        (None, None, 1000000000000000019884624838656, 512),
        (None, None, 1e30, 512),
        (None, None, None, 512),
        (None, None, 2048, 512),
        (512, 16, 16, 512),
        (3, None, None, 3),
    ],
)
def test_the_first_who_names_a_limit_is_followed(
    asked: int | None, settings: int | None, tokenizer: object, expected: int
) -> None:
    limit, _ = choose_limit(asked=asked, settings=settings, tokenizer=tokenizer, positions=512)
    assert limit == expected


@pytest.mark.parametrize(
    ("settings", "tokenizer", "note"),
    [
        (8192, None, "max_seq_length is 8192, the model has 512 positions: texts are cut to 512"),
        (256, 512, "max_seq_length is 256, the tokenizer's model_max_length is 512, the model"),
        (None, 32768, "the tokenizer's model_max_length is 32768, the model has 512 positions"),
        (128, 1e30, None),
        (512, 512, None),
        (None, 128, None),
        (None, None, None),
    ],
)
def test_limits_that_contradict_each_other_are_told(
    settings: int | None, tokenizer: object, note: str | None
) -> None:
    _, notes = choose_limit(asked=None, settings=settings, tokenizer=tokenizer, positions=512)
    assert len(notes) == (note is not None)
    assert note is None or notes[0].startswith(note)
    assert choose_limit(asked=9, settings=settings, tokenizer=tokenizer, positions=512) == (9, ())


@pytest.mark.parametrize("asked", [513, 2, 0, -1, True, 1.5])
def test_an_impossible_wish_is_refused(asked: int) -> None:
    with pytest.raises(ConfigError, match="between 3 and 512"):
        choose_limit(asked=asked, settings=256, tokenizer=512, positions=512)


@pytest.mark.parametrize(("settings", "tokenizer"), [(2, None), (None, 1), (0, 512)])
def test_a_stored_limit_below_three_is_refused(settings: int | None, tokenizer: object) -> None:
    with pytest.raises(CheckpointError, match="expected at least 3"):
        choose_limit(asked=None, settings=settings, tokenizer=tokenizer, positions=512)
