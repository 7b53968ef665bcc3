"""How a server starts, refuses to start, and ends."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from edgebert_runtime import Bundle
from tests.support.served import COMMAND, ROOT, SECONDS, Served, environment, serving

pytestmark = pytest.mark.serving

PATH = "/v1/embeddings"


def refusal(*words: object, program: Sequence[str] = COMMAND) -> str:
    """The line of a command that does not start."""
    done = subprocess.run(
        [sys.executable, *program, *map(str, words)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert len(done.stderr.splitlines()) == 1
    return done.stderr


def test_a_port_in_use(tiny_bundle: Bundle) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refusal(tiny_bundle.folder, "--port", port)
    assert f"port {port} of 127.0.0.1 is in use" in said
    assert "--port" in said


def test_a_key_file_that_others_may_read(tiny_bundle: Bundle, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("secret\n", encoding="utf-8")
    keys.chmod(0o644)
    said = refusal(tiny_bundle.folder, "--api-key-file", keys)
    assert "may be used by others (mode 0644" in said
    assert f"chmod 600 {keys}" in said


def test_a_host_that_others_reach_without_a_key(tiny_bundle: Bundle) -> None:
    said = refusal(tiny_bundle.folder, "--host", "0.0.0.0")
    assert "there is no key" in said
    assert "--no-auth" in said


def test_two_bundles_of_one_name(tiny_bundle: Bundle) -> None:
    said = refusal(f"a={tiny_bundle.folder}", f"a={tiny_bundle.folder}")
    assert "both called 'a'" in said


def test_uvicorn_is_missing(tiny_bundle: Bundle) -> None:
    hide = (
        "import sys; sys.modules['uvicorn'] = None; "
        "from edgebert_runtime.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    said = refusal("serve", tiny_bundle.folder, program=("-c", hide))
    assert "pip install 'edgebert-runtime[serve]'" in said


def test_keys(tiny_bundle: Bundle, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("# ours\nfirst-key\n\nsecond-key\n", encoding="utf-8")
    keys.chmod(0o600)
    words = (tiny_bundle.folder, "--api-key-file", keys, "--host", "0.0.0.0")
    with serving(tmp_path, *words) as served:
        served.url = served.url.replace("0.0.0.0", "127.0.0.1")
        body = {"input": "a"}
        for shown, status in (
            (None, 401),
            ("Bearer wrong", 401),
            ("Basic first-key", 401),
            ("Bearer # ours", 401),
            ("Bearer first-key", 200),
            ("bearer second-key", 200),
        ):
            headers = {} if shown is None else {"Authorization": shown}
            assert served.ask(PATH, body, headers)[0] == status, shown
        assert [served.ask(page)[0] for page in ("/health", "/ready")] == [200, 200]
        for page in ("/metrics", "/info", "/v1/models", "/nothing"):
            assert served.ask(page)[0] == 401


def test_several_bundles(tiny_bundle: Bundle, tmp_path: Path) -> None:
    folder = tiny_bundle.folder
    with serving(tmp_path, f"one={folder}", f"org/two={folder}") as served:
        for name in ("one", "org/two"):
            assert served.ask(f"/{name}{PATH}", {"input": "a"})[0] == 200
            assert served.ask(PATH, {"input": "a", "model": name})[0] == 200
            assert served.ask(f"/{name}/info")[1]["model_id"] == name
            assert served.ask(f"/v1/models/{name}")[1]["id"] == name
        status, answer, _ = served.ask(PATH, {"input": "a"})
        assert status == 400
        assert "one, org/two" in answer["error"]["message"]
        assert served.ask(f"/one{PATH}", {"input": "a", "model": "org/two"})[0] == 404
        assert [each["model_id"] for each in served.ask("/info")[1]["models"]] == ["one", "org/two"]


def ended(served: Served) -> int:
    return served.process.wait(SECONDS)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_server_once_all_is_answered(
    tiny_bundle: Bundle, tmp_path: Path, number: signal.Signals
) -> None:
    texts = ["a red cat sat on the mat"] * 1500
    with serving(tmp_path, tiny_bundle.folder, "--max-wait", "60") as served:
        with ThreadPoolExecutor(6) as pool:
            asked = [pool.submit(served.ask, PATH, {"input": texts}) for _ in range(6)]
            wait_for_flight(served, 6)
            served.process.send_signal(number)
            answers = [each.result(SECONDS) for each in asked]
        assert ended(served) == 0
        assert [status for status, _, _ in answers] == [200] * 6
        assert all(len(answer["data"]) == len(texts) for _, answer, _ in answers)
        assert served.events()[-1]["event"] == "ended"


def wait_for_flight(served: Served, count: int) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        text = served.ask("/metrics")[1]
        line = next(x for x in text.splitlines() if x.startswith("edgebert_in_flight{"))
        if float(line.split()[-1]) >= count:
            return
    raise AssertionError(f"there were never {count} requests under way")


def test_while_it_drains_a_server_says_so_and_still_answers(
    tiny_bundle: Bundle, tmp_path: Path
) -> None:
    with serving(tmp_path, tiny_bundle.folder, "--drain-seconds", "1.5") as served:
        assert served.ask("/ready")[0] == 200
        served.process.terminate()
        time.sleep(0.4)
        assert served.ask("/ready")[0] == 503
        assert served.ask("/health")[0] == 200
        assert served.ask(PATH, {"input": "a"})[0] == 200
        assert ended(served) == 0


def test_a_second_signal_ends_a_server_at_once(tiny_bundle: Bundle, tmp_path: Path) -> None:
    with serving(tmp_path, tiny_bundle.folder, "--drain-seconds", "50") as served:
        served.process.terminate()
        time.sleep(0.5)
        assert served.process.poll() is None
        served.process.terminate()
        assert ended(served) == -signal.SIGTERM


def test_an_idle_connection_does_not_hold_up_the_end(tiny_bundle: Bundle, tmp_path: Path) -> None:
    with serving(tmp_path, tiny_bundle.folder) as served, served.connect() as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nhost: here\r\n\r\n")
        assert connection.recv(4096)
        begun = time.monotonic()
        served.process.terminate()
        assert ended(served) == 0
        assert time.monotonic() - begun < 5


def test_requests_of_several_clients_until_the_end_are_answered_or_not_taken(
    tiny_bundle: Bundle, tmp_path: Path
) -> None:
    """No request that was taken goes without its answer."""
    with serving(tmp_path, tiny_bundle.folder, "--drain-seconds", "0.5") as served:
        stop = threading.Event()

        def ask_on() -> list[Any]:
            found: list[Any] = []
            while not stop.is_set():
                try:
                    found.append(served.ask(PATH, {"input": ["a red cat"] * 20})[0])
                except (urllib.error.URLError, ConnectionResetError) as error:
                    reason = getattr(error, "reason", error)
                    assert isinstance(reason, ConnectionRefusedError | ConnectionResetError)
                    found.append("not taken")  # the listener is closed, or was as it connected
                    break
            return found

        with ThreadPoolExecutor(4) as pool:
            asking: list[Future[list[Any]]] = [pool.submit(ask_on) for _ in range(4)]
            time.sleep(0.5)
            served.process.terminate()
            assert ended(served) == 0
            stop.set()
            statuses = [status for each in asking for status in each.result(SECONDS)]
    assert len(statuses) > 10
    assert set(statuses) <= {200, 429, "not taken"}


def test_the_process_is_its_own(tiny_bundle: Bundle, tmp_path: Path) -> None:
    """One process, and no file that it leaves."""
    before = sorted(os.listdir(tiny_bundle.folder))
    with serving(tmp_path, tiny_bundle.folder) as served:
        children = Path(f"/proc/{served.process.pid}/task/{served.process.pid}/children")
        assert children.read_text(encoding="ascii") == ""
        served.process.terminate()
        assert ended(served) == 0
    assert sorted(os.listdir(tiny_bundle.folder)) == before
