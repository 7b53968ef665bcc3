"""The order of a search, what it skips, its aims, its clock and its folder."""

from dataclasses import replace
from pathlib import Path

import pytest

from edgebert.search.aims import SIZE, TIME, Aims, read_speed
from edgebert.search.corpus import unseen_texts
from edgebert.search.deadline import TimeOverError, until
from edgebert.search.grid import Knowledge, combinations, names_of, offers
from edgebert.search.steps import STEPS, Situation
from edgebert.search.work import digest_of_folder, key_of, opened
from edgebert_runtime.errors import ConfigError, InputError
from edgebert_runtime.progress import ProgressEvent
from tests.support.reports import COMPRESSION

MINILM = Situation(layers=6, vocabulary=30522, max_length=256, factor=2.0, texts=72_000)
EVERY = offers(STEPS, MINILM)
OFFERED = [EVERY[0], EVERY[-1]]
"""Fewer tokens and fewer layers."""

PRUNING = EVERY[:3]
"""Fewer tokens, fewer heads and neurons, and what learns after that."""

NONE = (0, 0)


def test_the_levels_of_a_model_of_six_layers_by_hand() -> None:
    trimmed, pruned, recovered, distilled = EVERY
    assert [level.options for level in trimmed.levels] == [{"keep": 15261}, {"keep": 7630}]
    learnt = [{"layers": layers, "epochs": 1, "max_length": 128} for layers in (3, 2)]
    assert [level.options for level in distilled.levels] == learnt
    assert [level.options["speed"] for level in pruned.levels] == [2, 2.3, 2.6]
    assert [level.name for level in recovered.levels] == ["in 1 epochs"]
    assert names_of(OFFERED, (2, 1)) == ("trimmed 7,630 tokens", "distilled 3 layers")


def test_nothing_is_offered_without_texts() -> None:
    assert offers(STEPS, replace(MINILM, texts=0)) == []


def test_a_model_of_one_layer_loses_none() -> None:
    names = [offer.step.name for offer in offers(STEPS, replace(MINILM, layers=1))]
    assert names == ["trimmed", "pruned", "recovered"]


def test_what_learns_after_pruning_needs_it_and_layers_are_not_left_out_then() -> None:
    every = combinations(EVERY)
    assert all(pruned for _, pruned, recovered, _ in every if recovered)
    assert not any(pruned and distilled for _, pruned, _, distilled in every)
    assert len(every) == 3 * (1 + 3 * 2 + 2) - 1


def test_what_has_lost_too_much_may_recover() -> None:
    known = Knowledge(offered=PRUNING)
    known.learn((1, 1, 0), "int8", frozenset(), keeps=False)
    assert known.is_hopeless((1, 2, 0))
    assert not known.is_hopeless((1, 1, 1))
    known.learn((1, 1, 1), "int8", frozenset(), keeps=False)
    assert known.is_hopeless((2, 1, 1))
    assert not known.is_hopeless((0, 1, 1))


