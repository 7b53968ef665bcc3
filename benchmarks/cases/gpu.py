"""Encoders on a GPU in turn, and their own matrix products alone; tokens in, vectors out."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Final

from benchmarks.artifacts import FOLDER, PEERS
from benchmarks.cases.encoding import described, joined, time_job
from benchmarks.cases.limits import products_of
from benchmarks.environments import interpreter
from benchmarks.models import Model, our_cuda_bundle
from benchmarks.pairing import PeerError, in_turn, output_of
from benchmarks.prefork import prefork
from benchmarks.records import Record, new_record, rows_of
from benchmarks.systems import FLOORS, OURS, Encoder
from edgebert.profiling.products import Product
from edgebert_runtime import Bundle
from edgebert_runtime.engine.threads import usable_cores

CASE: Final = "gpu"
ENVIRONMENT: Final = "gpu"

SHAPES: Final = (
    *(f"{batch}x{sequence}" for batch in (1, 8, 64, 256) for sequence in (16, 128, 512)),
    "64x~128",
    "256x~512",
)
"""Batch x sequence, in tokens; behind a ~, texts of all lengths up to that in one batch."""

BundleOf = Callable[[Model], Bundle]

SECONDS: Final = 0.5
RUNS: Final = 20
BARE: Final = "products alone"


def systems(device: str, bundle_of: BundleOf = our_cuda_bundle) -> Sequence[Encoder]:
    """Ours first; the reference is torch in float32.

    Args:
        device: cuda; cpu to try the scripts out, with what of ours a CPU runs.
        bundle_of: from a model to our bundle of it.
    """
    ours = partial(_ours, bundle_of, device)
    return [
        *(
            [
                ours("edgebert fp16", "fp16", setting="a captured run", capture="1"),
                ours("edgebert fp16 packed", "fp16-packed", setting="without padding"),
            ]
            if device == "cuda"
            else [ours("edgebert fp32", "cuda", capture="1")]
        ),
        _torch("torch fp32", "fp32", "fp32", device),
        _torch("torch fp16", "fp16", "fp16", device, "SDPA"),
        _torch("torch compile", "compile", "fp16", device, "CUDA graphs"),
        _torch("sentence-transformers", "sentence-transformers", "fp32", device),
    ]


def _ours(
    bundle_of: BundleOf,
    provider: str,
    name: str,
    variant: str,
    *,
    setting: str = "",
    capture: str = "0",
) -> Encoder:
    def graph_of(model: Model) -> Path:
        bundle = bundle_of(model)
        return bundle.path_of(bundle.manifest.variants[variant].file)

    return Encoder(
        name=name,
        maker=OURS,
        precision="fp16" if variant.startswith("fp16") else "fp32",
        setting=setting,
        script="cuda_onnxruntime_encoder.py",
        environment=ENVIRONMENT,
        options={"provider": provider, "capture": capture},
        opens=graph_of,
        floor=FLOORS["fp16"],
    )


def _torch(name: str, mode: str, precision: str, device: str, setting: str = "") -> Encoder:
    return Encoder(
        name=name,
        maker="sentence-transformers" if mode == "sentence-transformers" else "torch",
        precision=precision,
        setting=setting,
        script="cuda_torch_encoder.py",
        environment=ENVIRONMENT,
        options={"mode": mode, "device": device},
        opens=lambda model: model.source(),
        floor=FLOORS[precision],
    )


def measure(
    model: Model,
    *,
    rounds: int,
    shapes: Sequence[str] = (),
    only: Sequence[str] = (),
    here: bool = False,
    device: str = "cuda",
    seconds: float = SECONDS,
    folder: Path = FOLDER,
    bundle_of: BundleOf = our_cuda_bundle,
) -> Record:
    """Time encoders and bare products in turn.

    Args:
        here: whether they run in this very environment, not in one made for them.
        device: cuda, or cpu to try the scripts out.
        seconds: for a shape in a round.
        folder: for the reference's answers.
        bundle_of: from a model to our bundle of it.

    Raises:
        PeerError: the reference, torch in float32, has no answers.
    """
    every = shapes or SHAPES
    record = new_record(CASE, model.name, f"python -m benchmarks gpu --model {model.name}", rounds)
    every_system = systems(device, bundle_of)
    known = [replace(each, environment=None) if here else each for each in every_system]
    reference = next(each for each in known if each.name == "torch fp32")
    chosen = [each for each in known if not only or each.name in only or each.maker == OURS]
    job = time_job(model, every, seconds, reference, folder)
    threads = usable_cores()
    runs: dict[str, Any] = {
        each.name: partial(each.do, model, threads, "time", **job) for each in chosen
    }
    counts = {
        shape: products_of(model.config(), shape, "float32") for shape in every if "~" not in shape
    }
    distinct = list(dict.fromkeys(chain(*counts.values())))
    runs[BARE] = partial(_bare, distinct, device, here=here)
    outcomes = in_turn(runs, rounds)
    bare = outcomes.pop(BARE)
    record["card"] = _card()
    record["floors"] = [
        {
            "shape": shape,
            "giga_operations": sum(each.operations * n for each, n in found.items()) / 1e9,
            "ms": [_milliseconds(found, seconds) for seconds in bare.results],
        }
        for shape, found in counts.items()
    ]
    named = {each.name: each for each in chosen}
    record["rows"] = rows_of(outcomes, lambda name: described(named[name]), joined)
    return record


def _bare(products: Sequence[Product], device: str, *, here: bool) -> Mapping[Product, float]:
    """Seconds of each product alone, in torch and in half precision where there is a GPU."""
    python = Path(sys.executable) if here else interpreter(ENVIRONMENT)
    script = prefork(str(python), str(PEERS / "cuda_products.py"), cores=usable_cores())
    sizes = [[each.batch, each.m, each.k, each.n] for each in products]
    dtype = "float16" if device == "cuda" else "float32"
    found = script.ask({"products": sizes, "dtype": dtype, "device": device, "runs": RUNS})
    return dict(zip(products, found["seconds"], strict=True))


def _card() -> str:
    """What NVIDIA's driver calls the GPU, and its own version; empty where there is none."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        return output_of(query).strip()
    except (PeerError, FileNotFoundError):
        return ""


def _milliseconds(counts: Mapping[Product, int], seconds: Mapping[Product, float]) -> float:
    return sum(seconds[each] * count for each, count in counts.items()) * 1e3
