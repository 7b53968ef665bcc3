"""A server on this machine that answers as the Hub does, as far as huggingface_hub asks.

Repositories are commits of files in memory. Paths, headers and statuses are those that
huggingface_hub 2.4.0 reads. Nothing names Xet, so files come and go by plain HTTP.
"""

import base64
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

TOKEN: Final = "hf_token_of_the_tests"
LARGE: Final = (".onnx", ".onnx_data", ".safetensors")
"""Ends of names that the Hub keeps as large files, known by their sha256."""
SECONDS: Final = 60


@dataclass
class Repository:
    """One model on the server.

    Attributes:
        commits: commit → path → content, the oldest first.
        branches: name → commit.
        refusal: status and `X-Error-Code` for everybody; None lets everybody read.
        private: whether reading takes the token.
    """

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    refusal: tuple[int, str] | None = None
    private: bool = False

    def commit(self, files: Mapping[str, bytes | None], branch: str = "main") -> str:
        """Add files to a branch, and remove those that are None; returns the commit."""
        before = self.commits.get(self.branches.get(branch, ""), {})
        changed: dict[str, bytes | None] = {**before, **files}
        after = {path: content for path, content in changed.items() if content is not None}
        named = repr((len(self.commits), branch, sorted(after.items())))
        commit = hashlib.sha1(named.encode()).hexdigest()
        self.commits[commit] = after
        self.branches[branch] = commit
        return commit

    def resolve(self, revision: str) -> str | None:
        """The commit that a branch or a commit names."""
        found = self.branches.get(revision, revision)
        return found if found in self.commits else None


@dataclass(frozen=True)
class Request:
    """What was asked: `range` is the header of that name."""

    method: str
    path: str
    range: str | None


@dataclass
class Hub:
    """The server's state, which tests set and read.

    Attributes:
        url: its address.
        repositories: name → repository.
        requests: all there were.
        breaks: path → after how many bytes the connection breaks, once.
        stalls: path → what is waited for in the middle of its content.
        corrupt: paths whose last byte is sent changed.
        uploaded: sha256 → content, of large files before they are committed.
    """

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    breaks: dict[str, int] = field(default_factory=dict)
    stalls: dict[str, threading.Event] = field(default_factory=dict)
    corrupt: set[str] = field(default_factory=set)
    uploaded: dict[str, bytes] = field(default_factory=dict)

    def publish(self, name: str, folder: Path, branch: str = "main") -> str:
        """Add a folder's files to a repository, which is made if need be; returns the commit."""
        files = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        return self.repositories.setdefault(name, Repository()).commit(files, branch)

    def fetched(self) -> list[str]:
        """Paths of the files whose content was asked for, each request once."""
        return [
            request.path.split("/resolve/")[1].partition("/")[2]
            for request in self.requests
            if request.method == "GET" and "/resolve/" in request.path
        ]


