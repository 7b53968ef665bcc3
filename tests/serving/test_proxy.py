"""The server behind nginx, with the configuration that docs/how-to/server.md has."""

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgebert_runtime import Bundle
from tests.support.served import ROOT, SECONDS, serving

pytestmark = pytest.mark.serving

PAGE = ROOT / "docs" / "how-to" / "server.md"
MAIN = """\
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{site}
}}
"""


def site_of_page(server: int, proxy: int) -> str:
    """The page's part of a configuration, on ports that are free, and without its certificate."""
    found = re.search(r"^```nginx\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.S | re.M)
    assert found
    plain = "".join(line for line in found[1].splitlines(True) if "ssl_certificate" not in line)
    changed = plain.replace("443 ssl", f"127.0.0.1:{proxy}").replace(":8000", f":{server}")
    assert changed.count(str(proxy)) == changed.count(str(server)) == 1
    return changed


@contextmanager
def nginx(folder: Path, server: int) -> Iterator[str]:
    program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if program is None:
        pytest.skip("nginx is not here; `.ci/serving` installs it")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    text = MAIN.format(folder=folder, site=site_of_page(server, port))
    configuration = folder / "nginx.conf"
    configuration.write_text(text, encoding="utf-8")
    command = [program, "-e", str(folder / "error.log"), "-c", str(configuration)]
    subprocess.run([*command, "-t"], check=True, capture_output=True)
    with subprocess.Popen(command) as process:
        try:
            deadline = time.monotonic() + SECONDS
            with socket.socket() as client:
                while client.connect_ex(("127.0.0.1", port)) and time.monotonic() < deadline:
                    time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def test_a_server_behind_nginx(tiny_bundle: Bundle, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("key\n", encoding="utf-8")
    keys.chmod(0o600)
    words = (tiny_bundle.folder, "--api-key-file", keys)
    with serving(tmp_path, *words) as served, nginx(tmp_path, served.address[1]) as url:
        headers = {"Authorization": "Bearer key"}
        body = json.dumps({"input": ["a red cat"] * 300}).encode()
        for _ in range(3):  # over one connection between the two, which nginx keeps
            request = urllib.request.Request(f"{url}/v1/embeddings", body, headers)
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                assert len(json.load(answer)["data"]) == 300
                assert answer.headers["x-edgebert-variant"]
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{url}/v1/models", timeout=SECONDS)
