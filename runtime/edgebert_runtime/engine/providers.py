"""Where a graph runs: the providers by name, what each is like, and their options."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from edgebert_runtime.engine.plug_in_packages import ALONE, OPENVINO, WEBGPU, PlugIn
from edgebert_runtime.errors import ConfigError

ProviderOptions = Mapping[str, str | int | float | bool]
"""What `load` takes as `provider_options`; ONNX Runtime gets every value as a string."""

KnownProvider = Literal["cpu", "cuda", "openvino", "webgpu", "tensorrt", "qnn", "coreml"]
"""The keys of `PROVIDERS`."""

ProviderName = Literal["auto", KnownProvider]
"""What `provider` may be."""

CAPTURE: Final = "enable_cuda_graph"
"""The option that makes runs be captured and replayed."""

PAGES: Final = "https://onnxruntime.ai/docs/execution-providers"


@dataclass(frozen=True, kw_only=True)
class Provider:
    """One execution provider of ONNX Runtime.

    Attributes:
        engine_name: what ONNX Runtime calls it.
        install: the line that installs it.
        needs: what the machine must have beside that.
        targets: the targets whose graphs it runs, best first.
        only: whether it refuses graphs for all other targets; those have operators of ONNX
            Runtime's own, which would run on the CPU.
        preferred: recipes that `auto` takes before the bundle's default, best first.
        lacks: recipes whose graphs it cannot run although they are for a target of its own.
        options: the provider options there are; None where ONNX Runtime checks them.
        falls_back: whether ONNX Runtime runs the graph on the CPU where this does not start.
        device: what ONNX Runtime calls the memory that it computes in, the first of them unless
            `device_id` says otherwise; None where that is not known.
        defaults: options it is given unless others are asked for.
        cached: options with which it keeps engines in a folder, which `{}` stands for.
        libraries: whether ONNX Runtime can load its libraries from where pip puts them.
        environment: variables that ONNX Runtime reads when it starts, unless they are set.
        micro_batch_tokens: padded tokens that run at once; None, those of a CPU.
        max_padding: share of them that may be padding, 0 to 1; None, that of a CPU.
        length_multiple: texts are padded to a multiple of so many tokens.
        page: where ONNX Runtime says what it needs and which options it has.
        plug_in: the package that brings it to an engine without it.
    """

    engine_name: str
    install: str
    needs: str
    targets: tuple[str, ...] = ("portable",)
    only: bool = True
    preferred: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    options: frozenset[str] | None = None
    falls_back: bool = True
    device: str | None = None
    defaults: Mapping[str, str] = field(default_factory=dict)
    cached: Mapping[str, str] = field(default_factory=dict)
    libraries: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    micro_batch_tokens: int | None = None
    max_padding: float | None = None
    length_multiple: int = 1
    page: str = ""
    plug_in: PlugIn | None = None


FUSED_ALWAYS: Final = {
    "ORT_MIN_SEQ_LEN_EFFICIENT_ATTENTION_FP32": "0",
    "ORT_MIN_SEQ_LEN_FLASH_ATTENTION_PACKED_QKV": "0",
}
"""Fused attention however short the texts. ONNX Runtime takes flash attention for queries, keys and
values in one from 513 tokens on, and memory-efficient attention in fp32 from 256 on: below that it
works on padding again, and makes the host wait in every layer (docs/decisions/0016)."""

ON_A_GPU: Final = 16384
"""Padded tokens of a micro-batch: enough rows for its matrix products to be large. Nobody has
measured it; `edgebert-run bench` does."""

CONTRIB_RECIPES: Final = ("int8", "int8-dynamic", "int4")
"""Recipes with operators of ONNX Runtime's own that only its CPU provider and OpenVINO have."""

PROVIDERS: Final = {
    "cpu": Provider(
        engine_name="CPUExecutionProvider",
        install="pip install 'edgebert-runtime[cpu]'",
        needs="nothing else",
        targets=("native", "cpu", "portable"),
        only=False,
        options=frozenset(),
        falls_back=False,
        device="cpu",
    ),
    "cuda": Provider(
        engine_name="CUDAExecutionProvider",
        install="pip install 'edgebert-runtime[gpu]' in an environment without onnxruntime",
        needs="an NVIDIA GPU with its driver, and CUDA",
        targets=("cuda-packed", "cuda", "portable"),
        preferred=("fp16-packed", "fp16", "bf16"),
        lacks=CONTRIB_RECIPES,
        device="cuda",
        defaults={"use_tf32": "0"},
        libraries=True,
        environment=FUSED_ALWAYS,
        micro_batch_tokens=ON_A_GPU,
        max_padding=1.0,
        length_multiple=8,
        page=f"{PAGES}/CUDA-ExecutionProvider.html",
    ),
    "openvino": Provider(
        engine_name="OpenVINOExecutionProvider",
        install="pip install onnxruntime-ep-openvino on a machine of Intel, or pip install "
        f"onnxruntime-openvino {ALONE}",
        needs="an x86-64 CPU, or an Intel GPU or NPU with its driver",
        page=f"{PAGES}/OpenVINO-ExecutionProvider.html",
        plug_in=OPENVINO,
    ),
    "webgpu": Provider(
        engine_name="WebGpuExecutionProvider",
        install="pip install onnxruntime-ep-webgpu",
        needs="a GPU with a driver for Direct3D 12, Metal or Vulkan",
        lacks=(*CONTRIB_RECIPES, "int8-static"),
        micro_batch_tokens=ON_A_GPU,
        page=f"{PAGES}/WebGPU-ExecutionProvider.html",
        plug_in=WEBGPU,
    ),
    "tensorrt": Provider(
        engine_name="TensorrtExecutionProvider",
        install=f"pip install onnxruntime-gpu tensorrt {ALONE}",
        needs="an NVIDIA GPU with its driver, CUDA, cuDNN and TensorRT",
        lacks=(*CONTRIB_RECIPES, "int8-static"),
        device="cuda",
        cached={
            "trt_engine_cache_enable": "1",
            "trt_engine_cache_path": "{}",
            "trt_timing_cache_enable": "1",
            "trt_timing_cache_path": "{}",
        },
        libraries=True,
        micro_batch_tokens=ON_A_GPU,
        max_padding=1.0,
        page=f"{PAGES}/TensorRT-ExecutionProvider.html",
    ),
    "qnn": Provider(
        engine_name="QNNExecutionProvider",
        install=f"pip install onnxruntime-qnn {ALONE}",
        needs="a Qualcomm Snapdragon with its NPU",
        lacks=CONTRIB_RECIPES,
        page=f"{PAGES}/QNN-ExecutionProvider.html",
    ),
    "coreml": Provider(
        engine_name="CoreMLExecutionProvider",
        install="pip install 'edgebert-runtime[cpu]' on macOS",
        needs="an Apple machine",
        lacks=CONTRIB_RECIPES,
        page=f"{PAGES}/CoreML-ExecutionProvider.html",
    ),
}
"""Our name of a provider → what it is."""


