"""Opens pages of the built site in headless Chromium, from a server of this machine."""

import html
import json
import re
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from tests.support.browser import BROWSER

FRAMES: Final = "/frames.html"
SCHEMES: Final = {"dark": 0, "light": 1}
"""Colour scheme that the reader prefers → Chromium's number of it."""

MEASURE: Final = """
const luminance = (colour) => colour.match(/[0-9.]+/g).slice(0, 3).reduce((a, b) => a + +b, 0) / 3;
onload = () => setTimeout(() => {
  document.title = JSON.stringify([...document.querySelectorAll("iframe")].map((frame) => {
    const page = frame.contentDocument;
    const requests = frame.contentWindow.performance.getEntriesByType("resource");
    return {
      page: frame.getAttribute("src"),
      scroll: page.documentElement.scrollWidth,
      width: page.documentElement.clientWidth,
      outside: requests.map((each) => each.name).filter((each) => !each.startsWith(origin)),
      text: page.body.innerText.length,
      ground: luminance(frame.contentWindow.getComputedStyle(page.body).backgroundColor),
    };
  }));
}, 1000);
"""


class Handler(SimpleHTTPRequestHandler):
    """Serves the site, and the page whose frames have its pages."""

    frames = ""

    def do_GET(self) -> None:
        """Answer with a file, or with the frames."""
        if self.path != FRAMES:
            super().do_GET()
            return
        body = self.frames.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def served(site: Path, frames: str) -> Iterator[str]:
    """The address of a server that has the site."""
    handler = partial(type("Frames", (Handler,), {"frames": frames}), directory=str(site))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def measured(
    site: Path, pages: Sequence[str], widths: Sequence[int], scheme: str, folder: Path
) -> list[dict[str, Any]]:
    """Widths, text, background and requests to other hosts of every page in every width.

    Args:
        site: folder of the site.
        pages: places of the pages in it.
        widths: of the screen, in CSS pixels.
        scheme: `light` or `dark`.
        folder: for the browser's own files.
    """
    frames = "".join(
        f'<iframe src="/{page}" style="width:{width}px;height:900px;border:0"></iframe>'
        for page in pages
        for width in widths
    )
    document = f'<!DOCTYPE html><meta charset="utf-8">{frames}<script>{MEASURE}</script>'
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}"]
    command += [f"--user-data-dir={folder / scheme}", "--virtual-time-budget=20000"]
    with served(site, document) as address:
        done = subprocess.run(
            [*command, f"{address}{FRAMES}"],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
    found = re.search(r"<title>(.*?)</title>", done.stdout)
    assert found, done.stdout[:500]
    answer: list[dict[str, Any]] = json.loads(html.unescape(found[1]))
    return answer
