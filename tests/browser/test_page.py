"""`edgebert page` in Chromium: it answers like Python, says what is wrong, and is for everybody."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from edgebert.workflow.page import page
from edgebert_runtime import Bundle, load
from tests.support.devtools import CONTROL, HOST, Tab
from tests.support.page_server import ISOLATED, PREFIX, Host, served
from tests.support.web.calls import CALLS, FP32, far, plain

pytestmark = pytest.mark.browser

GetBundle = Callable[[str], Bundle]
MODEL: Final = "(await (await import(new URL('page.js', document.baseURI))).ready)"
READY: Final = "document.querySelector('#latency').textContent"
FOCUS: Final = "document.activeElement.ariaLabel ?? document.activeElement.textContent"
PROBLEM: Final = "document.querySelector('.problem').innerText"


@pytest.fixture
def written(app: Path, bundle_of: GetBundle, tmp_path: Path) -> Callable[..., tuple[Path, Bundle]]:
    """Writes the page of a task."""

    def write(task: str = "embed", **options: Any) -> tuple[Path, Bundle]:
        bundle = bundle_of(task)
        return page(bundle, tmp_path / "page", progress=False, **options), bundle

    return write


GetPage = Callable[..., tuple[Path, Bundle]]


def shown(tab: Tab, host: Host) -> None:
    """Open a page, and wait for the answer to what stands in it at first."""
    tab.open(host.address())
    tab.wait(READY)


@pytest.mark.parametrize("task", CALLS)
def test_the_page_answers_like_python(task: str, written: GetPage, tab: Tab) -> None:
    folder, bundle = written(task, variant="fp32")
    call, in_python = CALLS[task]
    with served(folder) as host:
        shown(tab, host)
        assert tab.evaluate("document.querySelector('.answer').textContent")
        found = tab.evaluate(f"(async () => {MODEL}.{call})()")
        assert all(each.startswith(PREFIX) for each in host.requests)
    assert far(found, plain(in_python(load(bundle, "fp32")))) <= FP32


@pytest.mark.parametrize("task", ["embed", "classify", "tag"])
def test_int8_passes_the_check_in_the_page(task: str, written: GetPage, tab: Tab) -> None:
    folder, bundle = written(task, variant="int8")
    call, in_python = CALLS[task]
    with served(folder) as host:
        shown(tab, host)
        found = tab.evaluate(f"(async () => {MODEL}.{call})()")
        tab.evaluate("document.querySelector('#check').click()")
        passed = tab.wait("document.querySelector('#check-result').textContent.match(/^Pass.*/)[0]")
    assert re.search(r"Passed: \d+ samples; the worst is off by [\d.e-]+ of [\d.]+ allowed", passed)
    assert far(found, plain(in_python(load(bundle, "int8-portable")))) <= 0.045


def test_a_second_visit_needs_no_network_for_the_model(written: GetPage, tab: Tab) -> None:
    folder, _ = written()
    with served(folder) as host:
        shown(tab, host)
        first = [each for each in host.requests if "/model/" in each]
        host.closed, host.requests = ("model/",), []
        shown(tab, host)
        facts = tab.evaluate("document.querySelector('.facts').textContent")
    assert any(each.endswith(".onnx") for each in first)
    assert not [each for each in host.requests if "/model/" in each and ".json" not in each]
    assert "nothing; the files were in this browser's cache" in facts


@pytest.mark.parametrize("task", ["embed", "classify"])
def test_after_a_visit_the_page_opens_without_a_network(
    task: str, written: GetPage, tab: Tab
) -> None:
    folder, bundle = written(task, variant="fp32")
    call, in_python = CALLS[task]
    with served(folder, ISOLATED) as host:
        shown(tab, host)
        tab.wait("document.querySelector('#offline').textContent.includes('without a network')")
    tab.open("about:blank")
    shown(tab, host)  # nothing listens at its port any more
    found = tab.evaluate(f"(async () => {MODEL}.{call})()")
    assert far(found, plain(in_python(load(bundle, "fp32")))) <= FP32
    assert tab.evaluate("crossOriginIsolated")
    tab.open(f"{host.address()}index.html?threads=1")
    tab.wait(READY)
    assert "wasm, 1 thread" in tab.evaluate("document.querySelector('.facts').textContent")


def test_a_page_that_was_replaced_is_seen_at_once(written: GetPage, tab: Tab) -> None:
    folder, _ = written()
    with served(folder) as host:
        shown(tab, host)
        tab.wait("document.querySelector('#offline').textContent")
        document = folder / "index.html"
        text = document.read_text(encoding="utf-8")
        document.write_text(text.replace("<h1>", "<h1>New: "), encoding="utf-8")
        shown(tab, host)
        assert tab.evaluate("document.querySelector('h1').textContent").startswith("New: ")


def test_second_texts_make_pairs(written: GetPage, tab: Tab) -> None:
    folder, bundle = written("classify", variant="fp32")
    pairs = [("the small cat sat", "a dog ran"), ("a red mat", "the blue mat")]
    typed = [json.dumps("\n".join(each)) for each in zip(*pairs, strict=True)]
    fill = "document.querySelector('#{}').value = {}".format
    with served(folder) as host:
        shown(tab, host)
        tab.evaluate(f"{fill('texts', typed[0])}; {fill('seconds', typed[1])}")
        tab.evaluate("document.querySelector('form').requestSubmit()")
        tab.wait("document.querySelector('.picture').textContent.includes('the blue mat')")
        said = tab.evaluate("document.querySelector('.answer').textContent")
        tab.evaluate(f"{fill('seconds', json.dumps('one'))}")
        tab.evaluate("document.querySelector('form').requestSubmit()")
        assert "2 texts and 1 second texts; write a second text for each, or none" in tab.wait(
            PROBLEM
        )
    best = [each.best for each in load(bundle, "fp32", task="classify").classify(pairs)]
    expected = (f"text {at}: {each.label}, {each.score:.3f}" for at, each in enumerate(best, 1))
    assert said == f"Best label: {'; '.join(expected)}."


@pytest.mark.parametrize(
    ("headers", "threads"), [(ISOLATED, 2), ({}, 1)], ids=["isolated", "usual"]
)
def test_threads_run_where_the_host_isolates_the_page(
    headers: Mapping[str, str], threads: int, written: GetPage, tab: Tab
) -> None:
    folder, _ = written()
    with served(folder, headers) as host:
        tab.open(f"{host.address()}?threads=2")
        tab.wait(READY)
        facts = tab.evaluate("document.querySelector('.facts').textContent")
    assert f"wasm, {threads} thread" in facts


def test_a_changed_byte_is_found_before_anything_runs(written: GetPage, tab: Tab) -> None:
    folder, _ = written()
    graph = next((folder / "model" / "onnx").iterdir())
    damaged = bytearray(graph.read_bytes())
    damaged[-1] ^= 1
    graph.write_bytes(damaged)
    with served(folder) as host:
        tab.open(host.address())
        said = tab.wait(PROBLEM)
    assert graph.name in said
    assert "sha256" in said
    assert not tab.evaluate(READY)


def test_a_host_that_refuses_other_origins_is_named(written: GetPage, tab: Tab) -> None:
    folder, _ = written()
    document = folder / "index.html"
    with served(folder) as host, served(folder) as other:
        text = document.read_text(encoding="utf-8")
        elsewhere = f"{other.address()}model/"
        text = text.replace('"model": "model/"', f'"model": {json.dumps(elsewhere)}')
        text = text.replace(
            "connect-src 'self'", f"connect-src 'self' http://127.0.0.1:{other.port}"
        )
        document.write_text(text, encoding="utf-8")
        tab.open(host.address())
        said = tab.wait(PROBLEM)
        assert f"{elsewhere}edgebert.json" in said
        assert "Access-Control-Allow-Origin" in said
        other.headers = {"Access-Control-Allow-Origin": "*"}
        tab.evaluate("document.querySelector('.problem button').click()")
        tab.wait(READY)
        assert not tab.evaluate(PROBLEM)


def test_an_origin_without_subtlecrypto_is_told_what_to_do(written: GetPage, tab: Tab) -> None:
    folder, _ = written()
    with served(folder) as host:
        tab.open(host.address(HOST))
        said = tab.wait(PROBLEM)
    assert "SubtleCrypto" in said
    assert "https" in said


def test_the_keyboard_alone_is_enough(written: GetPage, tab: Tab) -> None:
    folder, _ = written()
    with served(folder) as host:
        shown(tab, host)
        before = tab.evaluate("document.querySelector('.matrix tbody').rows.length")
        tab.press("Tab")
        assert tab.evaluate("document.activeElement.labels[0].textContent").startswith("Texts")
        tab.write("\n<img src=x onerror=alert(1)> a dog")
        tab.press("Enter", CONTROL)
        tab.wait(f"document.querySelector('.matrix tbody').rows.length === {before + 1}")
        order = []
        for _ in range(3):
            tab.press("Tab")
            order.append(tab.evaluate(FOCUS))
        assert order == [
            "Compare",
            "Cosine similarity of each text with each",
            "Check this browser",
        ]
        tab.press("Space")
        tab.wait("document.querySelector('#check-result').textContent.startsWith('Passed')")
        assert tab.evaluate("document.querySelectorAll('img').length") == 0


def test_a_screen_reader_meets_names(written: GetPage, tab: Tab) -> None:
    folder, _ = written(title="Which texts are alike?")
    with served(folder) as host:
        shown(tab, host)
        found = tab.accessible()
        assert ("heading", "Which texts are alike?") in found
        assert ("textbox", "Texts, one in each line") in found
        assert ("region", "Cosine similarity of each text with each") in found
        assert {role for role, _ in found} >= {"form", "status", "main", "table", "rowheader"}
        assert all(name for role, name in found if role in ("button", "textbox", "region", "form"))
        tab.evaluate("document.querySelector('textarea').value = 'one'")
        tab.evaluate("document.querySelector('form').requestSubmit()")
        assert "write two lines or more" in tab.wait(PROBLEM)
        assert "alert" in {role for role, _ in tab.accessible()}


@pytest.mark.parametrize("task", ["embed", "tag", "rank"])
def test_it_fits_a_phone_and_a_desk_in_light_and_dark(
    task: str, written: GetPage, tab: Tab, tmp_path: Path
) -> None:
    folder, _ = written(task)
    grounds = {}
    with served(folder) as host:
        shown(tab, host)
        for width in (390, 1280):
            for scheme in ("light", "dark"):
                tab.look(width, scheme)
                tab.picture(tmp_path / f"{task}-{width}-{scheme}.png")
                size = (
                    "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
                )
                scroll, client = tab.evaluate(size)
                assert scroll <= client <= width
                ground = tab.evaluate("getComputedStyle(document.body).backgroundColor")
                grounds[scheme] = ground
    assert grounds == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 28)"}
