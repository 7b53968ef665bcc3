"""An explanation as one HTML document, with its script and its numbers inside."""

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from os import PathLike
from pathlib import Path
from typing import Any, Final

from edgebert.reporting.colours import SERIES
from edgebert.reporting.explanation.blocks import HeadsBlock, WordsBlock
from edgebert.reporting.explanation.packing import MOST_BYTES, WORST, packed
from edgebert.reporting.explanation.record import Explained, read_explanation
from edgebert_runtime.errors import EdgebertError, InputError, OutputError
from edgebert_runtime.postprocessing.explanation.report import Explanation
from edgebert_runtime.reporting.document import Page, Section, Table
from edgebert_runtime.reporting.html import STYLE, html
from edgebert_runtime.storage.atomic_write import check_places, write_whole
from edgebert_runtime.storage.json_reader import read_json

FOLDER: Final = Path(__file__).parent
MOST_JSON: Final = 2**30
"""Bytes of a file; attention of a page's most weights is a third of it."""

POLICY: Final = (
    "default-src 'none'; script-src '{script}'; style-src {styles}; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)
"""The page's own script and styles, by their hashes; the browser itself refuses every request."""

EVIDENCE: Final = (
    "Attention weights show where a head takes its input from; by themselves they are no evidence "
    "of why the model gives its answer, because other weights can give the same answer (Jain and "
    "Wallace 2019, “Attention is not Explanation”). Whether they explain an answer has to be "
    "tested for the model at hand (Wiegreffe and Pinter 2019, “Attention is not not Explanation”), "
    "as the values of words are, each of which comes from running a shortened text."
)
"""What attention is evidence of and what not, in two sentences."""

METHODS: Final = {
    "shapley": "a word's mean contribution over all orders of adding words (Shapley 1953)",
    "leave_one_out": "the answer, less the answer without the word (Li et al. 2016)",
    "occlusion": "the answer, less the answer without a window of neighbouring words, as the mean "
    "of the windows that the word is in (Zeiler and Fergus 2014)",
}


def explanation_page(
    explanation: Explanation | Mapping[str, Any] | str | PathLike[str],
    out: str | PathLike[str],
    *,
    overwrite: bool = False,
) -> Path:
    """Write a page that shows an explanation: the text by attribution, the maps of attention.

    The page is one file and needs no network. Attention weights in it have 8 bits each, and are off
    by 0.004 at most; the tables have the numbers of words as they are.

    Args:
        explanation: what `explain` gave, its `to_dict()`, or a file with that as JSON, such as a
            device's `edgebert-run explain --json` wrote.
        out: HTML file to write.
        overwrite: replace what is there.

    Returns:
        The file.

    Raises:
        InputError: the file or the fields are no explanation, or have more attention weights than
            a page shows.
        OutputError: `out` exists, or cannot be written.
    """
    found = _read(explanation)
    path = Path(out)
    check_free(path, overwrite=overwrite)
    write_whole(path, document(found))
    return path


def check_free(path: Path, *, overwrite: bool) -> None:
    """Refuse a page's place before anything is run.

    Raises:
        OutputError: something is there that is not to be replaced, or nothing can be written there.
    """
    check_places(path)
    if path.exists() and not overwrite:
        raise OutputError(
            f"{path} exists; name another file, or pass overwrite=True",
            shell=f"{path} exists; name another file with -o, or pass --overwrite",
        )


def document(found: Explained) -> str:
    """The page; the same explanation gives the same bytes.

    Raises:
        InputError: it has more attention weights than a page shows.
    """
    if found.attention is not None and found.attention.nbytes // 4 > MOST_BYTES:
        raise InputError(
            f"attention has {found.attention.nbytes // 4:,} weights, a page shows at most "
            f"{MOST_BYTES:,}; explain a part of the text, or read the JSON in Python"
        )
    script = (FOLDER / "page.js").read_text(encoding="utf-8")
    style = _colours() + (FOLDER / "page.css").read_text(encoding="utf-8")
    styles = " ".join(f"'{_hash(each)}'" for each in (STYLE, style))
    policy = POLICY.format(script=_hash(script), styles=styles)
    numbers = json.dumps(_numbers(found), ensure_ascii=False).replace("<", "\\u003c")
    head = (
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f'<link rel="icon" href="data:,">\n<style>{style}</style>\n'
        f'<script type="application/json" id="explanation">{numbers}</script>\n'
        f'<script type="module">{script}</script>'
    )
    return html(_page(found), head)


def _read(explanation: Explanation | Mapping[str, Any] | str | PathLike[str]) -> Explained:
    if isinstance(explanation, Explanation):
        explanation = explanation.to_dict()
    if isinstance(explanation, Mapping):
        return read_explanation(
            dict(explanation), lambda problem: InputError(f"the explanation {problem}")
        )
    path = Path(explanation)

    def refusal(problem: str) -> EdgebertError:
        return InputError(
            f"{path} {problem}; write it with `edgebert-run explain BUNDLE TEXT --json`"
        )

    return read_explanation(read_json(path, refusal, most_bytes=MOST_JSON), refusal)


def _page(found: Explained) -> Page:
    record = found.record
    title = "Explanation" if record.target is None else f"Explanation: {record.target}"
    answer = ""
    if record.value is not None and record.empty is not None:
        answer = f"{record.target}: {record.value:.4f}; without any word: {record.empty:.4f}"
    runs = f"{record.runs:,} {'text was' if record.runs == 1 else 'texts were'} run"
    shown = record.attention_variant
    maps = f", attention by {shown}" if shown not in (None, record.variant) else ""
    lead = f"Task {record.task}, variant {record.variant}{maps}. {runs}."
    return Page(title=title, answer=answer, lead=lead, sections=[*_sections(found)])


def _sections(found: Explained) -> Iterator[Section]:
    record = found.record
    if record.attributions:
        said = "; ".join(
            f"{name.replace('_', ' ')} is {METHODS.get(name, 'a method of a later version')}"
            for name in record.attributions
        )
        text = (
            "Words that raise the answer are blue and underlined, those that lower it brown and "
            f"dotted. Values are in units of the answer: {said}. Arrow keys go from word to word."
        )
        yield Section(title="What each word contributes", text=text, blocks=[WordsBlock(record)])
    if found.attention is not None:
        layers, heads, tokens, _ = found.attention.shape
        text = (
            f"{EVIDENCE}\n\nOf {layers * heads} heads over {tokens} tokens, the slider chooses a "
            "layer, and a map opens that head. A row is a token that attends, and the stronger a "
            "colour, the more it takes from there: strength is the square root of the weight. "
            f"Weights have 8 bits here, and are off by {WORST:.3f} at most."
        )
        block = HeadsBlock(record.tokens, layers, heads, rollout=found.rollout is not None)
        yield Section(title="Where tokens attend to", text=text, blocks=[block])
    if record.attributions:
        yield Section(title="Words as a table", blocks=[_words(found)])
    if found.attention is not None:
        text = (
            "Entropy is in nats, distance in tokens; previous, next and separator are the shares "
            "that go there (Clark et al. 2019, “What Does BERT Look At?”)."
        )
        yield Section(title="Heads as a table", text=text, blocks=[_heads(found)])


def _words(found: Explained) -> Table:
    record = found.record
    rows = []
    for at, word in enumerate(record.words):
        cells = []
        for each in record.attributions.values():
            value = each.values[at]
            error = each.errors[at] if each.errors else None
            number = "must stay" if value is None else f"{value:+.4f}"
            cells.append(number + (f" ± {error:.4f}" if error else ""))
        rows.append([word.text, *cells])
    names = [name.replace("_", " ") for name in record.attributions]
    return Table(columns=["word", *names], rows=rows)


def _heads(found: Explained) -> Table:
    names = ("entropy", "distance", "previous", "next", "separator")
    rows = [
        [f"{each.layer}.{each.head}", *(f"{getattr(each, name):.3f}" for name in names)]
        for each in found.record.heads
    ]
    return Table(columns=["head", *names], rows=rows)


def _numbers(found: Explained) -> dict[str, Any]:
    """What the script reads."""
    record = found.record
    attributions = {
        name: {"values": [*each.values], "errors": each.errors and [*each.errors]}
        for name, each in record.attributions.items()
    }
    attention = found.attention
    return {
        "words": [{"text": each.text, "tokens": [*each.tokens]} for each in record.words],
        "attributions": attributions,
        "tokens": [*record.tokens],
        "layers": 0 if attention is None else attention.shape[0],
        "heads": 0 if attention is None else attention.shape[1],
        "attention": None if attention is None else packed(attention),
        "rollout": None if found.rollout is None else packed(found.rollout),
    }


def _colours() -> str:
    """Colours of words that raise the answer and of those that lower it, light and dark."""
    plus, minus = SERIES[:2]
    return (
        f":root{{--plus:{plus.light};--minus:{minus.light}}}\n"
        "@media (prefers-color-scheme:dark){"
        f":root{{--plus:{plus.dark};--minus:{minus.dark}}}}}\n"
    )


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
