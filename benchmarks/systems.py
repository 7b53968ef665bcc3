"""Every encoder that is set beside ours: whose it is, how it is set, what it opens."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.artifacts import PEERS, made_by_peer
from benchmarks.encoder_jobs import write_feeds
from benchmarks.environments import interpreter
from benchmarks.models import Model, VariantName, our_bundle, our_graph, our_native_graph
from benchmarks.prefork import prefork
from edgebert_quantize import default_texts
from edgebert_quantize.calibration.text_split import Feeder
from edgebert_runtime.bundle.external_data import external_locations

NNCF_TEXTS: Final = 300
"""NNCF's own default for how many it calibrates on."""

FLOORS: Final = {"fp32": 0.9999, "fp16": 0.999, "bf16": 0.99, "int8": 0.8}
"""Cosine of all token vectors to torch's on random tokens that is needed to be timed at all."""

OUR_INT8_FLOOR: Final = 0.95
"""Ours reaches 0.96 there; the floor that lets another pass must not excuse it."""


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """A model in one engine and one setting.

    Attributes:
        name: unlike every other's.
        maker: whose it is.
        precision: fp32, bf16 or int8.
        setting: how it differs from the maker's default; empty for the default itself.
        script: of `peers/`, what opens it.
        environment: where that runs; None is this one.
        options: for the script.
        opens: from a model to the file or folder that the script opens.
        floor: as `FLOORS`, if it has one of its own.
    """

    name: str
    maker: str
    precision: str
    script: str
    opens: Callable[[Model], Path]
    setting: str = ""
    environment: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    floor: float = 0.0

    def prepare(self, model: Model) -> None:
        """Make its environment and what it opens.

        Raises:
            PeerError: that is not to be had.
        """
        self._python()
        self.opens(model)

    def size_bytes(self, model: Model) -> int:
        """What it opens takes on disk, with its weights."""
        return sum(file.stat().st_size for file in _files(self.opens(model)))

    def do(self, model: Model, threads: int, action: str, **job: Any) -> dict[str, Any]:
        """Have a fresh process do a job of `benchmarks.encoder_jobs`, on so many cores.

        Raises:
            PeerError: it cannot be installed, failed, or answered wrongly.
        """
        common = {"action": action, "model": str(self.opens(model)), "options": {**self.options}}
        job |= common | {"threads": threads, "floor": self.floor or FLOORS[self.precision]}
        job["vocabulary"] = model.config()["vocab_size"]
        return prefork(str(self._python()), str(PEERS / self.script), cores=threads).ask(job)

    def _python(self) -> Path:
        return Path(sys.executable) if self.environment is None else interpreter(self.environment)


def _files(opened: Path) -> list[Path]:
    """A model with its weights, wherever its engine has them."""
    if opened.is_dir():
        return [*opened.glob("*.bin"), *opened.glob("*.safetensors")]
    if opened.suffix == ".xml":
        return [opened, opened.with_suffix(".bin")]
    return [opened, *(opened.with_name(name) for name in external_locations(opened))]


def our_graph_of(variant: VariantName) -> Callable[[Model], Path]:
    """Finds our graph of a model."""
    return lambda model: our_graph(model, variant)


def _optimums(file: str) -> Callable[[Model], Path]:
    return lambda model: optimum_folder(model) / file


@cache
def optimum_folder(model: Model) -> Path:
    """optimum's graphs of a model.

    Raises:
        PeerError: they cannot be made.
    """
    return made_by_peer(model.name, "peers", "export_with_optimum.py", model.source())


@cache
def transformers_folder(model: Model) -> Path:
    """The graphs of a model by transformers' own exporter.

    Raises:
        PeerError: they cannot be made.
    """
    return made_by_peer(model.name, "exporters", "export_with_transformers.py", model.source())


def _transformers(name: str) -> Callable[[Model], Path]:
    return lambda model: transformers_folder(model) / name / "model.onnx"


@cache
def nncf_graph(model: Model) -> Path:
    """NNCF's int8 of optimum's export, calibrated on texts as our tokenizer has them.

    Raises:
        PeerError: it cannot be made.
    """
    with TemporaryDirectory() as folder:
        feeds = Path(folder) / "feeds.npz"
        feeder = Feeder.of(our_bundle(model))
        write_feeds(feeds, list(feeder.alone(default_texts(NNCF_TEXTS))))
        source = optimum_folder(model) / "model.onnx"
        script = "quantize_with_nncf.py"
        return made_by_peer(model.name, "openvino", script, source, feeds) / "model.xml"


@cache
def ctranslate2_folder(model: Model) -> Path:
    """CTranslate2's forms of a model, a folder for each type of weights.

    Raises:
        PeerError: it cannot be made.
    """
    return made_by_peer(model.name, "peers", "convert_with_ctranslate2.py", model.source())


