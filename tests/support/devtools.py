"""Headless Chromium that a test drives, over a pipe: pages, keys, scripts and pictures.

The messages are those of https://chromedevtools.github.io/devtools-protocol, each ended by a zero
byte (`--remote-debugging-pipe`), so that no library of websockets is needed.
"""

import base64
import itertools
import json
import os
import selectors
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.support.browser import BROWSER

PATIENCE: Final = 60.0
"""Seconds that anything may take."""

BETWEEN: Final = 0.05
KEYS: Final = {"Enter": 13, "Tab": 9, "Space": 32, "End": 35, "ArrowLeft": 37, "ArrowRight": 39}
CONTROL: Final = 2
HOST: Final = "page.test"
"""A name for this machine; browsers trust `localhost` but not this one."""


class Pipe:
    """Sends commands, and keeps the events that come between their answers."""

    def __init__(self, writes: int, reads: int) -> None:
        self._writes, self._reads = writes, reads
        self._numbers = itertools.count(1)
        self._buffer = b""
        self._selector = selectors.DefaultSelector()
        self._selector.register(reads, selectors.EVENT_READ)
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **params: Any) -> Any:
        """The result of a command.

        Raises:
            AssertionError: the browser refused it, or did not answer.
        """
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        os.write(self._writes, json.dumps(message).encode() + b"\0")
        while True:
            found = self._next()
            if found.get("id") == number:
                assert "error" not in found, f"{method}: {found['error']}"
                return found["result"]
            self.events.append(found)

    def _next(self) -> Any:
        until = time.monotonic() + PATIENCE
        while b"\0" not in self._buffer:
            ready = self._selector.select(until - time.monotonic())
            assert ready, "the browser does not answer"
            self._buffer += os.read(self._reads, 1 << 20)
        message, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(message)


@dataclass
class Tab:
    """One page, in a profile of its own."""

    pipe: Pipe
    session: str

    def call(self, method: str, **params: Any) -> Any:
        """The result of a command to the page."""
        return self.pipe.call(method, self.session, **params)

    def open(self, address: str) -> None:
        """Go to an address."""
        self.call("Page.navigate", url=address)

    def evaluate(self, script: str) -> Any:
        """The value of an expression in the page, awaited.

        Raises:
            AssertionError: it threw.
        """
        done = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def wait(self, condition: str) -> Any:
        """The value of an expression, once it is true.

        Raises:
            AssertionError: it never was; the text is what the page said then.
        """
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            found = self.evaluate(f"(() => {{ try {{ return {condition}; }} catch {{ }} }})()")
            if found:
                return found
            time.sleep(BETWEEN)
        raise AssertionError(f"{condition} is false: {self.evaluate('document.body.innerText')}")

    def press(self, key: str, modifiers: int = 0) -> None:
        """A key goes down and up again."""
        code = {"key": " " if key == "Space" else key, "windowsVirtualKeyCode": KEYS[key]}
        text = {"Enter": "\r", "Space": " "}.get(key)
        down: dict[str, Any] = {"type": "keyDown", "text": text} if text else {"type": "rawKeyDown"}
        self.call("Input.dispatchKeyEvent", modifiers=modifiers, **code, **down)
        self.call("Input.dispatchKeyEvent", type="keyUp", modifiers=modifiers, **code)

    def point(self, x: float, y: float) -> None:
        """Move the pointer, in CSS pixels of the window."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def write(self, text: str) -> None:
        """Type a text where the focus is."""
        self.call("Input.insertText", text=text)

    def look(self, width: int, scheme: str) -> None:
        """How wide the screen is, in CSS pixels, and whether `light` or `dark` is preferred."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=False,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def picture(self, path: Path) -> None:
        """Write the whole page as a PNG."""
        found = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))

    def accessible(self) -> list[tuple[str, str]]:
        """Role and name of everything that a screen reader meets."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [
            (node["role"]["value"], node.get("name", {}).get("value", ""))
            for node in nodes
            if not node["ignored"]
        ]


class Browser:
    """A running Chromium."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe

    @contextmanager
    def tab(self) -> Iterator[Tab]:
        """An empty page in a new profile, which is gone afterwards."""
        context = self._pipe.call("Target.createBrowserContext")["browserContextId"]
        target = self._pipe.call("Target.createTarget", url="about:blank", browserContextId=context)
        session = self._pipe.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )["sessionId"]
        try:
            tab = Tab(pipe=self._pipe, session=session)
            for domain in ("Page", "Runtime", "Accessibility"):
                tab.call(f"{domain}.enable")
            yield tab
        finally:
            self._pipe.call("Target.disposeBrowserContext", browserContextId=context)


NO_GPU: Final = ("--disable-gpu",)
SOFTWARE_GPU: Final = (
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    "--enable-features=Vulkan",
)
"""WebGPU on the CPU, by the Vulkan driver that Chromium brings along."""


@contextmanager
def browser(folder: Path, gpu: Sequence[str] = NO_GPU) -> Iterator[Browser]:
    """Start Chromium with its files in a folder; it reaches this machine and nothing else.

    Args:
        folder: for its files.
        gpu: the flags that say which GPU it has.
    """
    commands, answers = os.pipe(), os.pipe()
    program = [BROWSER, "--headless", "--no-sandbox", *gpu, "--remote-debugging-pipe"]
    program += [f"--user-data-dir={folder}", "--no-first-run", "--disable-background-networking"]
    program += [f"--host-resolver-rules=MAP {HOST} 127.0.0.1,MAP * ~NOTFOUND,EXCLUDE 127.0.0.1"]
    with_pipes = ["bash", "-c", f'exec "$@" 3<&{commands[0]} 4>&{answers[1]}', "bash", *program]
    process = subprocess.Popen(
        with_pipes, pass_fds=(commands[0], answers[1]), stderr=subprocess.DEVNULL
    )
    os.close(commands[0])
    os.close(answers[1])
    pipe = Pipe(commands[1], answers[0])
    try:
        yield Browser(pipe)
        pipe.call("Browser.close")
    finally:
        process.kill()
        process.wait()
        os.close(commands[1])
        os.close(answers[0])
