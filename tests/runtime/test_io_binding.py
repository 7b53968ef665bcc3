"""Captured runs and answers left on a device; the CPU stands for a GPU, with real buffers."""

import gc
import subprocess
import sys
import warnings
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgebert_runtime import Bundle, Embedder, load
from edgebert_runtime.engine.io_binding import (
    CAPTURED_SHAPES,
    CAPTURED_TOKENS,
    SEQUENCE_STEP,
    bucket,
)
from edgebert_runtime.engine.providers import PROVIDERS
from edgebert_runtime.errors import (
    ConfigError,
    EngineError,
    EngineMemoryError,
    InputError,
    ModelClosedError,
    SmallerBatchWarning,
    TruncationWarning,
)
from edgebert_runtime.inference.feeds import make_feeds
from tests.support.imports import existing, imported
from tests.support.tiny_encoder import TEXTS
from tests.support.tiny_manifest import picked

WORDS = ["a", "cat", "on", "the", "mat", "looks", "at", "the", "dog"]


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the CPU provider ignores is the option and the number of a capture."""
    provider = replace(PROVIDERS["cuda"], engine_name="CPUExecutionProvider", device="cpu")
    monkeypatch.setitem(PROVIDERS, "cuda", provider)


@pytest.fixture
def capturing(stand_in: None, tiny_bundle: Bundle) -> Embedder:
    del stand_in
    return load(tiny_bundle, provider="cuda", provider_options={"enable_cuda_graph": 1})


def batches() -> list[list[str]]:
    """Of one to five texts, of one to thirty words."""
    random = np.random.default_rng(3)
    return [
        [" ".join(random.choice(WORDS, length)) for length in random.integers(1, 30, texts)]
        for texts in (1, 2, 3, 5, 1, 4)
    ]


@pytest.mark.parametrize("normalize", [True, False])
def test_captured_runs_answer_as_others(
    capturing: Embedder, tiny_bundle: Bundle, normalize: bool
) -> None:
    """`False` reads every token's vector, `True` one of each text; filled up rows are cut off."""
    plain = load(tiny_bundle, "portable")
    for texts in [*batches(), *batches()]:
        found = capturing.embed(texts, normalize=normalize)
        np.testing.assert_allclose(found, plain.embed(texts, normalize=normalize), atol=1e-5)
    replays = capturing.session.cuda_graphs
    assert replays is not None
    shapes = {shape for shape, _ in replays.captured}
    assert 1 < len(shapes) < 10
    assert all(batch.bit_count() == 1 for batch, _ in shapes)


def test_an_answer_is_not_overwritten_by_the_next(capturing: Embedder) -> None:
    first = capturing.embed(["a cat"])
    kept = first.copy()
    capturing.embed(["the dog"])
    np.testing.assert_array_equal(first, kept)