def _checkpoint(model: Model) -> Path:
    return model.source()


def _torch(mode: str, precision: str, setting: str = "") -> Encoder:
    return Encoder(
        name=f"torch {mode}",
        maker="torch",
        precision=precision,
        setting=setting,
        script="torch_encoder.py",
        environment="peers",
        options={"mode": mode},
        opens=_checkpoint,
    )


def onnx_encoder(
    name: str, maker: str, precision: str, opens: Callable[[Model], Path], setting: str = ""
) -> Encoder:
    """Anybody's ONNX file, in the very ONNX Runtime that ours runs in."""
    return Encoder(
        name=name,
        maker=maker,
        precision=precision,
        setting=setting,
        script="onnxruntime_encoder.py",
        opens=opens,
        floor=OUR_INT8_FLOOR if (maker, precision) == (OURS, "int8") else 0.0,
    )


def openvino_encoder(
    name: str, precision: str, opens: Callable[[Model], Path], setting: str = "", **options: str
) -> Encoder:
    return Encoder(
        name=name,
        maker="OpenVINO",
        precision=precision,
        setting=setting,
        script="openvino_encoder.py",
        environment="openvino",
        options=options,
        opens=opens,
    )


def _ctranslate2(precision: str, compute_type: str) -> Encoder:
    return Encoder(
        name=f"CTranslate2 {precision}",
        maker="CTranslate2",
        precision=precision,
        setting=f"compute_type={compute_type}",
        script="ctranslate2_encoder.py",
        environment="peers",
        options={"compute_type": compute_type},
        opens=lambda model: ctranslate2_folder(model) / compute_type,
    )


OURS: Final = "edgebert"

ENCODERS: Final[Sequence[Encoder]] = (
    onnx_encoder("edgebert fp32", OURS, "fp32", our_graph_of("cpu")),
    _torch("eager", "fp32"),
    _torch("compile", "fp32", "torch.compile"),
    onnx_encoder("optimum", "optimum", "fp32", _optimums("model.onnx")),
    onnx_encoder("optimum O3", "optimum", "fp32", _optimums("model_O3.onnx"), "-O3"),
    onnx_encoder(
        "onnxruntime optimizer",
        "onnxruntime",
        "fp32",
        _optimums("model_optimizer.onnx"),
        "onnxruntime.transformers.optimizer",
    ),
    onnx_encoder("transformers", "transformers", "fp32", _transformers("plain")),
    onnx_encoder(
        "transformers fused",
        "transformers",
        "fp32",
        _transformers("fused"),
        "fusions for ONNX Runtime on CPUs",
    ),
    openvino_encoder(
        "OpenVINO fp32",
        "fp32",
        _optimums("model.onnx"),
        "latency hint, f32",
        hint="LATENCY",
        inference_precision="f32",
    ),
    _ctranslate2("fp32", "float32"),
    _torch("bf16", "bf16", "autocast to bfloat16"),
    openvino_encoder("OpenVINO bf16", "bf16", _optimums("model.onnx")),
    onnx_encoder("edgebert int8", OURS, "int8", our_graph_of("int8")),
    replace(
        onnx_encoder("edgebert int8 native", OURS, "int8", our_native_graph, "edgebert-native"),
        options={"native": "1"},
    ),
    _torch("int8", "int8", "quantize_dynamic"),
    onnx_encoder(
        "optimum int8", "optimum", "int8", _optimums("model_quantized.onnx"), "avx512_vnni preset"
    ),
    onnx_encoder(
        "transformers int8",
        "transformers",
        "int8",
        _transformers("quantized"),
        "fusions for ONNX Runtime on CPUs, its dynamic int8",
    ),
    openvino_encoder("OpenVINO int8", "int8", nncf_graph, "NNCF, latency hint", hint="LATENCY"),
    openvino_encoder(
        "OpenVINO int8, f32",
        "int8",
        nncf_graph,
        "NNCF, latency hint, f32",
        hint="LATENCY",
        inference_precision="f32",
    ),
    _ctranslate2("int8", "int8"),
)
"""Ours first of a precision; OpenVINO without settings takes bf16 where the CPU is fast at it."""


def encoder(name: str) -> Encoder:
    """The system of this name."""
    return next(each for each in ENCODERS if each.name == name)


REFERENCE: Final = encoder("torch eager")
"""Whose answers all others are compared with."""


def baseline_of(precision: str) -> str:
    """Ours that a precision is set beside: int8 is what we have where others have bf16."""
    return "edgebert fp32" if precision == "fp32" else "edgebert int8"