def test_cheap_combinations_come_first_and_light_ones_before_heavy_ones() -> None:
    assert combinations(OFFERED) == [
        (1, 0), (2, 0), (0, 1), (1, 1), (2, 1), (0, 2), (1, 2), (2, 2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("levels", "missed", "keeps", "hopeless"),
    [
        (NONE, {TIME}, True, {(1, 0), (2, 0)}),  # fewer tokens make nothing faster
        (NONE, {SIZE}, True, set()),
        (NONE, {TIME, SIZE}, True, {(1, 0), (2, 0)}),
        ((1, 1), {SIZE}, True, {(1, 0), (0, 1), (1, 1)}),
        ((1, 1), set(), False, {(1, 1), (2, 1), (1, 2), (2, 2)}),
        ((0, 1), {TIME}, False, {(1, 0), (2, 0), *((t, d) for t in (0, 1, 2) for d in (1, 2))}),
    ],
)
def test_what_a_measurement_rules_out(
    levels: tuple[int, int],
    missed: set[str],
    keeps: bool,
    hopeless: set[tuple[int, int]],
) -> None:
    known = Knowledge(offered=OFFERED)
    known.learn(levels, "int8", frozenset(missed), keeps=keeps)
    assert {each for each in combinations(OFFERED) if known.is_hopeless(each)} == hopeless


def test_one_precision_that_may_succeed_is_enough() -> None:
    known = Knowledge(offered=OFFERED)
    known.learn((1, 0), "fp32", frozenset({SIZE}), keeps=True)
    known.learn((1, 0), "int8", frozenset(), keeps=False)
    assert known.is_hopeless((1, 0))  # too large in fp32, too bad in int8
    assert not known.is_hopeless((2, 0))  # smaller, and perhaps good enough in fp32
    assert not Knowledge(offered=OFFERED).is_hopeless((1, 0))


def test_aims_by_hand() -> None:
    trial = COMPRESSION.trials[1]  # 1.9 times as fast, 3 ms, 13.5 MB
    assert Aims(speed=1.8, latency_ms=4, size_mb=14).missed(trial) == frozenset()
    assert Aims(speed=2).missed(trial) == {TIME}
    assert Aims(latency_ms=2.9).missed(trial) == {TIME}
    assert Aims(speed=1.5, size_mb=13).missed(trial) == {SIZE}
    assert Aims(speed=2, latency_ms=1).factor([trial]) == pytest.approx(3)
    assert Aims(size_mb=27).factor([trial]) == 1
    assert str(Aims(speed=2, size_mb=14)) == "2x as fast, 14 MB"


@pytest.mark.parametrize(
    ("aims", "message"),
    [
        ({}, r"nothing says what the result has to reach; give speed \(--speed 2x\)"),
        ({"speed": 1.0}, "speed is 1, expected more than 1"),
        ({"size_mb": -1.0}, "size_mb is -1, expected more than 0"),
        ({"latency_ms": float("nan")}, "latency_ms is nan"),
    ],
)
def test_aims_that_make_no_sense(aims: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Aims(**aims)


def test_a_speed_is_a_factor() -> None:
    assert [read_speed(text) for text in ("2x", "1.5", " .5 x")] == [2, 1.5, 0.5]
    with pytest.raises(ConfigError, match="speed 'fast' is no factor; write it as 2x"):
        read_speed("fast")


def test_the_time_is_over_at_the_next_step() -> None:
    now, told = [0.0], list[str]()
    tell = until(1, told.append, lambda: now[0])
    tell("one")
    tell(ProgressEvent("step 1", done=1, total=9))  # counted work is told of once a minute
    now[0] = 60.0
    tell(ProgressEvent("step 2", done=2, total=9))
    now[0] = 60.1
    with pytest.raises(TimeOverError):
        tell("two")
    assert told == ["one", "step 2"]


def test_a_folder_of_work_remembers(tmp_path: Path) -> None:
    job = {"checkpoint": "a", "evaluation": "b"}
    measured = []
    for _ in range(2):
        with opened(tmp_path / "work", job) as work:
            value = work.remembered("this", lambda: measured.append(1) or {"value": 2.5})
    assert (value, measured) == ({"value": 2.5}, [1])


def test_a_folder_of_another_search_says_what_differs(tmp_path: Path) -> None:
    with opened(tmp_path / "work", {"checkpoint": "a", "evaluation": "b"}):
        pass
    with (
        pytest.raises(ConfigError, match=r"another search: evaluation was b, is c\. Remove it"),
        opened(tmp_path / "work", {"checkpoint": "a", "evaluation": "c"}),
    ):
        pass
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with (
        pytest.raises(ConfigError, match="holds something else than a search"),
        opened(tmp_path / "mine", {}),
    ):
        pass


def test_a_damaged_measurement_is_named(tmp_path: Path) -> None:
    with opened(tmp_path / "work", {}) as work:
        work.remembered("this", lambda: 1)
        (work.folder / "measured" / "this.json").write_text("{")
        with pytest.raises(ConfigError, match=r"this\.json .*remove it, and it is measured again"):
            work.remembered("this", lambda: 1)


def test_a_key_depends_on_options_and_a_digest_on_names(tmp_path: Path) -> None:
    assert key_of("trimmed", {"keep": 1}) == key_of("trimmed", {"keep": 1})
    assert key_of("trimmed", {"keep": 1}) != key_of("trimmed", {"keep": 2})
    (tmp_path / "one").write_text("same")
    before = digest_of_folder(tmp_path)
    (tmp_path / "one").rename(tmp_path / "two")
    assert digest_of_folder(tmp_path) != before


def test_texts_that_are_measured_on_are_not_learnt_from(tmp_path: Path) -> None:
    texts, rows = tmp_path / "texts.txt", tmp_path / "pairs.csv"
    mine = [f"text number {number}" for number in range(60)]
    texts.write_text("\n".join([*mine, "A query!", "its passage"]))
    rows.write_text('text,positive\na  query,Its passage.\n"text, number 7",other\n')
    assert unseen_texts(texts, None, rows) == [each for each in mine if each != mine[7]]
    texts.write_text("\n".join(mine[:50]))
    with pytest.raises(InputError, match="50 different texts, 1 of them also in"):
        unseen_texts(texts, None, rows)
