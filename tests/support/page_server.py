"""Serves a written page under a sub-path, as a host of files would, and can get in its way."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

PREFIX: Final = "/some/where/"
ISOLATED: Final = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}
"""What lets a page use threads."""


@dataclass
class Host:
    """A running server.

    Attributes:
        port: that it listens on.
        headers: sent with every answer.
        closed: beginnings of paths, below the page, at which the connection breaks.
        requests: paths that were asked for, in order.
    """

    port: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    closed: tuple[str, ...] = ()
    requests: list[str] = field(default_factory=list)

    def address(self, name: str = "127.0.0.1") -> str:
        """Of the page, by a name of this machine."""
        return f"http://{name}:{self.port}{PREFIX}"


class Handler(SimpleHTTPRequestHandler):
    """Serves files below `PREFIX` alone."""

    def __init__(self, *given: Any, host: Host, **options: Any) -> None:
        self.host = host
        super().__init__(*given, **options)

    def do_GET(self) -> None:
        """A file, or why there is none."""
        self.host.requests.append(self.path)
        below = self.path.removeprefix(PREFIX)
        if below == self.path:
            self.send_error(404)
        elif any(below.startswith(each) for each in self.host.closed):
            self.close_connection = True  # without a word, as where there is no network
        else:
            self.path = f"/{below}"
            super().do_GET()

    def end_headers(self) -> None:
        """With those of the host; nothing is kept by the browser on its own."""
        self.send_header("Cache-Control", "no-store")
        for name, value in self.host.headers.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def served(folder: Path, headers: Mapping[str, str] | None = None) -> Iterator[Host]:
    """A server of a folder, with more headers."""
    host = Host(headers=headers or {})
    handler = partial(Handler, host=host, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    host.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
