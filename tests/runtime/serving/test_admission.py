"""Who may wait."""

import pytest

from edgebert_runtime.errors import OverloadedError
from edgebert_runtime.serving.scheduling.admission import Admission, Speed, characters_of

TEXT = "a" * 32  # 10 tokens
LIMIT = 256


def admission(tokens_a_second: float, max_wait: float = 2.0) -> Admission:
    found = Admission(max_wait, LIMIT)
    found.speed = Speed(tokens_a_second, 1.0)
    return found


def test_an_idle_server_takes_a_request_of_any_size() -> None:
    admission(10).enter([TEXT] * 100_000)


def test_a_text_is_taken_beside_a_huge_request() -> None:
    found = admission(100)
    found.enter([TEXT] * 100_000)
    for _ in range(10):
        found.leave(found.enter([TEXT]))


def test_single_texts_are_refused_once_the_wait_is_too_long() -> None:
    found = admission(100)
    admitted = [found.enter([TEXT]) for _ in range(21)]  # 21 wait for 20 others, 2 seconds
    with pytest.raises(OverloadedError, match=r"wait for about 2.1 s, at most 2 s") as refused:
        found.enter([TEXT])
    assert refused.value.retry_after == pytest.approx(0.1)
    found.leave(admitted.pop())
    found.enter([TEXT])


def test_many_texts_are_refused_by_the_same_rule() -> None:
    found = admission(100)
    found.enter([TEXT] * 30)  # 3 seconds
    with pytest.raises(OverloadedError):
        found.enter([TEXT] * 25)
    found.enter([TEXT] * 15)  # waits for half of the other, 1.5 seconds


def test_what_has_run_is_waited_for_no_more() -> None:
    found = admission(100)
    share = found.enter([TEXT] * 30)
    found.ran(share, 200)
    found.enter([TEXT] * 25)
    found.ran(share, 1_000_000)  # more than was estimated is no credit
    found.leave(share)
    with pytest.raises(OverloadedError):
        found.enter([TEXT] * 25)


def test_no_order_of_requests_lets_the_backlog_grow_without_bound() -> None:
    found, backlog = admission(100), 0
    for size in (*range(1, 100), *range(100, 0, -1), *range(1, 100)):
        try:
            backlog += found.enter([TEXT] * size).tokens
        except OverloadedError:
            continue
    assert backlog < 100 * 2 * 8


def test_characters_of_a_token_are_learned() -> None:
    found = admission(100)
    before = found.enter([TEXT]).tokens
    for _ in range(500):
        found.encoded(320, 320)
    assert found.enter([TEXT]).tokens > 3 * before
    assert found.enter(["a" * 100_000]).tokens <= LIMIT


@pytest.mark.parametrize(
    ("item", "count"), [("abc", 3), (("ab", "c"), 3), (["ab", 5], 2), (None, 0), (7, 0)]
)
def test_what_is_no_text_has_no_characters(item: object, count: int) -> None:
    assert characters_of(item) == count