def test_large_batches_and_a_thousandth_shape_are_not_captured(
    capturing: Embedder, tiny_bundle: Bundle
) -> None:
    replays = capturing.session.cuda_graphs
    assert replays is not None
    many = ["a cat looks at the dog"] * (CAPTURED_TOKENS // 4)
    expected = load(tiny_bundle, "portable").embed(many[:1])
    np.testing.assert_allclose(capturing.embed(many)[-1:], expected, atol=1e-5)
    assert not replays.captured
    session, outputs = capturing.session, ("last_hidden_state", "sentence_embedding")
    for shape in product((1, 2, 4, 8, 16, 32), (16, 32, 40)):  # 36 captures, if all were
        feeds = make_feeds(np.full(shape, 5))
        for output in outputs:
            session.run([output], {name: feeds[name] for name in session.inputs})
    assert len(replays.captured) == CAPTURED_SHAPES == 32


def test_a_forked_child_captures_anew(capturing: Embedder) -> None:
    expected = capturing.embed(TEXTS)
    before = capturing.session.cuda_graphs
    capturing.session.reset_after_fork()
    np.testing.assert_array_equal(capturing.embed(TEXTS), expected)
    assert capturing.session.cuda_graphs is not before


@given(batch=st.integers(1, 300), sequence=st.integers(1, 512), room=st.integers(0, 40))
def test_a_bucket_holds_its_batch_and_no_text_is_too_long(
    batch: int, sequence: int, room: int
) -> None:
    longest = sequence + room
    rows, tokens = bucket(batch, sequence, longest)
    assert batch <= rows < 2 * batch
    assert rows.bit_count() == 1
    assert sequence <= tokens <= longest
    assert tokens % SEQUENCE_STEP == 0 or tokens == longest
    assert bucket(rows, tokens, longest) == (rows, tokens)


def test_warming_up_captures_what_calls_then_replay(capturing: Embedder) -> None:
    capturing.warm_up([(1, 16), (4, 20)])
    replays = capturing.session.cuda_graphs
    assert replays is not None
    before = list(replays.captured)
    assert [shape for shape, _ in before] == [(1, 16), (4, 32)]
    capturing.embed(["a cat on the mat"])
    assert list(replays.captured) == before


@pytest.mark.parametrize("shape", [(0, 8), (1, 0), (1, 41)])
def test_what_cannot_be_warmed_up_is_named(tiny_bundle: Bundle, shape: tuple[int, int]) -> None:
    model = load(tiny_bundle)
    model.warm_up()
    with pytest.raises(InputError, match=r"at least 1 and 1 to 40 tokens, got"):
        model.warm_up([shape])
    model.close()
    with pytest.raises(ModelClosedError):
        model.warm_up()


def test_runs_are_captured_only_if_asked_for(stand_in: None, tiny_bundle: Bundle) -> None:
    del stand_in
    for value in (0, "0", False):
        model = load(tiny_bundle, provider="cuda", provider_options={"enable_cuda_graph": value})
        assert model.session.cuda_graphs is None


def test_a_graph_without_padding_cannot_be_captured(tiny_bundle: Bundle) -> None:
    """Its shapes depend on the texts, so the one with padding is taken, and it is not there."""
    variants = tiny_bundle.manifest.variants
    packed = replace(
        variants["portable"],
        recipe="fp16-packed",
        precision="fp16",
        target="cuda-packed",
        capturable=False,
    )
    manifest = replace(
        tiny_bundle.manifest,
        variants={**variants, "fp16-packed": packed},
        default_variant="fp16-packed",
    )
    bundle = replace(tiny_bundle, manifest=manifest)
    assert picked(bundle, "auto", "cuda") == "fp16-packed"
    assert picked(bundle, "auto", "cuda", captured=True) == "portable"
    with pytest.raises(ConfigError, match=r"'fp16-packed' .* captured, which enable_cuda_graph"):
        picked(bundle, "fp16-packed", "cuda", captured=True)


def test_vectors_stay_where_they_were_computed(tiny_bundle: Bundle) -> None:
    model = load(tiny_bundle)
    vectors = model.embed_on_device(TEXTS)
    expected = model.embed(TEXTS)
    assert (vectors.shape, len(vectors)) == (expected.shape, len(TEXTS))
    assert vectors.__dlpack_device__() == (1, 0)
    shared, tensor = np.from_dlpack(vectors), torch.from_dlpack(vectors)
    assert shared.__array_interface__["data"][0] == tensor.data_ptr()
    copy = vectors.numpy()
    assert copy.__array_interface__["data"][0] != tensor.data_ptr()
    del vectors, model
    gc.collect()
    for found in (shared, tensor.numpy(), copy):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_device_whose_memory_is_not_known_is_refused(
    monkeypatch: pytest.MonkeyPatch, tiny_bundle: Bundle
) -> None:
    provider = replace(PROVIDERS["openvino"], engine_name="CPUExecutionProvider", plug_in=None)
    monkeypatch.setitem(PROVIDERS, "openvino", provider)
    with pytest.raises(
        ConfigError, match="'openvino' has no device memory that outputs can stay in"
    ):
        load(tiny_bundle, provider="openvino").embed_on_device(["a cat"])


def test_wrong_input_for_a_device(tiny_bundle: Bundle) -> None:
    model = load(tiny_bundle)
    long_text = "a cat " * 60
    with pytest.raises(InputError, match="at least one text"):
        model.embed_on_device([])
    with pytest.raises(InputError, match="one string"):
        model.embed_on_device("a cat")
    with pytest.raises(InputError, match="item 1 has"):
        model.embed_on_device(["a", long_text], long="error")
    with pytest.raises(ConfigError, match="long must be"):
        model.embed_on_device(["a"], long="window")  # type: ignore[arg-type]
    with pytest.warns(TruncationWarning):
        assert model.embed_on_device([long_text]).shape == (1, 48)
    assert model.last_report is not None
    assert model.last_report.truncated[0].index == 0


MEMORY = """
import resource, sys
import numpy as np
from edgebert_runtime import load
from edgebert_runtime.errors import EngineMemoryError

session = load(sys.argv[1], "portable", threads=2, cache_dir=False).session
ids = np.ones((20_000, 40), np.int64)
feeds = {name: ids for name in session.inputs}
session.run(session.outputs, {name: array[:1] for name, array in feeds.items()})
with open("/proc/self/statm") as status:
    now = int(status.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + 2**28, resource.RLIM_INFINITY))
try:
    session.run(session.outputs, feeds)
except EngineMemoryError as error:
    print(error)
"""


def test_a_run_without_enough_memory_is_an_error_of_its_own(tiny_bundle: Bundle) -> None:
    """A real process with 256 MiB of address space left; the engine prints nothing."""
    command = [sys.executable, "-c", MEMORY, str(tiny_bundle.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.stderr == ""
    assert "on input_ids (20000, 40)" in done.stdout


def test_what_does_not_fit_into_memory_runs_in_halves(
    tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if there were memory for 100 tokens at once; it is said once, and remembered."""
    model = load(tiny_bundle)
    texts = [" ".join(WORDS[: 1 + number % 9]) for number in range(64)]
    expected, really = model.embed(texts), model.session.run

    def limited(outputs: Any, feeds: Any) -> Any:
        if feeds["input_ids"].size > 100:
            raise EngineMemoryError("no memory")
        return really(outputs, feeds)

    monkeypatch.setattr(model.session, "run", limited)
    with pytest.warns(SmallerBatchWarning, match="does not fit into memory") as heard:
        found = model.embed(texts)
    assert len(heard) == 1
    np.testing.assert_allclose(found, expected, atol=1e-6)
    first = model.last_report
    assert model.info().micro_batch_tokens <= 256
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(model.embed(texts), expected, atol=1e-6)
    again = model.last_report
    assert first is not None
    assert again is not None
    assert again.tokens == first.tokens
    assert again.padded_tokens >= again.tokens


def test_one_text_that_does_not_fit_is_an_error(
    tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load(tiny_bundle)

    def full(*_: object) -> None:
        raise EngineMemoryError("no memory")

    monkeypatch.setattr(model.session, "run", full)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SmallerBatchWarning)
        with pytest.raises(EngineMemoryError, match="no memory"):
            model.embed(TEXTS)


def test_a_failed_run_is_named_and_not_printed(
    tiny_bundle: Bundle, capfd: pytest.CaptureFixture[str]
) -> None:
    session = load(tiny_bundle).session
    ids = np.full((1, 3), 10**6)
    with pytest.raises(EngineError, match=r"cannot run .* on input_ids \(1, 3\)"):
        session.run(session.outputs, dict.fromkeys(session.inputs, ids))
    assert capfd.readouterr().err == ""


def test_a_cpu_does_not_load_what_is_for_gpus(tiny_bundle: Bundle) -> None:
    code = "from edgebert_runtime import load; load(sys.argv[1]).embed(['a'])"
    modules = imported(code, str(tiny_bundle.folder))
    assert "engine.session" in modules
    assert not modules & existing("engine.io_binding")
