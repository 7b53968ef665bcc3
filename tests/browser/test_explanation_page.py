"""The page of an explanation in Chromium: what it shows, to whom, and that it asks for nothing."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

import edgebert
from edgebert_runtime.postprocessing.explanation.attention import rollout, summarize_heads
from edgebert_runtime.postprocessing.explanation.report import Attribution, Explanation
from edgebert_runtime.postprocessing.explanation.words import words_of
from tests.support.devtools import Browser, Tab

pytestmark = pytest.mark.browser

TEXT: Final = "Trains between both cities will not run before spring, says the new committee."
LAYERS, HEADS = 3, 4
READY: Final = "document.documentElement.dataset.ready"
NOTE: Final = "document.querySelector('#token-note').textContent"
WORD_NOTE: Final = "document.querySelector('#word-note').textContent"
FOCUS: Final = "document.activeElement.ariaLabel ?? document.activeElement.textContent"
RATIO: Final = """
(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const channels = (colour, ground) => {
    canvas.fillStyle = ground;
    canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (rgb) => {
    const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = rgb.map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = getComputedStyle(document.body).backgroundColor;
  return Math.min(...[...document.querySelectorAll(".word, .token")].map((each) => {
    const style = getComputedStyle(each);
    const colours = [style.color, style.backgroundColor];
    const [ink, ground] = colours.map((each) => luminance(channels(each, paper)));
    return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
  }));
})()
"""


def explanation() -> Explanation:
    """Values and maps by chance, with every row of a map a mixture."""
    random = np.random.default_rng(0)
    words = words_of(TEXT)
    side = len(words) + 2
    scores = random.normal(scale=2, size=(LAYERS, HEADS, side, side))
    weights = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    attention = weights.astype(np.float32)
    values = random.normal(size=len(words)).tolist()
    return Explanation(
        task="classify",
        variant="attention",
        target="score of delayed",
        value=0.9,
        empty=0.3,
        words=[word._replace(tokens=(at + 1,)) for at, word in enumerate(words)],
        attributions={
            "shapley": Attribution(values=values, errors=[0.001] * len(words)),
            "occlusion": Attribution(values=[*reversed(values)]),
        },
        runs=120,
        tokens=["[CLS]", *(word.text.lower() for word in words), "[SEP]"],
        attention=attention,
        heads=summarize_heads(attention, [0, side - 1]),
        rollout=rollout(attention),
    )


FOUND: Final = explanation()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return edgebert.explanation_page(FOUND, tmp_path_factory.mktemp("explained") / "page.html")


@pytest.fixture
def shown(chromium: Browser, page: Path) -> Iterator[Tab]:
    with chromium.tab() as tab:
        tab.call("Network.enable")
        tab.call("Log.enable")
        tab.look(1280, "light")
        tab.open(page.as_uri())
        tab.wait(READY)
        yield tab
        events = tab.pipe.events
        asked = [
            each["params"]["request"]["url"]
            for each in events
            if each.get("method") == "Network.requestWillBeSent"
            and each.get("sessionId") == tab.session
        ]
        assert {url.partition(":")[0] for url in asked} <= {"file", "data"}
        said = [
            each
            for each in events
            if each.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown")
            and each.get("sessionId") == tab.session
        ]
        assert said == []


def strongest(weights: Any) -> list[str]:
    first = np.argsort(-weights, kind="stable")[:3]
    return [f"{FOUND.tokens[at]} {weights[at]:.2f}" for at in first]


def named(note: str) -> list[str]:
    """Tokens and weights of a note, to two digits: a byte has no more."""
    found = re.findall(r"(\S+) (0\.\d{3}|1\.000)", note.partition("takes most from")[2])
    return [f"{token} {float(weight):.2f}" for token, weight in found]


def close(found: list[str], expected: list[str]) -> bool:
    pairs = [(*one.split(), *other.split()) for one, other in zip(found, expected, strict=True)]
    return all(a == b and abs(float(x) - float(y)) < 0.015 for a, x, b, y in pairs)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_and_can_be_read(shown: Tab, width: int, scheme: str, tmp_path: Path) -> None:
    shown.look(width, scheme)
    sizes = shown.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert sizes[0] <= sizes[1] <= width
    assert shown.evaluate(RATIO) >= 4.5
    colours = shown.evaluate("getComputedStyle(document.body).backgroundColor")
    assert colours == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 28)"}[scheme]
    shown.picture(tmp_path / "page.png")
    assert (tmp_path / "page.png").stat().st_size > 20_000


def test_the_text_is_coloured_by_the_method_that_is_chosen(shown: Tab) -> None:
    for name in ("shapley", "occlusion"):
        shown.evaluate(f"document.querySelector('input[value={name}]').click()")
        found = shown.evaluate(
            "[...document.querySelectorAll('.word')].map((each) => [each.dataset.sign, "
            "Number(each.style.getPropertyValue('--share'))])"
        )
        values = np.array(FOUND.attributions[name].values, float)
        assert [sign for sign, _ in found] == np.where(values > 0, "plus", "minus").tolist()
        shares = np.abs(values) / np.abs(values).max()
        assert [share for _, share in found] == pytest.approx(shares.tolist())


def test_layers_heads_and_tokens_by_pointer(shown: Tab) -> None:
    assert FOUND.attention is not None
    assert FOUND.rollout is not None
    token = "document.querySelectorAll('.token')[3]"
    for layer, head in ((0, 0), (2, 1), (1, 3)):
        shown.evaluate(
            f"(() => {{ const s = document.querySelector('#layer'); s.value = {layer}; "
            "s.dispatchEvent(new Event('input')); "
            f"document.querySelectorAll('.tile')[{head}].click(); {token}.scrollIntoView(); }})()"
        )
        shown.point(0, 0)
        box = shown.evaluate(f"(({{x, y}}) => [x, y])({token}.getBoundingClientRect())")
        shown.point(box[0] + 5, box[1] + 5)
        note = shown.wait(f"{NOTE}.includes('“{FOUND.tokens[3]}”') && {NOTE}")
        assert note.startswith(f"head {layer}.{head}: ")
        assert close(named(note), strongest(FOUND.attention[layer, head, 3]))
    shown.evaluate("[...document.querySelectorAll('.tile')].at(-1).click()")
    assert shown.evaluate("document.querySelector('#open-name').textContent").startswith("rollout")
    assert close(named(shown.evaluate(NOTE)), strongest(FOUND.rollout[3]))
    pressed = shown.evaluate(
        "[...document.querySelectorAll('.tile')].map((each) => each.ariaPressed)"
    )
    assert pressed == ["false"] * HEADS + ["true"]


def test_a_place_in_the_open_map(shown: Tab) -> None:
    assert FOUND.attention is not None
    side = len(FOUND.tokens)
    shown.evaluate("document.querySelector('#open-map').scrollIntoView()")
    x, y, size = shown.evaluate(
        "(({x, y, width}) => [x, y, width])"
        "(document.querySelector('#open-map').getBoundingClientRect())"
    )
    shown.point(x + size * 2.5 / side, y + size * 4.5 / side)
    note = shown.wait(f"/takes [0-9.]+ from/.test({NOTE}) && {NOTE}")
    found = re.search(r"“(.*)” takes ([\d.]+) from “(.*)”", note)
    assert found is not None
    assert (found[1], found[3]) == (FOUND.tokens[4], FOUND.tokens[2])
    assert float(found[2]) == pytest.approx(float(FOUND.attention[0, 0, 4, 2]), abs=0.005)


def test_everything_is_reached_by_keys(shown: Tab) -> None:
    shown.evaluate("document.querySelector('input[name=method]').focus()")
    shown.press("Tab")
    assert shown.evaluate(FOCUS).startswith("Trains, ")
    shown.press("ArrowRight")
    shown.press("ArrowRight")
    assert shown.evaluate(FOCUS).startswith("both, ")
    assert shown.evaluate(WORD_NOTE).startswith("“both”: shapley ")
    shown.press("End")
    assert shown.evaluate(WORD_NOTE).startswith("“.”: ")
    shown.press("Tab")
    assert shown.evaluate("document.activeElement.id") == "layer"
    shown.press("ArrowRight")
    assert shown.evaluate("document.querySelector('#open-name').textContent") == "head 1.0"
    shown.press("Tab")
    shown.press("Tab")
    shown.press("Enter")
    assert shown.evaluate("document.querySelector('#open-name').textContent") == "head 1.1"
    for _ in range(HEADS):
        shown.press("Tab")
    shown.press("ArrowRight")
    assert shown.evaluate(NOTE).startswith("head 1.1: “trains” takes most from ")


def test_a_screen_reader_finds_names(shown: Tab) -> None:
    found = [(role, name.strip()) for role, name in shown.accessible()]
    assert ("slider", "layer") in found
    assert ("button", "head 0") in found
    assert ("button", "rollout") in found
    assert ("radio", "shapley") in found
    assert ("listbox", "the text, word by word") in found
    words = [name for role, name in found if role == "option"]
    assert any(re.fullmatch(r"Trains, [+−]\d\.\d{4} ± 0\.0010", name) for name in words)


def test_tables_are_there_without_scripts(chromium: Browser, page: Path) -> None:
    with chromium.tab() as tab:
        tab.call("Emulation.setScriptExecutionDisabled", value=True)
        tab.open(page.as_uri())
        tab.wait("document.querySelectorAll('table').length === 2")
        text = tab.wait("document.body.innerText")
    assert "Maps need JavaScript" in text
    assert len(re.findall(r"± 0\.0010", text)) == len(FOUND.words)


def test_a_changed_script_is_refused_by_the_browser(chromium: Browser, page: Path) -> None:
    """The policy is in force: a page whose script was changed does nothing."""
    changed = page.with_name("changed.html")
    changed.write_text(page.read_text(encoding="utf-8").replace("showMaps();\n", "showMaps(); \n"))
    with chromium.tab() as tab:
        tab.open(changed.as_uri())
        tab.wait("document.querySelectorAll('table').length === 2")
        assert tab.evaluate(READY) is None


def test_one_text_without_maps(chromium: Browser, tmp_path: Path) -> None:
    found = replace(FOUND, attention=None, heads=(), rollout=None, tokens=(), words=words_of(TEXT))
    with chromium.tab() as tab:
        tab.open(edgebert.explanation_page(found, tmp_path / "page.html").as_uri())
        tab.wait(READY)
        assert tab.evaluate("document.querySelectorAll('.tile').length") == 0
        assert tab.evaluate("document.querySelectorAll('.word').length") == len(found.words)
