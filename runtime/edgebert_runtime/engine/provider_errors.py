"""Error texts: why a provider does not start or a run failed, and what to do."""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from edgebert_runtime.engine.providers import PROVIDERS
from edgebert_runtime.errors import ConfigError, EdgebertError, ProviderUnavailableError

DISTRIBUTIONS: Final = (
    "onnxruntime",
    "onnxruntime-directml",
    "onnxruntime-gpu",
    "onnxruntime-openvino",
    "onnxruntime-qnn",
    "onnxruntime-webgpu",
)
"""Distributions of which each provides the module `onnxruntime`."""

LIBRARIES: Final = (
    (r"(lib)?(cuda\.so|nvcuda)", "it comes with NVIDIA's driver: install the driver"),
    (r"(lib)?nv(infer|onnxparser)", "pip install tensorrt, and put its folder on {path}"),
    (
        r"(lib)?(cu|nvrtc)",
        "pip install 'onnxruntime-gpu[cuda,cudnn]', or put the folders of CUDA and cuDNN on {path}",
    ),
    (r"", "install it, and put its folder on {path}"),
)
"""What a missing library's name begins with → how to get it; the first that fits."""

MISSING_LIBRARY: Final = (
    r"([\w.+-]+): cannot open shared object file"
    r'|which depends on "([^"]+)" which is missing'
)
"""What Linux says, and what ONNX Runtime says on Windows."""

REQUIRED: Final = r"Require (cuDNN \S+ and CUDA [\w*]+\.?[\d*]*)"
UNKNOWN_OPTION: Final = r'(?:Invalid \w+ EP option:|Unknown provider option:)\s*"?([\w.]+)'
LOG_PREFIX: Final = r"(?m)^(\x1b\[[\d;]*m)?\S+ \S+ \[[A-Z]:onnxruntime:.*?\] |\x1b\[[\d;]*m"
"""What ONNX Runtime begins a line of its log with, and colours."""

CUDA_FAILURE: Final = r"CUDA failure (\d+):"
NO_SUCH_GPU: Final = r"Invalid device ID"
FAILURES: Final = {
    "35": "found an NVIDIA driver that is older than the CUDA of this ONNX Runtime needs; update "
    "the driver, or install an ONNX Runtime for an older CUDA; asked for",
    "100": "found no NVIDIA GPU; there is none here, or CUDA_VISIBLE_DEVICES or the container "
    "hides it; asked for",
    "101": "found no GPU with this device_id; it is an index in nvidia-smi, from 0; asked for",
}
"""CUDA's number of what kept it from starting (cudaError_t in its Runtime API) → what to do."""

OUT_OF_MEMORY: Final = (
    r"(?i)out of memory|failed to allocate|bad_alloc|alloc_failed|available memory of \d+ is small"
)
"""What ONNX Runtime, CUDA and C++ say where there is no memory left."""


def not_offered(name: str, engine: Any) -> ProviderUnavailableError:
    """What to raise where an ONNX Runtime was built without a provider."""
    wanted = PROVIDERS[name]
    offered = ", ".join(engine.get_available_providers())
    found = installed_engines()
    if len(found) > 1:
        return ProviderUnavailableError(
            f"provider {name!r} needs {wanted.engine_name}, this onnxruntime offers {offered}: "
            f"{' and '.join(found)} are both installed here, and all provide the module "
            "onnxruntime, so the one installed last has overwritten the other; pip uninstall -y "
            f"{' '.join(found)}, then {wanted.install}"
        )
    return ProviderUnavailableError(
        f"provider {name!r} needs {wanted.engine_name}, this onnxruntime offers {offered}; "
        f"{wanted.install}"
    )


def installed_engines() -> list[str]:
    """The distributions of ONNX Runtime that are installed; more than one is one too many."""
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for name in DISTRIBUTIONS:
        with suppress(PackageNotFoundError):
            version(name)
            found.append(name)
    return found


