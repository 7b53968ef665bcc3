"""A checkout in which nobody has made the page's scripts says what to run."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from edgebert.cli.app import app
from edgebert.workflow import page
from edgebert_runtime import Bundle


def test_missing_scripts_are_one_line(
    tiny_exported: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "APP", tmp_path / "page_app")
    done = CliRunner().invoke(app, ["page", str(tiny_exported.folder), str(tmp_path / "page")])
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert "run `make page-app` in the checkout, which needs Node 20 and npm" in line
    assert not (tmp_path / "page").exists()
