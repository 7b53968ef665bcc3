"""Record what a variant answers where it is made, so that other machines can be held to it.

Only `edgebert_export` and `edgebert_quantize` use this module; `self_test` is the other half.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import Manifest
from edgebert_runtime.bundle.manifest_values import NATIVE, STOCK
from edgebert_runtime.bundle.samples import Sample, Samples
from edgebert_runtime.engine.machine import machine_info
from edgebert_runtime.engine.native import find_native
from edgebert_runtime.engine.session import Session
from edgebert_runtime.errors import InputError
from edgebert_runtime.tasks.base import TaskModel
from edgebert_runtime.tasks.open_bundle import open_tokenizer
from edgebert_runtime.tasks.registry import require_task
from edgebert_runtime.tasks.spec import TaskSpec
from edgebert_runtime.tokenization.items import Item
from edgebert_runtime.tokenization.tokenizer import TextTokenizer
from edgebert_runtime.verification.probes import COMPARISONS, probe

PROVIDER: Final = "cpu"
"""Where the writer of a bundle measures everything else, too."""

SENTENCE: Final = "The old cat sat on the warm mat, and nobody asked it to leave. "

TEXTS: Final = (
    "",
    "a",
    "The cat sat on the mat.",
    "THE TRAIN FROM PARIS TO BERLIN, which Ada Lovelace took in 1843, was not late at all!",
    "Zoë's naïve café in São Paulo serves crème brûlée.",
    "I ❤️ this 🙂👍🏽, don't you?",
    "Все счастливые семьи похожи друг на друга.",
    "吾輩は猫である。名前はまだ無い。",
    "E = mc², 3.14 × 10⁻⁵ €; user@example.org",
)
"""Nothing, a letter, words, capitals, accents, emoji, other scripts, signs; a long text follows."""

LONGEST_TOKENS: Final = 512
"""The long text is longer than the limit, or than this: a device should be done in seconds."""

DIGITS: Final = 7
"""Significant ones that are stored; float32 has as many."""


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """How far answers may be off: vectors, and scores of other tasks, and why."""

    vectors: float
    scores: float
    reason: str


TOLERANCES: Final = {
    "fp32": Tolerance(
        vectors=1e-4,
        scores=1e-4,
        reason="float32: the order of additions differs between machines; that changes numbers by "
        "some 1e-6, more in deep models",
    ),
    "int4": Tolerance(
        vectors=0.1,
        scores=0.05,
        reason="weights of 4 bits: kernels for different CPUs, and of other versions of ONNX "
        "Runtime, round activations differently, by up to 0.04; a cosine of 0.995 between vectors "
        "of one length",
    ),
}
"""Precision → its own tolerance; docs/bundle-format.md has what was measured."""

ROUNDED: Final = Tolerance(
    vectors=0.045,
    scores=0.02,
    reason="rounded weights or activations: another CPU, or another version of ONNX Runtime, may "
    "round a value to a neighbouring step, by up to 0.026 between versions; a cosine of 0.999 "
    "between vectors of one length",
)
"""That of other precisions."""


def record(
    bundle: Bundle, variant: str, graph: Path, task: str | None = None, way: str = STOCK
) -> Samples:
    """Run samples through a variant on this machine's CPU.

    Args:
        bundle: its folder with all but the graph, and a manifest that has the variant.
        variant: its name.
        task: that is answered; None for the bundle's default.
        graph: the variant's graph, which need not be in the bundle yet.
        way: how it runs: `stock`, or `native` with its library, which is here.

    Raises:
        BundleError: the graph cannot be opened.
        EngineError: ONNX Runtime cannot run it.
    """
    manifest = bundle.manifest
    tokenizer = open_tokenizer(bundle)
    spec = require_task(task or manifest.default_task)
    library = find_native().library if way == NATIVE else None
    session = Session(graph, provider=PROVIDER, library=library)
    with spec.model(bundle, variant, session, tokenizer, "never", task=spec.name) as model:
        items = [item for item in _items(spec, manifest, tokenizer) if _takes(spec, model, item)]
        found = probe(spec, model, items)
        encoded = tokenizer.encode(items)
    stored = spec.probe.stored
    tolerance = TOLERANCES.get(manifest.variants[variant].precision, ROUNDED)
    return Samples(
        made_by=machine_info(PROVIDER),
        measure=COMPARISONS[spec.probe.measure].measure,
        tolerance=tolerance.vectors if spec.probe.measure == "distance" else tolerance.scores,
        reason=tolerance.reason,
        samples=tuple(
            Sample(text=item, input_ids=list(ids.input_ids), expected=_short(answer, stored))
            for item, ids, answer in zip(items, encoded, found, strict=True)
        ),
    )


def _items(spec: TaskSpec, manifest: Manifest, tokenizer: TextTokenizer) -> Sequence[Item]:
    target = min(tokenizer.limit, LONGEST_TOKENS)
    repeated = SENTENCE * (target // max(1, len(tokenizer.ids_of(SENTENCE))) + 2)
    return [spec.item(manifest, text) for text in (*TEXTS, repeated)]


def _takes(spec: TaskSpec, model: TaskModel[Any], item: Item) -> bool:
    """Whether the task has an answer: there is none in an empty context."""
    try:
        probe(spec, model, [item])
    except InputError:
        return False
    return True


def _short(answer: Sequence[Any], stored: int | None) -> list[Any]:
    """An answer with as many digits and candidates as are stored."""
    return [
        dict(list(_rounded(part).items())[:stored]) if isinstance(part, dict) else _digits(part)
        for part in answer
    ]


def _rounded(scores: dict[str, float]) -> dict[str, float]:
    return {key: _digits(score) for key, score in scores.items()}


def _digits(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")