def require_running(name: str, options: Mapping[str, str], session: Any, said: str) -> None:
    """Refuse a session that runs somewhere else than it was asked to.

    ONNX Runtime leaves out a provider that does not start, and gives the CPU whatever operators a
    provider does not take. Some is how such providers work; all means that it does not run.

    Args:
        name: the provider.
        options: its options.
        session: the engine's, open.
        said: what the engine wrote to its log meanwhile.

    Raises:
        ConfigError: the provider does not know one of its options.
        ProviderUnavailableError: another provider runs the graph.
    """
    wanted = PROVIDERS[name]
    if wanted.engine_name not in session.get_providers()[:1]:
        raise refusal(name, options, said)
    if not wanted.falls_back or not hasattr(session, "get_provider_graph_assignment_info"):
        return
    parts = session.get_provider_graph_assignment_info()
    if wanted.engine_name not in {part.ep_name for part in parts}:
        found = (
            f"provider {name!r} takes none of the graph's operators with {_given(options)}: all "
            f"would run on the CPU; {quoted(said)}correct the options ({wanted.page}), or"
        )
        raise ProviderUnavailableError(
            f"{found} load with provider='cpu'", shell=f"{found} use --provider cpu"
        )


def refusal(name: str, options: Mapping[str, str], said: str) -> EdgebertError:
    """The error of a provider that did not start, with the words of its exception and its log."""
    wanted = PROVIDERS[name]
    option = re.search(UNKNOWN_OPTION, said)
    if option is not None:
        return ConfigError(
            f"provider {name!r} has no option {option[1]!r}, got {_given(options)}; its options: "
            f"{wanted.page}"
        )
    library = re.search(MISSING_LIBRARY, said)
    if library is not None:
        missing, required = library[1] or library[2], re.search(REQUIRED, said)
        versions = f" (this ONNX Runtime requires {required[1]})" if required else ""
        return ProviderUnavailableError(
            f"provider {name!r} needs the library {missing}, which was not found here{versions}; "
            f"{how_to_get(missing)}: {wanted.page}"
        )
    failure = FAILURES.get(_cuda_failure(said))
    if failure is not None:
        raised = ProviderUnavailableError
        return raised(f"provider {name!r} {failure} {_given(options)}: {wanted.page}")
    return ProviderUnavailableError(
        f"provider {name!r} did not start with {_given(options)}; {quoted(said)}it needs "
        f"{wanted.needs} ({wanted.page}); to install it: {wanted.install}"
    )


def _cuda_failure(said: str) -> str:
    """CUDA's number of what failed; ONNX Runtime looks itself whether there is such a GPU."""
    if re.search(NO_SUCH_GPU, said):
        return "101"
    found = re.search(CUDA_FAILURE, said)
    return "" if found is None else found[1]


def how_to_get(library: str) -> str:
    """What to do about a shared library that is missing, by its file's name."""
    path = "PATH" if library.endswith(".dll") else "LD_LIBRARY_PATH"
    fitting = (advice for begins, advice in LIBRARIES if re.match(begins, library))
    return next(fitting).format(path=path)


def did_not_start(name: str, said: str) -> bool:
    """Whether the engine's log has it that it went on without a provider."""
    return f"Failed to create {PROVIDERS[name].engine_name}" in said


def is_out_of_memory(error: Exception) -> bool:
    """Whether an exception of ONNX Runtime is for want of memory."""
    return re.search(OUT_OF_MEMORY, str(error)) is not None


def what_to_do(error: Exception) -> str:
    """Advice for a run that failed for want of a library; empty where that is not why."""
    library = re.search(MISSING_LIBRARY, str(error))
    if library is None:
        return ""
    missing = library[1] or library[2]
    return f" without the library {missing}; {how_to_get(missing)}"


def _given(options: Mapping[str, str]) -> str:
    pairs = ", ".join(f"{key}={value}" for key, value in options.items())
    return f"options {pairs}" if pairs else "no options"


def quoted(said: str) -> str:
    """What the engine said, as a part of an error's sentence; empty where it said nothing."""
    words = " ".join(re.sub(LOG_PREFIX, "", said).split())
    return f"ONNX Runtime says: {words}; " if words else ""
