"""Attributions that are differences of two real answers."""

from collections.abc import Sequence

from edgebert_runtime.postprocessing.explanation.coalitions import Coalitions


def leave_one_out(coalitions: Coalitions) -> list[float]:
    """For each free word: the answer, less the answer without the word.

    Li, Monroe, Jurafsky 2016, "Understanding Neural Networks through Representation Erasure"
    (arXiv:1612.08220), section 3.
    """
    return _without(coalitions, [(at, at + 1) for at in range(len(coalitions.free))])


def occlusion(coalitions: Coalitions, window: int) -> list[float]:
    """For each free word: the mean, over the windows of words it is in, of what they are worth.

    A window is worth the answer, less the answer without its words. Zeiler and Fergus 2014,
    "Visualizing and Understanding Convolutional Networks" (arXiv:1311.2901), section 4.2, slides
    one over an image.

    Args:
        coalitions: of the text.
        window: neighbouring words that are taken out together; at most as many as there are.
    """
    count = len(coalitions.free)
    size = min(window, count)
    windows = [(at, at + size) for at in range(count - size + 1)]
    worth = _without(coalitions, windows)
    return [
        _mean(
            [value for value, (start, end) in zip(worth, windows, strict=True) if start <= at < end]
        )
        for at in range(count)
    ]


def _without(coalitions: Coalitions, spans: Sequence[tuple[int, int]]) -> list[float]:
    whole, free = coalitions.whole, coalitions.free
    rest = [whole - {*free[start:end]} for start, end in spans]
    (answer,) = coalitions.values([whole])
    return [answer - value for value in coalitions.values(rest)]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
