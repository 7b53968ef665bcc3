"""Every way from texts to vectors: its environment and what it opens, MiniLM only."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from benchmarks.artifacts import PEERS, made
from benchmarks.environments import interpreter
from benchmarks.models import MODELS, Model, our_bundle, our_native_graph
from benchmarks.peers.engines import GRAPH_CACHE
from benchmarks.prefork import LIMIT_S, prefork
from benchmarks.systems import ctranslate2_folder, nncf_graph, optimum_folder
from edgebert_runtime.warmup.warm import warm

MINILM: Final = MODELS["minilm"]
OURS: Final = "edgebert_int8"
OUR_NATIVE: Final = "edgebert_int8_native"
OUR_FP32: Final = "edgebert_fp32"
OUR_PACKAGE: Final = "edgebert-runtime[cpu]"
OUR_NATIVE_PACKAGE: Final = "edgebert-runtime[cpu,native]"
KJARNI_NAME: Final = "sentence-transformers_all-MiniLM-L6-v2"
"""Of the folder in its cache."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """Texts in, vectors out.

    Attributes:
        title: in the report.
        environment: where it lives; None is this one.
        opens: makes what it opens.
        floor: mean cosine to torch's vectors that is needed for its time to count.
        package: the distribution that has to be installed for it.
    """

    title: str
    environment: str | None
    opens: Callable[[], Path]
    floor: float
    package: str

    def prepare(self) -> None:
        """Make its environment and what it opens.

        Raises:
            PeerError: that is not to be had.
        """
        self.python()
        self.opens()

    def python(self) -> Path:
        """The interpreter it runs in."""
        return Path(sys.executable) if self.environment is None else interpreter(self.environment)


def do(name: str, cores: int, action: str, limit_s: float = LIMIT_S, **job: Any) -> dict[str, Any]:
    """Have a fresh process do a job of `peers/texts_to_vectors.py`, on so many cores.

    Raises:
        PeerError: it cannot be installed, or failed.
    """
    engine = ENGINES[name]
    script = str(PEERS / "texts_to_vectors.py")
    found = prefork(str(engine.python()), script, name, str(engine.opens()), cores=cores)
    return found.ask({"action": action, **job}, limit_s)


def our_folder() -> Path:
    """Our bundle with int8."""
    return our_bundle(MINILM, "int8").folder


def _native_folder() -> Path:
    """The same, which has the variant for edgebert-native.

    Raises:
        PeerError: the bundle was made without the library.
    """
    return our_native_graph(MINILM).parents[1]


FILES: Final[Mapping[str, str]] = MappingProxyType(
    {"int8": "int8-cpu", "int8-native": "int8-native", "fp32": "cpu"}
)
"""What is timed → our variant; `int8` is that of ONNX Runtime's own operators."""


@cache
def warm_folder(model: Model, variant: str, *, tune: bool = True) -> Path:
    """The folder of our bundle, with a warm graph of one of `FILES` beside it.

    It is tuned for this machine if `tune` is true; starting does not depend on that.

    Raises:
        PeerError: the bundle was made without edgebert-native, which the variant needs.
    """
    if variant == "int8-native":
        our_native_graph(model)
    folder = our_bundle(model, *([] if variant == "fp32" else ["int8"])).folder
    cache = folder.with_name(f"{folder.name}-{GRAPH_CACHE}")
    warm(folder, FILES[variant], cache_dir=cache, tune=tune)
    return folder


@cache
def kjarni_cache() -> Path:
    """A folder as kjarni keeps downloaded models, with MiniLM in it."""

    def write(folder: Path) -> None:
        shutil.copytree(MINILM.source(), folder / KJARNI_NAME)

    return made("kjarni", write)


