"""Scripts of encoders and engines in real processes, on a tiny bundle."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import artifacts
from benchmarks.artifacts import PEERS
from benchmarks.cases import gpu
from benchmarks.cases.accuracy import encoded
from benchmarks.cases.encoding import time_encoders
from benchmarks.encoder_jobs import cosine_of, mean_pooled, random_feeds, read_feeds, write_feeds
from benchmarks.models import Model
from benchmarks.pairing import PeerError, output_of
from benchmarks.peers.engines import MICRO_BATCH_TOKENS, micro_batches
from benchmarks.prefork import prefork
from benchmarks.report.gpu import gpu_sections
from benchmarks.systems import ENCODERS, OURS, REFERENCE, Encoder, encoder, onnx_encoder
from edgebert_runtime import Bundle, load
from edgebert_runtime.inference import batching
from edgebert_runtime.inference.execution_plan import MICRO_BATCH_TOKENS as OUR_MICRO_BATCH_TOKENS
from edgebert_runtime.reporting.document import Table

TEXTS = ["the small cat", "a red dog ran far", "blue mat"]


@pytest.fixture
def tiny_model(tiny_folder: Path) -> Model:
    return Model(name="tiny", title="Tiny", weights="random weights", source=lambda: tiny_folder)


@pytest.fixture
def ours(tiny_bundle: Bundle) -> Callable[[str], Encoder]:
    def made(variant: str) -> Encoder:
        graph = tiny_bundle.path_of(tiny_bundle.manifest.variants[variant].file)
        precision = tiny_bundle.manifest.variants[variant].precision
        return onnx_encoder(f"edgebert {precision}", OURS, precision, lambda _: graph)

    return made


def test_encoders_are_checked_and_timed_in_turn(
    tiny_model: Model, ours: Callable[[str], Encoder], tmp_path: Path
) -> None:
    """fp32 and its portable twin answer; a graph that is not there says so and stops nobody."""
    fp32, absent = ours("cpu"), onnx_encoder("absent", "x", "fp32", lambda _: tmp_path / "no.onnx")
    shapes = ("1x4", "2x8")
    rows = time_encoders(
        tiny_model,
        [fp32, absent],
        shapes={1: shapes},
        rounds=2,
        seconds=0.01,
        reference=ours("portable"),
        folder=tmp_path / "cache",
    )
    assert [(row["system"], row["threads"]) for row in rows] == [
        ("edgebert fp32", 1),
        ("absent", 1),
    ]
    assert {shape: len(rounds) for shape, rounds in rows[0]["samples_us"].items()} == {
        "1x4": 2,
        "2x8": 2,
    }
    assert all(len(samples) >= 1 for rounds in rows[0]["samples_us"].values() for samples in rounds)
    assert min(rows[0]["cosines"].values()) > 0.99999
    assert "samples_us" not in rows[1]
    assert "no.onnx" in rows[1]["failure"]


def test_a_wrong_answer_is_a_failure_and_no_time(
    tiny_model: Model, ours: Callable[[str], Encoder], tmp_path: Path
) -> None:
    fp32, shapes = ours("cpu"), ["1x4"]
    job: dict[str, Any] = {"shapes": shapes, "reference": str(tmp_path / "reference")}
    fp32.do(tiny_model, 1, "reference", **job)
    np.save(f"{job['reference']}-1x4.npy", -np.load(f"{job['reference']}-1x4.npy"))
    with pytest.raises(PeerError, match="wrong answer: cosine -1"):
        fp32.do(tiny_model, 1, "time", **job, seconds=0.01)


def test_vectors_of_a_script_are_those_of_the_runtime(
    tiny_model: Model, tiny_bundle: Bundle, ours: Callable[[str], Encoder], tmp_path: Path
) -> None:
    with load(tiny_bundle, "fp32", "cpu", task="embed") as model:
        expected = model.embed(TEXTS, normalize=True)
    write_feeds(tmp_path / "feeds.npz", encoded(tiny_bundle, TEXTS))
    job = {"feeds": {"alone": str(tmp_path / "feeds.npz")}, "out": str(tmp_path)}
    ours("cpu").do(tiny_model, 1, "vectors", **job)
    np.testing.assert_allclose(np.load(tmp_path / "alone.npy"), expected, atol=2e-6)


def test_scripts_for_a_gpu_answer_alike_on_a_cpu(
    tiny_cuda: Bundle, tmp_path: Path, tiny_model: Model
) -> None:
    """The whole case, torch beside our graph for CUDA, on a device that is always there."""
    shapes = ("1x8", "4x~16")
    record = gpu.measure(
        tiny_model,
        rounds=2,
        shapes=shapes,
        only=["torch fp32"],
        here=True,
        device="cpu",
        seconds=0.01,
        folder=tmp_path / "cache",
        bundle_of=lambda _: tiny_cuda,
    )
    rows = {row["system"]: row for row in record["rows"]}
    assert list(rows) == ["edgebert fp32", "torch fp32"]
    assert all(set(row["samples_us"]) == set(shapes) for row in rows.values())
    assert rows["edgebert fp32"]["cosines"]["4x~16"] > 0.99999
    assert [floor["shape"] for floor in record["floors"]] == ["1x8"]
    assert all(time > 0 for time in record["floors"][0]["ms"])
    (section,) = gpu_sections([record | {"about": "minilm"}])
    times, rates = section.blocks
    assert isinstance(times, Table)
    assert isinstance(rates, Table)
    assert times.columns[-1] == "4×~16"
    assert [row[0] for row in rates.rows] == ["edgebert fp32", "torch fp32"]


def test_a_batch_of_all_lengths_is_padded_to_its_longest() -> None:
    feeds = random_feeds("64x~256", 30522)
    lengths = feeds["attention_mask"].sum(axis=1)
    assert feeds["input_ids"].shape == (64, 256)
    assert lengths.max() == 256
    assert lengths.min() < 16
    assert not feeds["input_ids"][feeds["attention_mask"] == 0].any()


def test_feeds_come_back_as_they_were(tmp_path: Path) -> None:
    feeds = [random_feeds(f"1x{length}", 40) for length in range(3, 15)]
    write_feeds(tmp_path / "feeds.npz", feeds)
    for found, expected in zip(read_feeds(tmp_path / "feeds.npz"), feeds, strict=True):
        assert {name: array.tolist() for name, array in found.items()} == {
            name: array.tolist() for name, array in expected.items()
        }


def test_random_tokens_are_the_same_each_time_and_not_special() -> None:
    feeds = random_feeds("4x200", 30522)
    assert feeds["input_ids"].shape == (4, 200)
    assert feeds["input_ids"].min() >= 1526
    assert feeds["input_ids"].max() < 30522
    np.testing.assert_array_equal(feeds["input_ids"], random_feeds("4x200", 30522)["input_ids"])


def test_pooling_by_hand() -> None:
    """The mean of (3, 0) and (3, 8) is (3, 4), which is (0.6, 0.8) at length 1."""
    hidden = np.array([[[3, 0], [3, 8], [100, 100]]], np.float32)
    mask = np.array([[1, 1, 0]])
    np.testing.assert_allclose(mean_pooled(hidden, {"attention_mask": mask}), [[0.6, 0.8]])


@pytest.mark.parametrize(
    ("output", "wrong"),
    [
        ([3.0, 4.1], None),
        ([4.0, -3.0], "cosine"),
        ([4.0, 3.0], "cosine 0.9"),  # nearly the right direction
        ([6.0, 8.0], "norm 10.0"),  # the right direction, twice too long
        ([1.5, 2.0], "norm 2.5"),
        ([np.nan, 4.0], "not finite"),
    ],
)
def test_a_wrong_answer_has_no_speed(output: list[float], wrong: str | None) -> None:
    answer, reference = np.array(output, np.float32), np.array([3.0, 4.0], np.float32)
    if wrong is None:
        assert cosine_of(answer, reference, 0.99) == pytest.approx(0.99995, abs=1e-4)
    else:
        with pytest.raises(SystemExit, match=wrong):
            cosine_of(answer, reference, 0.99)


def test_every_encoder_has_a_name_of_its_own_and_a_script() -> None:
    names = [each.name for each in ENCODERS]
    assert len(set(names)) == len(names)
    assert all((PEERS / each.script).is_file() for each in ENCODERS)
    assert encoder("torch eager") is REFERENCE


def texts_to_vectors(bundle: Bundle, tmp_path: Path, action: str, **job: object) -> dict[str, Any]:
    texts = tmp_path / "texts.json"
    texts.write_text(json.dumps(TEXTS), encoding="utf-8")
    command = sys.executable, str(PEERS / "texts_to_vectors.py"), "edgebert_fp32"
    waiting = prefork(*command, str(bundle.folder), cores=1)
    return waiting.ask({"action": action, "texts": str(texts), **job})


def test_an_engine_passes_over_texts(tiny_bundle: Bundle, tmp_path: Path) -> None:
    streams = {name: str(tmp_path / "texts.json") for name in ("first", "second")}
    job = {"streams": streams, "out": str(tmp_path), "seconds": 0.05}
    found = texts_to_vectors(tiny_bundle, tmp_path, "throughput", **job)
    assert list(found) == ["first", "second"]
    assert all(len(passes) > 1 and sum(passes) >= 0.05 for passes in found.values())
    with load(tiny_bundle, "fp32", "cpu", task="embed") as model:
        np.testing.assert_allclose(np.load(tmp_path / "second.npy"), model.embed(TEXTS), atol=2e-6)


def test_an_engine_answers_every_client(tiny_bundle: Bundle, tmp_path: Path) -> None:
    found = texts_to_vectors(tiny_bundle, tmp_path, "load", clients=3, requests=20)
    assert len(found["samples_us"]) == 20
    assert min(found["samples_us"]) > 0
    assert found["seconds"] > 0


def test_an_engine_streams(tiny_bundle: Bundle, tmp_path: Path) -> None:
    found = texts_to_vectors(tiny_bundle, tmp_path, "stream", count=50, streams=True)
    assert found["peak_kib"] >= found["resting_kib"] > 0


@pytest.mark.parametrize("engine", ["edgebert_fp32", "bare_fp32"])
def test_a_start_tells_how_far_it_was_when(tiny_bundle: Bundle, engine: str) -> None:
    command = [sys.executable, str(PEERS / "first_vector.py"), engine, str(tiny_bundle.folder)]
    found = json.loads(output_of([*command, TEXTS[0]]))
    assert list(found["at"]) == ["started", "imported", "loaded", "answered"]
    assert list(found["at"].values()) == sorted(found["at"].values())
    with load(tiny_bundle, "fp32", "cpu", task="embed") as model:
        np.testing.assert_allclose(found["vector"], model.embed(TEXTS[:1])[0], atol=2e-6)


def test_an_installed_size_counts_what_is_needed() -> None:
    def size(*names: str) -> int:
        return int(output_of([sys.executable, str(PEERS / "installed_size.py"), *names]))

    assert size("tokenizers") > size("huggingface_hub") > 100_000
    assert size("tokenizers", "huggingface-hub") == size("tokenizers")
    with pytest.raises(PeerError, match="edgebert-of-nobody"):
        size("edgebert-of-nobody")


def test_micro_batches_by_hand() -> None:
    """Long ones first: 300 alone, for two would be 600; 200 takes the 100 in, the two tens not."""
    assert MICRO_BATCH_TOKENS == OUR_MICRO_BATCH_TOKENS == 512
    assert micro_batches([10, 300, 100, 200, 10]) == [[1], [3, 2], [0, 4]]


@given(st.lists(st.integers(1, 600)))
def test_peers_are_sorted_and_cut_as_ours(lengths: list[int]) -> None:
    assert micro_batches(lengths) == list(batching.micro_batches(lengths, MICRO_BATCH_TOKENS))


def test_what_a_crash_leaves_is_made_anew(tmp_path: Path) -> None:
    def crash(folder: Path) -> None:
        (folder / "half").touch()
        raise PeerError("it broke")

    with pytest.raises(PeerError, match="it broke"):
        artifacts.made("thing", crash, tmp_path)
    assert not (tmp_path / "thing").exists()
    made = artifacts.made("thing", lambda folder: (folder / "whole").touch(), tmp_path)
    assert [path.name for path in made.iterdir()] == ["whole"]
    assert artifacts.made("thing", crash, tmp_path) == made
