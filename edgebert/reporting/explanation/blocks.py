"""What the page's script brings to life: elements that are read without it, too."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from edgebert.reporting.explanation.record import ExplanationRecord, WordRecord
from edgebert_runtime.reporting.html import escaped


@dataclass(frozen=True)
class WordsBlock:
    """The text, a word an option; a pair is two texts."""

    record: ExplanationRecord
    caption: str = ""
    label: str = "the text, word by word"

    def html(self) -> str:
        """The words, and a place for what is said of one."""
        parts = [
            f'<p class="text" role="listbox" aria-label="{self.label}">{_text([*words])}</p>'
            for _, words in groupby(self.record.words, lambda word: word.part)
        ]
        note = '<p class="note" id="word-note"></p>'
        return "\n".join([*self._choice(), *parts, note])

    def _choice(self) -> list[str]:
        """Which method colours the text, where there are several."""
        if len(self.record.attributions) == 1:
            return []
        methods = [
            f'<label><input type="radio" name="method" value="{escaped(name)}"'
            f"{'' if at else ' checked'}> {escaped(name.replace('_', ' '))}</label>"
            for at, name in enumerate(self.record.attributions)
        ]
        return [f'<fieldset class="methods"><legend>method</legend>{"".join(methods)}</fieldset>']


@dataclass(frozen=True)
class HeadsBlock:
    """A slider of layers, the maps of one layer, and one map with its tokens.

    Attributes:
        tokens: of the text.
        layers: how many.
        heads: of each layer.
        rollout: whether there is a map of it, too.
    """

    tokens: Sequence[str]
    layers: int
    heads: int
    rollout: bool
    caption: str = ""
    label: str = "maps of attention"

    def html(self) -> str:
        """Without the script, a sentence that sends to the tables."""
        names = [f"head {head}" for head in range(self.heads)]
        tiles = "".join(
            f'<button type="button" class="tile" aria-pressed="false"><canvas></canvas>{name}'
            "</button>"
            for name in [*names, *(["rollout"] if self.rollout else [])]
        )
        tokens = " ".join(
            f'<span class="token" role="option" aria-selected="false">{escaped(each)}</span>'
            for each in self.tokens
        )
        return (
            "<noscript><p>Maps need JavaScript. The tables below do not.</p></noscript>\n"
            '<div class="maps">\n<p><label>layer <input type="range" id="layer" min="0" '
            f'max="{self.layers - 1}" value="0"></label> <output id="layer-name" for="layer">'
            f'0 of 0 to {self.layers - 1}</output></p>\n<div class="tiles" role="group" '
            f'aria-label="heads of the layer">{tiles}</div>\n<h3 id="open-name"></h3>\n'
            '<p class="note" id="token-note"></p>\n'
            f'<p class="text tokens" role="listbox" aria-label="tokens that attend">{tokens}</p>\n'
            '<div class="map"><canvas id="open-map" role="img" aria-labelledby="open-name">'
            '</canvas><div class="row" hidden></div></div>\n</div>'
        )


def _text(words: Sequence[WordRecord]) -> str:
    """The words with spaces where the text has some; the page has no more of it."""
    parts = []
    for at, word in enumerate(words):
        gap = " " if at and word.start > words[at - 1].end else ""
        parts.append(
            f'{gap}<span class="word" role="option" aria-selected="false">'
            f"{escaped(word.text)}</span>"
        )
    return "".join(parts)