@cache
def checkpoint_with_int8() -> Path:
    """MiniLM's folder with optimum's avx512_vnni file, as others find it on the Hub."""
    graph = optimum_folder(MINILM) / "model_quantized.onnx"

    def write(folder: Path) -> None:
        shutil.copytree(MINILM.source(), folder, dirs_exist_ok=True)
        (folder / "onnx").mkdir(exist_ok=True)
        os.link(graph, folder / "onnx" / "model_quantized.onnx")

    return made(f"minilm-with-{graph.parent.name}", write)


def _with_int8_file(title: str, environment: str, package: str) -> Engine:
    """Whoever takes optimum's avx512_vnni file."""
    return Engine(
        title=title,
        environment=environment,
        opens=checkpoint_with_int8,
        floor=0.9,
        package=package,
    )


def _with_tokenizer(find: Callable[[], Path]) -> Callable[[], Path]:
    """A peer's folder with the model's tokenizer beside it."""

    def write_beside() -> Path:
        folder = find()
        shutil.copyfile(MINILM.source() / "tokenizer.json", folder / "tokenizer.json")
        return folder

    return write_beside


ENGINES: Final[Mapping[str, Engine]] = MappingProxyType(
    {
        OURS: Engine(
            title="edgebert int8",
            environment=None,
            opens=our_folder,
            floor=0.998,
            package=OUR_PACKAGE,
        ),
        "edgebert_int8_kept": Engine(
            title="edgebert int8, after `edgebert-run warm`",
            environment=None,
            opens=lambda: warm_folder(MINILM, "int8"),
            floor=0.998,
            package=OUR_PACKAGE,
        ),
        OUR_NATIVE: Engine(
            title="edgebert int8, with edgebert-native",
            environment=None,
            opens=_native_folder,
            floor=0.998,
            package=OUR_NATIVE_PACKAGE,
        ),
        "edgebert_int8_native_kept": Engine(
            title="edgebert int8, with edgebert-native, after `edgebert-run warm`",
            environment=None,
            opens=lambda: warm_folder(MINILM, "int8-native"),
            floor=0.998,
            package=OUR_NATIVE_PACKAGE,
        ),
        OUR_FP32: Engine(
            title="edgebert fp32",
            environment=None,
            opens=our_folder,
            floor=0.99999,
            package=OUR_PACKAGE,
        ),
        "sentence_transformers": Engine(
            title="sentence-transformers, torch, its default",
            environment="peers",
            opens=MINILM.source,
            floor=0.99999,
            package="sentence-transformers",
        ),
        "sentence_transformers_bf16": Engine(
            title="sentence-transformers, torch, bfloat16",
            environment="peers",
            opens=MINILM.source,
            floor=0.99,
            package="sentence-transformers",
        ),
        "sentence_transformers_onnx": _with_int8_file(
            "sentence-transformers, ONNX, optimum's avx512_vnni int8",
            "peers",
            "sentence-transformers",
        ),
        "optimum": _with_int8_file(
            "optimum, the same file, batches of 32", "peers", "optimum-onnx"
        ),
        "fastembed": _with_int8_file(
            "fastembed, the same file, its default of 256 a batch", "fastembed", "fastembed"
        ),
        "fastembed_32": _with_int8_file(
            "fastembed, the same file, batches of 32", "fastembed", "fastembed"
        ),
        "ctranslate2": Engine(
            title="CTranslate2 int8, a worker a core, sorted and batched as by edgebert",
            environment="peers",
            opens=_with_tokenizer(lambda: ctranslate2_folder(MINILM) / "int8"),
            floor=0.98,
            package="ctranslate2",
        ),
        "openvino": Engine(
            title="OpenVINO, NNCF int8, asynchronous queue, sorted and batched as by edgebert",
            environment="openvino",
            opens=_with_tokenizer(lambda: nncf_graph(MINILM).parent),
            floor=0.98,
            package="openvino",
        ),
        "kjarni": Engine(
            title="kjarni, fp32",
            environment="kjarni",
            opens=kjarni_cache,
            floor=0.99999,
            package="kjarni",
        ),
    }
)
"""Name in `peers/engines.py` → what it is; the first is ours."""
