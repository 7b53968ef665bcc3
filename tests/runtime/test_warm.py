"""Kept graphs: found again, never trusted blindly, never in the way."""

import hashlib
import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgebert_runtime import Bundle, load
from edgebert_runtime.cli.main import main
from edgebert_runtime.engine.cpu import first_processor
from edgebert_runtime.errors import BundleIntegrityError, ConfigError
from edgebert_runtime.loading.graph_cache import ENTRY, GRAPH, cpu_identity, find_warm
from edgebert_runtime.warmup.warm import DATA, warm
from tests.support.tiny_encoder import TEXTS


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tuning that is over at once."""
    monkeypatch.setattr("edgebert_runtime.warmup.tuning.SECONDS", 0.001)


@pytest.mark.parametrize("variant", ["fp32", "int8", "portable"])
def test_a_kept_graph_runs_and_answers_alike(
    tiny_bundle: Bundle, cache: Path, variant: str
) -> None:
    expected = load(tiny_bundle, variant, cache_dir=False).embed(TEXTS)
    cold = load(tiny_bundle, variant, cache_dir=cache)
    assert not cold.info().warm
    kept = warm(tiny_bundle, variant, cache_dir=cache, tune=False)  # other batches, other last bits
    assert kept.folder.is_relative_to(cache)
    model = load(tiny_bundle, variant, cache_dir=cache)
    assert model.info().warm
    np.testing.assert_array_equal(model.embed(TEXTS), expected)
    again = pickle.loads(pickle.dumps(model))  # noqa: S301  it is our own
    assert again.info().warm


def test_warming_again_does_nothing(tiny_bundle: Bundle, cache: Path) -> None:
    first = warm(tiny_bundle, cache_dir=cache)
    times = {path: path.stat().st_mtime_ns for path in first.folder.iterdir()}
    assert warm(tiny_bundle, cache_dir=cache) == first
    assert {path: path.stat().st_mtime_ns for path in first.folder.iterdir()} == times
    assert [path.name for path in first.folder.parent.iterdir()] == [first.folder.name]


def test_what_was_kept_untuned_is_tuned_when_asked_for(tiny_bundle: Bundle, cache: Path) -> None:
    assert warm(tiny_bundle, cache_dir=cache, tune=False).tunings == {}
    tuned = warm(tiny_bundle, cache_dir=cache)
    assert list(tuned.tunings) == [load(tiny_bundle).info().threads]
    assert warm(tiny_bundle, cache_dir=cache, tune=False) == tuned


def test_another_engine_or_another_graph_finds_nothing(tiny_bundle: Bundle, cache: Path) -> None:
    warm(tiny_bundle, "fp32", cache_dir=cache)
    manifest = tiny_bundle.manifest
    name = "cpu"
    assert find_warm(cache, manifest, manifest.variants[name], "9.9.9") is None
    assert not load(tiny_bundle, "int8", cache_dir=cache).info().warm


def test_another_cpu_finds_nothing(tiny_bundle: Bundle, cache: Path) -> None:
    """A cache that another computer shares: its CPU is part of the name."""
    kept = warm(tiny_bundle, cache_dir=cache, tune=False).folder
    engine, _, cpu = kept.name.rpartition("-")
    assert cpu == hashlib.sha256(cpu_identity(first_processor())).hexdigest()[:16]
    another = hashlib.sha256(cpu_identity([b"model name\t: another"])).hexdigest()[:16]
    kept.rename(kept.with_name(f"{engine}-{another}"))
    assert not load(tiny_bundle, cache_dir=cache).info().warm
    kept.with_name(f"{engine}-{another}").rename(kept)
    assert load(tiny_bundle, cache_dir=cache).info().warm


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def lose(path: Path) -> None:
    path.unlink()


def garble(path: Path) -> None:
    path.write_text("[1, 2")


@pytest.mark.parametrize("name", [GRAPH, DATA, ENTRY])
@pytest.mark.parametrize("harm", [damage, cut, lose, garble])
def test_a_harmed_entry_is_passed_over(
    tiny_bundle: Bundle, cache: Path, name: str, harm: Any, caplog: pytest.LogCaptureFixture
) -> None:
    expected = load(tiny_bundle, cache_dir=False).embed(TEXTS)
    kept = warm(tiny_bundle, cache_dir=cache)
    harm(kept.folder / name)
    with caplog.at_level("INFO"):
        model = load(tiny_bundle, cache_dir=cache, verify="always")
    np.testing.assert_array_equal(model.embed(TEXTS), expected)
    if name != ENTRY:
        assert not model.info().warm
        assert "cannot be used, the bundle's graph runs" in caplog.text
    warm(tiny_bundle, cache_dir=cache, tune=False)
    assert load(tiny_bundle, cache_dir=cache, verify="always").info().warm


def test_a_damaged_bundle_is_not_warmed(tiny_bundle: Bundle, cache: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_bundle.folder, tmp_path / "copy"))
    damage(folder / "tokenizer.json")
    with pytest.raises(BundleIntegrityError, match=r"tokenizer\.json"):
        warm(folder, cache_dir=cache)
    assert not cache.exists()


def test_a_damaged_tokenizer_is_found_where_the_graph_is_kept(
    tiny_bundle: Bundle, cache: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_bundle.folder, tmp_path / "copy"))
    warm(folder, cache_dir=cache)
    damage(folder / "tokenizer.json")
    with pytest.raises(BundleIntegrityError, match=r"tokenizer\.json"):
        load(folder, cache_dir=cache)


def test_no_cache_and_no_place_are_said(
    tiny_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="caches are switched off"):
        warm(tiny_bundle, cache_dir=False)
    monkeypatch.setenv("EDGEBERT_CACHE", "")
    with pytest.raises(ConfigError, match="caches are switched off"):
        warm(tiny_bundle)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="choose another cache_dir"):
        warm(tiny_bundle, cache_dir=tmp_path / "file")


def test_caches_that_are_off_remember_no_hash(
    tiny_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEBERT_CACHE", str(tmp_path / "own"))
    load(tiny_bundle, verify="once", cache_dir=False)
    assert not (tmp_path / "own").exists()
    load(tiny_bundle, verify="once", cache_dir=tmp_path / "other")
    assert not (tmp_path / "own").exists()
    assert (tmp_path / "other" / "verified.json").is_file()
    load(tiny_bundle, verify="once")
    assert (tmp_path / "own" / "verified.json").is_file()


def test_several_processes_warm_at_once(
    tiny_bundle: Bundle, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")  # why a kept graph is not used, if it is not
    command = [sys.executable, "-m", "edgebert_runtime.cli.main", "warm", str(tiny_bundle.folder)]
    command += ["--cache-dir", str(cache), "--no-tune"]
    together = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)
        for _ in range(3)
    ]
    said = [json.loads(process.communicate(timeout=60)[0]) for process in together]
    assert [process.returncode for process in together] == [0, 0, 0]
    assert said[0] == said[1] == said[2]
    folder = Path(said[0]["folder"])
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    assert warm(tiny_bundle, cache_dir=cache, tune=False).folder == folder
    assert load(tiny_bundle, cache_dir=cache).info().warm


def test_the_command_says_what_is_wrong(
    tiny_bundle: Bundle, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["warm", str(tiny_bundle.folder), "--variant", "int3"]) == 2
    assert "has no variant 'int3'" in capsys.readouterr().err
    assert main(["warm", str(tmp_path)]) == 2
    assert "edgebert-run: " in capsys.readouterr().err
