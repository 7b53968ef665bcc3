"""ONNX Runtime for CUDA over libraries that compute nothing: what it does, and what it refuses.

Usage: .ci/dry-cuda, which makes the libraries and the bundles and names them to this.
"""

import os
import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from edgebert_runtime import Bundle, load
from edgebert_runtime.engine.io_binding import CAPTURED_SHAPES, CAPTURED_TOKENS
from edgebert_runtime.engine.session import Session
from edgebert_runtime.errors import (
    ConfigError,
    EngineError,
    EngineMemoryError,
    ProviderUnavailableError,
    SmallerBatchWarning,
)
from tests.support.cuda_trace import Event, Trace, attention, count, sizes, tokens
from tests.support.engine_sessions import noted_sessions, operators_elsewhere

pytestmark = pytest.mark.filterwarnings("ignore::edgebert_runtime.errors.UnverifiedWarning")

BUNDLES: Final = Path(os.environ["EDGEBERT_DRY_BUNDLES"])
FAMILIES: Final = sorted(path.name for path in (BUNDLES / "families").iterdir())
TASKS: Final = ("classify", "tag", "answer", "fill", "rank")
VARIANTS: Final = ("portable", "cuda", "cuda-packed", "fp16", "fp16-packed", "bf16")
PADDED: Final = {"deberta-v2", "deberta-v3", "modernbert", "modernbert-biased", "mpnet"}
"""Families whose attention depends on more than which tokens are kept."""

GRAPHS: Final = [
    (family, variant)
    for family in FAMILIES
    for variant in VARIANTS
    if "packed" not in variant or family not in PADDED
]
LAYERS: Final = 3
ON_THE_CPU: Final = {"Concat", "Squeeze"}
"""Operators that run there, on shapes."""

MASK: Final = np.array([[1, 1, 0, 1, 1, 0, 0, 0], [1] * 8, [0] * 8])
KEPT: Final = int(MASK.sum())


@pytest.fixture
def trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trace:
    path = tmp_path / "trace"
    monkeypatch.setenv("DRY_CUDA_TRACE", str(path))
    return Trace(path)


def bundle_of(name: str) -> Bundle:
    """Of a family, or as `tasks/tag`."""
    return Bundle.open(BUNDLES / (name if "/" in name else f"families/{name}") / "bundle")


def feeds(session: Session) -> dict[str, np.ndarray]:
    ids = np.random.default_rng(0).integers(5, 100, MASK.shape)
    given = {"input_ids": ids, "attention_mask": MASK, "token_type_ids": 0 * ids}
    return {name: given[name] for name in session.inputs}


def on_cuda(model: str, **options: Any) -> Any:
    return load(bundle_of(model), provider="cuda", verify="never", **options)


def require_lawful(events: list[Event]) -> None:
    """Nothing is called that a library does not have, or that a capture forbids."""
    assert [event for event in events if event.kind in ("unexpected", "illegal")] == []


def test_a_trace_is_read_by_kinds(trace: Trace) -> None:
    lines = {
        "captured host function": Event("captured host function"),
        "captured copy up 8": Event("captured copy up", ("8",)),
        "captured launch name 1,1,1": Event("captured launch", ("name", "1,1,1")),
        "host function": Event("host function"),
        "copy down 8": Event("copy down", ("8",)),
        "launch name 1,1,1": Event("launch", ("name", "1,1,1")),
        "unexpected cudaThing": Event("unexpected", ("cudaThing",)),
    }
    trace.path.write_text("\n".join(lines), encoding="utf-8")
    assert trace.take() == list(lines.values())