@contextmanager
def serving() -> Iterator[Hub]:
    """A running server, without repositories."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Serving", (Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def environment(hub: Hub, home: Path, **settings: str) -> dict[str, str]:
    """Of a process that takes the server for the Hub; huggingface_hub reads it when imported."""
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith("HF_")},
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        **settings,
    }


def run_python(
    code: str, *arguments: str, hub: Hub, home: Path, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own, in the folder above `home`."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment(hub, home, **settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
        cwd=home.parent,
    )


class Handler(BaseHTTPRequestHandler):
    """Answers for the `hub` that a subclass names."""

    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        del format, args

    def do_HEAD(self) -> None:
        self._read()

    def do_GET(self) -> None:
        self._read()

    def do_POST(self) -> None:
        path, body = self._asked()
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._json({"error": "Invalid username or password."}, 401)
        elif path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif path == "/api/repos/create":
            self._create(json.loads(body))
        elif path.endswith(".git/info/lfs/objects/batch"):
            self._json({"transfer": "basic", "objects": self._uploads(json.loads(body))})
        else:
            self._change(path, body)

    def do_PUT(self) -> None:
        path, body = self._asked()
        self.hub.uploaded[path.rpartition("/")[2]] = body
        self._send(200, b"", {})

    def _asked(self) -> tuple[str, bytes]:
        path = self.path.partition("?")[0]
        self.hub.requests.append(Request(self.command, path, self.headers.get("Range")))
        return path, self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _read(self) -> None:
        path, _ = self._asked()
        kind, name, revision, file = _parts(path)
        repository = self.hub.repositories.get(name)
        known = repository is not None and (
            not repository.private or self.headers.get("Authorization") == f"Bearer {TOKEN}"
        )
        if repository is None or not known:
            self._refuse(404 if repository is None else 401, "RepoNotFound")
        elif repository.refusal is not None:
            self._refuse(*repository.refusal)
        elif (commit := repository.resolve(revision)) is None:
            self._refuse(404, "RevisionNotFound")
        elif kind == "revision":
            described = {"id": name, "modelId": name, "sha": commit, "siblings": [], "tags": []}
            self._json({**described, "cardData": _card_data(repository.commits[commit])})
        elif kind == "tree":
            self._json([_entry(*item) for item in sorted(repository.commits[commit].items())])
        elif file in repository.commits[commit]:
            self._file(file, repository.commits[commit][file], commit)
        else:
            self._refuse(404, "EntryNotFound", {"X-Repo-Commit": commit})

    def _file(self, path: str, content: bytes, commit: str) -> None:
        first = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        headers = {"ETag": f'"{_tag(path, content)}"', "X-Repo-Commit": commit}
        if path.endswith(LARGE):
            headers |= {"X-Linked-Etag": headers["ETag"], "X-Linked-Size": str(len(content))}
        if first:
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        if path in self.hub.corrupt:
            content = content[:-1] + bytes([content[-1] ^ 1])
        status = 206 if first else 200
        if self.command == "GET" and path in self.hub.breaks | self.hub.stalls:
            self._send_part(status, content[first:], headers, path)
        else:
            self._send(status, content[first:], headers)

    def _send_part(self, status: int, content: bytes, headers: dict[str, str], path: str) -> None:
        """Send a part, perhaps wait, and end the connection."""
        sent = self.hub.breaks.pop(path, len(content) // 2)
        self._begin(status, len(content), headers)
        self.wfile.write(content[:sent])
        self.wfile.flush()
        if path in self.hub.stalls:
            self.hub.stalls[path].wait(SECONDS)
        self.close_connection = True

    def _create(self, asked: dict[str, Any]) -> None:
        name = f"{asked['organization']}/{asked['name']}"
        if name in self.hub.repositories:
            self._json({"error": "exists", "url": f"{self.hub.url}/{name}"}, 409)
            return
        private = asked.get("visibility") == "private" or bool(asked.get("private"))
        self.hub.repositories[name] = Repository(private=private)
        self.hub.repositories[name].commit({".gitattributes": b""})
        self._json({"url": f"{self.hub.url}/{name}", "id": name})

    def _uploads(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            {**each, "actions": {"upload": {"href": f"{self.hub.url}/lfs/{each['oid']}"}}}
            for each in asked["objects"]
        ]

    def _change(self, path: str, body: bytes) -> None:
        kind, name, revision, _ = _parts(path)
        repository = self.hub.repositories.get(name)
        if repository is None:
            self._refuse(404, "RepoNotFound")
        elif kind == "branch":
            there = revision in repository.branches
            if not there:
                repository.branches[revision] = repository.branches["main"]
            self._json({}, 409 if there else 200)
        elif repository.resolve(revision) is None:
            self._refuse(404, "RevisionNotFound")
        elif kind == "preupload":
            self._json({"files": [_mode(each["path"]) for each in json.loads(body)["files"]]})
        else:
            lines = [json.loads(line) for line in body.splitlines()]
            commit = repository.commit(dict(self._contents(lines)), revision)
            address = f"{self.hub.url}/{name}/commit/{commit}"
            self._json({"success": True, "commitOid": commit, "commitUrl": address})

    def _contents(self, lines: list[dict[str, Any]]) -> Iterator[tuple[str, bytes | None]]:
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                yield value["path"], base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                yield value["path"], self.hub.uploaded[value["oid"]]
            elif line["key"] == "deletedFile":
                yield value["path"], None

    def _refuse(self, status: int, code: str, headers: Mapping[str, str] = {}) -> None:
        self._send(status, b"{}", {"X-Error-Code": code, **headers})

    def _json(self, value: object, status: int = 200) -> None:
        self._send(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self._begin(status, len(body), headers)
        if self.command != "HEAD":
            self.wfile.write(body)

    def _begin(self, status: int, size: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(size)}.items():
            self.send_header(name, value)
        self.end_headers()


def _parts(path: str) -> tuple[str, str, str, str]:
    """What is asked, the repository, the revision and the file of an address."""
    words = [unquote(word) for word in path.strip("/").split("/")]
    if words[:2] == ["api", "models"]:
        kind, revision = words[4:6] if len(words) > 5 else ("revision", "main")
        return kind, "/".join(words[2:4]), revision, ""
    return "resolve", "/".join(words[:2]), words[3] if len(words) > 3 else "", "/".join(words[4:])


def _tag(path: str, content: bytes) -> str:
    large = path.endswith(LARGE)
    return hashlib.sha256(content).hexdigest() if large else hashlib.sha1(content).hexdigest()


def _mode(path: str) -> dict[str, Any]:
    mode = "lfs" if path.endswith(LARGE) else "regular"
    return {"path": path, "uploadMode": mode, "shouldIgnore": False}


def _entry(path: str, content: bytes) -> dict[str, Any]:
    entry = {"type": "file", "path": path, "size": len(content), "oid": _tag("", content)}
    if path.endswith(LARGE):
        entry["lfs"] = {"oid": _tag(path, content), "size": len(content), "pointerSize": 134}
    return entry


def _card_data(files: Mapping[str, bytes]) -> dict[str, str]:
    """The front matter of the model card, of which every line is a key and a value."""
    front = files.get("README.md", b"").decode().partition("---\n")[2].partition("---\n")[0]
    pairs = (line.partition(": ") for line in front.splitlines())
    return {key: value for key, colon, value in pairs if colon}