def choose_provider(wanted: str) -> str:
    """Turn `auto` or a provider's name into the provider that will run, never into another one.

    `auto` takes CPU: a bundle has no variant for another provider unless one was asked for.

    Raises:
        ConfigError: an unknown name.
    """
    if wanted == "auto":
        log("provider auto: chose cpu")
        return "cpu"
    if wanted not in PROVIDERS:
        raise ConfigError(f"provider must be one of auto, {', '.join(PROVIDERS)}; got {wanted!r}")
    return wanted


def read_options(wanted: str, options: ProviderOptions | None) -> dict[str, str]:
    """Turn `provider_options` into the strings that ONNX Runtime takes.

    Args:
        wanted: a provider's name, or `auto`.
        options: the provider's own options.

    Raises:
        ConfigError: a key or value of a wrong type, an option that the provider does not have, or
            options for `auto`.
    """
    read = {_key(key): _value(key, value) for key, value in (options or {}).items()}
    if read and wanted == "auto":
        raise ConfigError(
            f"provider_options {', '.join(read)} are for one provider, got provider 'auto'; name "
            f"one of {', '.join(PROVIDERS)}"
        )
    known = PROVIDERS[wanted].options if read else None
    unknown = [] if known is None else sorted(read.keys() - known)
    if unknown:
        raise ConfigError(
            f"provider {wanted!r} has no option {', '.join(unknown)}: it has "
            f"{', '.join(sorted(known or ())) or 'none'}; leave provider_options out, or name the "
            "provider they are for"
        )
    return read


def captures(options: Mapping[str, str]) -> bool:
    """Whether runs are captured and replayed, as a provider's options have it."""
    return options.get(CAPTURE, "0").lower() in ("1", "true")


def parse_options(pairs: Sequence[str]) -> dict[str, str]:
    """Turn what a command line says, `NAME=VALUE` each, into `provider_options`.

    Raises:
        ConfigError: one has no `=` or no name, or a name comes twice.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals) or name in found:
            raise ConfigError(
                f"--provider-option takes NAME=VALUE, each name once, got {pair!r}; for example "
                "--provider-option device_type=CPU"
            )
        found[name] = value
    return found


def has_provider(name: str, engine: Any) -> bool:
    """Whether an ONNX Runtime was built with a provider; starting it may still fail.

    Args:
        name: our name of it; an unknown one is nowhere.
        engine: the module, of `import_engine`.
    """
    known = PROVIDERS.get(name)
    return known is not None and known.engine_name in engine.get_available_providers()


def prepare(name: str, engine: Any) -> None:
    """Let a provider find what it reads when it starts: variables, and libraries.

    ONNX Runtime looks for libraries where pip puts them, and prints what it misses; the provider
    says so itself when it is started.
    """
    for variable, value in PROVIDERS[name].environment.items():
        os.environ.setdefault(variable, value)
    if not (PROVIDERS[name].libraries and hasattr(engine, "preload_dlls")):
        return
    import io
    from contextlib import redirect_stdout

    with redirect_stdout(io.StringIO()):
        engine.preload_dlls()


def log(message: str) -> None:
    """Log, if anyone listens: a program that has not imported `logging` need not pay for it."""
    logging = sys.modules.get("logging")
    if logging is not None:
        logging.getLogger(__name__).info(message)


def keeping_engines(name: str, folder: Path) -> dict[str, str]:
    """The options that let a provider keep what it makes of a graph in a folder."""
    return {key: value.format(folder) for key, value in PROVIDERS[name].cached.items()}


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise ConfigError(f"provider_options has key {key!r}, expected a string")
    return key


def _value(key: str, value: object) -> str:
    if not isinstance(value, str | int | float):
        raise ConfigError(
            f"provider_options has {key!r} = {value!r}, expected a string, a number or a bool"
        )
    return str(value)