@pytest.mark.parametrize(("family", "variant"), GRAPHS)
def test_every_graph_runs_on_the_gpu(
    family: str, variant: str, trace: Trace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without cuDNN; all but arithmetic on shapes; up come the inputs, down what is asked for."""
    bundle = bundle_of(family)
    chosen = bundle.manifest.variants[variant]
    opened = noted_sessions(monkeypatch)
    session = Session(bundle.path_of(chosen.file), provider="cuda")
    elsewhere = operators_elsewhere(opened[0], "CUDAExecutionProvider")
    trace.take()
    given = feeds(session)
    (found,) = session.run(["last_hidden_state"], given)
    assert found.shape[:2] == MASK.shape
    events = trace.take()
    require_lawful(events)
    assert elsewhere <= ON_THE_CPU
    without_padding = chosen.target == "cuda-packed"
    up, down = sizes(events, "copy up"), sizes(events, "copy down")
    assert up[: len(given)] == [MASK.nbytes] * len(given)
    assert max(up[len(given) :], default=0) < MASK.nbytes, "sizes, and where products lie"
    assert down == [4] * without_padding + [found.nbytes], "and how many tokens are kept"
    assert tokens(events) >= {KEPT if without_padding else MASK.size}
    if chosen.target != "portable":
        kinds = attention(events)
        assert sum(kinds.values()) == LAYERS
        assert not without_padding or variant == "cuda-packed" or kinds == {"flash": LAYERS}


@pytest.mark.parametrize("variant", ["portable", "cuda", "fp16", "bf16"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_graph_with_padding_can_be_captured(family: str, variant: str, trace: Trace) -> None:
    """Nothing in a capture reads or writes the host's memory, which is another's when replayed."""
    found = bundle_of(family).manifest.variants[variant]
    assert found.capturable == (not family.startswith("deberta"))
    if not found.capturable:
        with pytest.raises(ConfigError, match=r"cannot be captured, .*; leave"):
            on_cuda(family, variant=variant, provider_options={"enable_cuda_graph": 1})
        return
    model = on_cuda(family, variant=variant, provider_options={"enable_cuda_graph": 1})
    session = model.session
    session.run(["last_hidden_state"], feeds(session))
    events = trace.take()
    require_lawful(events)
    assert count(events, "capture") == 1
    hosts = ("captured copy up", "captured copy down", "captured host function")
    assert {event.kind for event in events}.isdisjoint(hosts)


@pytest.mark.parametrize(
    ("capability", "expected"),
    [
        (75, "memory-efficient"),
        *((capability, "flash") for capability in (80, 86, 89, 90, 100, 120)),
    ],
)
def test_which_attention_runs_without_padding(
    capability: int, expected: str, trace: Trace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From Turing to Blackwell; the bias is added while queries, keys and values are parted."""
    monkeypatch.setenv("DRY_CUDA_CAPABILITY", str(capability))
    model = on_cuda("bert")
    assert model.info().variant == "fp16-packed"
    trace.take()
    model.embed(["a cat", "a cat on the mat"])
    events = trace.take()
    require_lawful(events)
    assert attention(events) == {expected: LAYERS}
    names = [event.what[0] for event in events if event.kind == "launch"]
    assert sum("TN3H" in name for name in names) == LAYERS
    assert not any("SplitSmallInner" in name for name in names)


@pytest.mark.parametrize(
    ("capability", "variant"),
    [(75, "cuda"), (75, "fp16")]
    + [(number, name) for number in (80, 90, 120) for name in ("cuda", "fp16", "bf16")],
)
def test_which_attention_runs_with_padding(
    capability: int, variant: str, trace: Trace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRY_CUDA_CAPABILITY", str(capability))
    on_cuda("bert", variant=variant).embed(["a cat", "a cat on the mat"])
    assert attention(trace.take()) == {"memory-efficient": LAYERS}


def test_a_captured_run_is_one_copy_one_launch_and_one_copy(trace: Trace) -> None:
    model = on_cuda("bert", provider_options={"enable_cuda_graph": 1})
    assert model.info().variant == "fp16"
    texts = ["a cat on the mat"]
    trace.take()
    model.embed(texts)
    first = trace.take()
    require_lawful(first)
    assert (count(first, "capture"), count(first, "replay")) == (1, 1)
    vectors = model.embed(texts)
    again = [event for event in trace.take() if event.kind != "wait"]
    assert [event.kind for event in again] == ["copy up", "replay", "copy down"]
    assert sizes(again, "copy down") == [vectors.nbytes]
    model.embed(["a mat"])
    assert count(trace.take(), "capture") == 0, "of the same shape once it is filled up"


def test_captures_are_bounded_and_what_is_large_is_not_captured(trace: Trace) -> None:
    model = on_cuda("bert", provider_options={"enable_cuda_graph": 1})
    session = model.session
    trace.take()

    def run(batch: int, length: int) -> list[Event]:
        ids = np.ones((batch, length), np.int64)
        session.run(["sentence_embedding"], dict.fromkeys(session.inputs, ids))
        events = trace.take()
        require_lawful(events)
        return events

    assert count(run(CAPTURED_TOKENS // 16 * 2, 16), "capture") == 0
    captured = sum(
        count(run(2**power, length), "capture")
        for power in range(8)
        for length in (16, 32, 48, 64, 80)
        if 2**power * length <= CAPTURED_TOKENS
    )
    assert captured == CAPTURED_SHAPES
    assert count(run(1, 16), "replay") == 1
    other = session.run(["last_hidden_state"], dict.fromkeys(session.inputs, np.ones((1, 16), int)))
    assert other[0].shape[:2] == (1, 16)
    assert count(trace.take(), "capture") == 0


def test_warming_up_captures_what_calls_replay(trace: Trace) -> None:
    model = on_cuda("bert", provider_options={"enable_cuda_graph": 1})
    trace.take()
    model.warm_up([(1, 16)])
    assert count(trace.take(), "capture") == 1
    model.embed(["a cat on the mat"])
    events = trace.take()
    assert (count(events, "capture"), count(events, "replay")) == (0, 1)


def test_vectors_stay_on_the_gpu(trace: Trace) -> None:
    model = on_cuda("bert")
    model.embed(["a cat"])
    trace.take()
    vectors = model.embed_on_device(["a cat", "a mat"])
    assert vectors.__dlpack_device__() == (2, 0)  # kDLCUDA, the first
    assert sizes(trace.take(), "copy down") == [4], "how many tokens are kept, and no vector"
    found = vectors.numpy()
    assert sizes(trace.take(), "copy down") == [found.nbytes]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("captured", [0, 1])
def test_every_task_runs(task: str, captured: int, trace: Trace) -> None:
    model = on_cuda(f"tasks/{task}", provider_options={"enable_cuda_graph": captured})
    calls = {
        "classify": lambda: model.classify(["a cat", "a mat on the cat"]),
        "tag": lambda: model.tag(["a cat", "a mat on the cat"]),
        "answer": lambda: model.answer("who?", "a cat on the mat"),
        "fill": lambda: model.fill("a cat on the [MASK]"),
        "rank": lambda: model.rank("who?", ["a cat", "a mat"]),
    }
    for _ in range(2):
        calls[task]()
    events = trace.take()
    require_lawful(events)
    assert set(attention(events)) == ({"memory-efficient"} if captured else {"flash"})


def test_another_card_is_taken_by_its_number() -> None:
    vectors = on_cuda("bert", provider_options={"device_id": 1}).embed_on_device(["a cat"])
    assert vectors.__dlpack_device__() == (2, 1)


@pytest.mark.parametrize(
    ("error", "options", "expected"),
    [
        (35, {}, "driver that is older than the CUDA of this ONNX Runtime needs; update"),
        (100, {}, "found no NVIDIA GPU; there is none here, or CUDA_VISIBLE_DEVICES"),
        (0, {"device_id": 99}, "found no GPU with this device_id; .* device_id=99"),
    ],
)
def test_why_there_is_no_gpu(
    error: int, options: dict[str, Any], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRY_CUDA_ERROR", str(error))
    with pytest.raises(ProviderUnavailableError, match=expected):
        on_cuda("bert", provider_options=options)


def test_an_option_that_there_is_not_is_named() -> None:
    with pytest.raises(ConfigError, match="no option 'gpu_memory'"):
        on_cuda("bert", provider_options={"gpu_memory": 1})


@pytest.mark.parametrize("pooling", ["cls_token", "mean_tokens", "mean_sqrt_len_tokens"])
def test_pooling_and_normalizing_need_no_cudnn(pooling: str, trace: Trace) -> None:
    assert on_cuda(f"poolings/{pooling}").embed(["hello world"]).shape[0] == 1
    require_lawful(trace.take())


def test_what_needs_cudnn_says_how_to_get_it() -> None:
    """The largest number of each column: ONNX Runtime's own kernels have no ReduceMax."""
    with pytest.raises(EngineError, match=r"without the library libcudnn\.so; pip install .*cudnn"):
        on_cuda("poolings/max_tokens").embed(["hello world"])


def texts(number: int) -> list[str]:
    return ["a cat on the mat looks at the dog " * 6] * number


def test_what_does_not_fit_runs_in_halves(trace: Trace, monkeypatch: pytest.MonkeyPatch) -> None:
    model = on_cuda("bert", variant="cuda")
    model.embed(texts(1))
    taken = sum(sizes(trace.take(), "malloc"))
    monkeypatch.setenv("DRY_CUDA_MEMORY", str(taken + 2**23))
    with pytest.warns(SmallerBatchWarning, match="does not fit into memory") as heard:
        found = model.embed(texts(512))
    assert len(heard) == 1
    assert found.shape[0] == 512
    assert count(trace.take(), "full") > 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.embed(texts(512))  # it is remembered


def test_a_limit_is_a_models_own(trace: Trace) -> None:
    options = {"gpu_mem_limit": 2**24, "arena_extend_strategy": "kSameAsRequested"}
    limited, other = on_cuda("bert", provider_options=options), on_cuda("bert")
    with pytest.warns(SmallerBatchWarning):
        limited.embed(texts(2048))
    assert count(trace.take(), "full") == 0, "the card has room"
    with warnings.catch_warnings():
        warnings.simplefilter("error", SmallerBatchWarning)
        other.embed(texts(2048))


def test_one_text_that_does_not_fit_is_an_error(
    trace: Trace, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"arena_extend_strategy": "kSameAsRequested"}
    model = on_cuda("bert", variant="cuda", provider_options=options)
    monkeypatch.setenv("DRY_CUDA_MEMORY", str(sum(sizes(trace.take(), "malloc"))))
    with pytest.raises(EngineMemoryError):
        model.embed(["a cat"])
