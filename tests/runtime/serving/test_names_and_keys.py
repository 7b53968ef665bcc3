"""Names of bundles, keys, addresses and sizes, as they are typed."""

import argparse
import socket
from pathlib import Path

import pytest

from edgebert_runtime.cli.serve import size
from edgebert_runtime.errors import ConfigError, InputError
from edgebert_runtime.serving import Keys, Limits, ServiceOptions, exchange, read_keys
from edgebert_runtime.serving.bundles import named_bundles
from edgebert_runtime.serving.listening import find_address, listen, url_of


def test_names_of_bundles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("a=b", "models/mine"):
        (tmp_path / folder).mkdir(parents=True)
    words = ["models/mine", "x=models/mine", "org/on-hub", "y/z=org/on-hub@v1", "k=a=b"]
    assert [tuple(each) for each in named_bundles(words)] == [
        ("mine", "models/mine"),
        ("x", "models/mine"),
        ("org/on-hub", "org/on-hub"),
        ("y/z", "org/on-hub@v1"),
        ("k", "a=b"),
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "no bundle"),
        (["a/m", "b/m/"], "a/m and b/m/ are both called 'm'"),
        (["a=x", "a=y"], "both called 'a'"),
        (["my model"], "cannot be called 'my model'"),
        ([".."], "NAME="),
    ],
)
def test_names_that_cannot_be(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = tmp_path / "in between" / "here"
    for name in (".", "a/m", "b/m"):
        (below / name).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(below)
    with pytest.raises(ConfigError, match=said):
        named_bundles(words)


def test_keys_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("# old ones\n\n  one \ntwo\n", encoding="utf-8")
    path.chmod(0o640)
    keys = read_keys(path)
    assert [keys.admit(f"Bearer {key}") for key in ("one", "two", "# old ones", "")] == [
        *(True, True, False, False)
    ]
    assert not keys.admit(None)
    assert not keys.admit("one")
    assert Keys().admit(None)
    assert "one" not in repr(keys)


@pytest.mark.parametrize(
    ("mode", "content", "said"),
    [
        (0o644, b"key\n", r"mode 0644, expected 0600 or 0640\); run chmod 600"),
        (0o620, b"key\n", r"may be used by others"),
        (0o600, b"# none\n\n", r"has no key"),
        (0o600, b"\xff\n", r"is not text"),
    ],
)
def test_key_files_that_cannot_be(tmp_path: Path, mode: int, content: bytes, said: str) -> None:
    path = tmp_path / "keys"
    path.write_bytes(content)
    path.chmod(mode)
    with pytest.raises(ConfigError, match=said):
        read_keys(path)


def test_a_key_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_keys(tmp_path / "none")


@pytest.mark.parametrize(
    ("text", "expected"), [("1", 1), ("16MiB", 16 << 20), ("2 GiB", 2 << 30), ("5KiB", 5120)]
)
def test_sizes(text: str, expected: int) -> None:
    assert size(text) == expected


@pytest.mark.parametrize("text", ["", "0", "-1", "16MB", "1.5MiB", "MiB"])
def test_sizes_that_cannot_be(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="16MiB"):
        size(text)


def test_addresses() -> None:
    assert find_address("127.0.0.1", 0).is_loopback
    assert find_address("localhost", 0).is_loopback
    assert find_address("::1", 0).is_loopback
    assert not find_address("0.0.0.0", 0).is_loopback
    with pytest.raises(ConfigError, match="has no address"):
        find_address("no.such.host.invalid", 0)
    with listen(find_address("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        assert first.proto == socket.IPPROTO_TCP  # else asyncio leaves Nagle's algorithm on
        assert url_of(first) == f"http://127.0.0.1:{port}"
        with pytest.raises(ConfigError, match=f"port {port} of 127.0.0.1 is in use"):
            listen(find_address("127.0.0.1", port))


def test_the_usual_bounds() -> None:
    """As docs/how-to/server.md says them."""
    usual = Limits()
    assert (usual.header_bytes, usual.header_seconds) == (32 * 1024, 10)
    assert (usual.body_bytes, usual.body_seconds) == (16 * 1024 * 1024, 30)
    assert usual.write_seconds == 30
    assert (usual.connections, ServiceOptions().texts) == (1024, 2048)


@pytest.mark.parametrize("options", [{"max_wait": 0}, {"max_wait": float("nan")}, {"texts": 0}])
def test_options_that_make_no_sense(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        ServiceOptions(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("body", [b"", b"\xff", b"\xef\xbb\xbf{}", b"[NaN]", b"[Infinity]", b"{"])
def test_bodies_that_are_no_json(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    for reader in {vars(exchange)["orjson"], None}:
        monkeypatch.setattr(exchange, "orjson", reader)
        with pytest.raises(InputError, match="not JSON in UTF-8"):
            exchange.read_json(body)
