"""Providers: what is asked for is what runs, or the error says why not.

ONNX Runtime itself opens graphs here wherever it can. The texts of engines that cannot be had are
those of its own releases and of public reports, each named.
"""

import json
import logging
import os
import pickle
import re
import subprocess
import sys
import time
import types
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import onnxruntime
import pytest

from edgebert_runtime import Bundle, load
from edgebert_runtime.cli.main import main
from edgebert_runtime.engine.native_log import engine_log, reemit
from edgebert_runtime.engine.provider_errors import (
    how_to_get,
    installed_engines,
    refusal,
    require_running,
)
from edgebert_runtime.engine.providers import (
    PROVIDERS,
    choose_provider,
    has_provider,
    parse_options,
    prepare,
    read_options,
)
from edgebert_runtime.engine.session import Session
from edgebert_runtime.errors import BundleError, ConfigError, ProviderUnavailableError
from tests.support.tiny_encoder import TEXTS
from tests.support.tiny_manifest import picked

PLUG_INS = [name for name, provider in PROVIDERS.items() if provider.only]
OFFERED = {name for name in PROVIDERS if has_provider(name, onnxruntime)}

CUDA_LIBRARY = (
    # onnxruntime-gpu 1.31.1 where there is no CUDA
    "\x1b[1;31m2026-11-21 21:19:03.845638000 [E:onnxruntime:Default, provider_bridge_ort.cc:2458 "
    "operator()] /onnxruntime_src/onnxruntime/core/session/provider_bridge_ort.cc:2043 "
    "onnxruntime::Provider& onnxruntime::ProviderLibrary::Get() [ONNXRuntimeError] : 1 : FAIL : "
    "Failed to load library /lib/onnxruntime/capi/libonnxruntime_providers_cuda.so with error: "
    "libcublasLt.so.13: cannot open shared object file: No such file or directory\n\x1b[m\n"
    "\x1b[0;93m2026-11-21 21:19:03.845665040 [W:onnxruntime:Default, onnxruntime_pybind_state.cc:"
    "1295 CreateExecutionProviderFactoryInstance] Failed to create CUDAExecutionProvider. Require "
    "cuDNN 9.* and CUDA 13.*. Please install all dependencies as mentioned in the GPU requirements "
    "page (https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html"
    "#requirements), make sure they're in the PATH, and that your GPU is supported.\x1b[m\n"
)
OLDER_CUDA_LIBRARY = (
    # https://github.com/PaddlePaddle/PaddleNLP/issues/8195
    "2024-03-27 06:33:23.219728338 [E:onnxruntime:Default, provider_bridge_ort.cc:1548 "
    "TryGetProviderInfo_CUDA] /onnxruntime_src/onnxruntime/core/session/provider_bridge_ort.cc:1209"
    " onnxruntime::Provider& onnxruntime::ProviderLibrary::Get() [ONNXRuntimeError] : 1 : FAIL : "
    "Failed to load library libonnxruntime_providers_cuda.so with error: libcublasLt.so.11: cannot "
    "open shared object file: No such file or directory"
)
WINDOWS_CUDA_LIBRARY = (
    # https://github.com/deepbeepmeep/Wan2GP/issues/1513
    "2026-02-10 00:58:04.5745265 [E:onnxruntime:Default, provider_bridge_ort.cc:2195 "
    "onnxruntime::TryGetProviderInfo_CUDA] D:\\a\\_work\\1\\s\\onnxruntime\\core\\session\\"
    "provider_bridge_ort.cc:1778 onnxruntime::ProviderLibrary::Get [ONNXRuntimeError] : 1 : FAIL : "
    'Error loading "C:\\envs\\onnxruntime\\capi\\onnxruntime_providers_cuda.dll" which depends on '
    '"cublasLt64_12.dll" which is missing. (Error 126: "The specified module could not be found.")'
)
WINDOWS_CUDA_UNNAMED = (
    # https://github.com/hacksider/Deep-Live-Cam/issues/137
    "D:\\a\\_work\\1\\s\\onnxruntime\\python\\onnxruntime_pybind_state.cc:743 "
    "onnxruntime::python::CreateExecutionProviderInstance CUDA_PATH is set but CUDA wasn't able to "
    "be loaded. Please install the correct version of CUDA and cuDNN as mentioned in the GPU "
    "requirements page"
)
CUDA_FAILURE = (
    # https://github.com/onnxruntime/mobius/issues/316, with other numbers in others
    "/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:122 std::conditional_t<THRW, "
    "void, onnxruntime::common::Status> onnxruntime::CudaCall(ERRTYPE, const char*, const char*, "
    "SUCCTYPE, const char*, const char*, int) [with ERRTYPE = cudaError; bool THRW = true] {} ; "
    "GPU=-1 ; file=/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_execution_provider.cc ; "
    "line=336 ; expr=cudaSetDevice(info_.device_id); "
)
OLD_DRIVER = "CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version"
NO_DEVICE = "CUDA failure 100: no CUDA-capable device is detected"
NO_SUCH_DEVICE = "CUDA failure 101: invalid device ordinal"
NO_SUCH_NUMBER = "Invalid device ID: 9, must be between 0 (inclusive) and 1 (exclusive)."
TENSORRT_LIBRARY = (
    # https://github.com/microsoft/onnxruntime/issues/18597
    "EP Error /onnxruntime_src/onnxruntime/core/session/provider_bridge_ort.cc:1193 "
    "onnxruntime::Provider& onnxruntime::ProviderLibrary::Get() [ONNXRuntimeError] : 1 : FAIL : "
    "Failed to load library libonnxruntime_providers_tensorrt.so with error: libnvinfer.so.8: "
    "cannot open shared object file: No such file or directory"
)
QNN_BACKEND = (
    # https://github.com/microsoft/onnxruntime/issues/20206
    "2024-04-04 21:24:37.4152414 [E:onnxruntime:, qnn_execution_provider.cc:499 "
    "onnxruntime::QNNExecutionProvider::GetCapability] QNN SetupBackend failed "
    "qnn_backend_manager.cc:56 onnxruntime::qnn::QnnBackendManager::GetQnnInterfaceProvider Unable "
    "to load backend, error: load library failed"
)
OPENVINO_DEVICE = (
    # onnxruntime-openvino 1.24.1 where there is no GPU
    "\x1b[1;31m2026-11-21 21:10:18.195020325 [E:onnxruntime:Default, provider_bridge_ort.cc:2310 "
    "Create] /onnxruntime/onnxruntime/core/providers/openvino/openvino_provider_factory.cc:141 "
    "std::string onnxruntime::openvino_ep::ParseDeviceType(std::shared_ptr<OVCore>, const "
    "onnxruntime::ProviderOptions&) [ERROR] [OpenVINO] Device GPU is not available\n\x1b[m\n"
)
OPENVINO_OPTION = (
    # onnxruntime-openvino 1.24.1
    "/onnxruntime/onnxruntime/python/onnxruntime_pybind_state.cc:1053 std::shared_ptr<onnxruntime::"
    "IExecutionProviderFactory> onnxruntime::python::CreateExecutionProviderFactoryInstance(const "
    "onnxruntime::SessionOptions&, const std::string&, const onnxruntime::ProviderOptionsMap&) "
    "Invalid OpenVINO EP option: foo\n"
)
CUDA_OPTION = 'Unknown provider option: "use_fp16".'


@pytest.mark.parametrize(
    ("name", "said", "message"),
    [
        ("cuda", CUDA_LIBRARY, r"libcublasLt\.so\.13, .*cuDNN 9\.\* and CUDA 13\.\*\).*cudnn\]"),
        ("cuda", OLDER_CUDA_LIBRARY, r"libcublasLt\.so\.11, .* LD_LIBRARY_PATH"),
        ("cuda", WINDOWS_CUDA_LIBRARY, r"cublasLt64_12\.dll, .* on PATH"),
        ("cuda", WINDOWS_CUDA_UNNAMED, r"no options; .*wasn't able to be loaded.*\[gpu\]"),
        ("cuda", CUDA_FAILURE.format(OLD_DRIVER), "driver that is older.*; update the driver"),
        ("cuda", CUDA_FAILURE.format(NO_DEVICE), "no NVIDIA GPU; .*CUDA_VISIBLE_DEVICES"),
        (
            "cuda",
            CUDA_FAILURE.format(NO_SUCH_DEVICE),
            "no GPU with this device_id; it is an index in nvidia-smi",
        ),
        (
            "cuda",
            CUDA_FAILURE.format(NO_SUCH_NUMBER),
            "no GPU with this device_id; it is an index in nvidia-smi",
        ),
        ("tensorrt", TENSORRT_LIBRARY, r"libnvinfer\.so\.8, .*pip install tensorrt"),
        ("qnn", QNN_BACKEND, "says: QNN SetupBackend failed .*Snapdragon.*onnxruntime-qnn"),
        ("openvino", OPENVINO_DEVICE, r"says: /onn.*GPU is not available; it needs an x86-64 CPU"),
        ("coreml", "", "did not start with no options; it needs an Apple machine"),
    ],
)
def test_what_the_engine_says_becomes_a_reason(name: str, said: str, message: str) -> None:
    error = refusal(name, {}, said)
    assert isinstance(error, ProviderUnavailableError)
    assert str(error).startswith(f"provider {name!r} ")
    assert PROVIDERS[name].page in str(error)
    assert "\x1b" not in str(error)
    with pytest.raises(ProviderUnavailableError, match=message):
        raise error


@pytest.mark.parametrize(
    ("name", "said", "option"),
    [("openvino", OPENVINO_OPTION, "foo"), ("cuda", CUDA_OPTION, "use_fp16")],
)
def test_an_option_the_provider_does_not_know_is_the_callers_mistake(
    name: str, said: str, option: str
) -> None:
    error = refusal(name, {option: "1"}, said)
    assert isinstance(error, ConfigError)
    assert f"provider {name!r} has no option {option!r}, got options {option}=1" in str(error)


@pytest.mark.parametrize(
    ("library", "advice"),
    [
        ("libcuda.so.1", "driver"),
        ("nvcuda.dll", "driver"),
        ("libcudart.so.12", "cuda,cudnn"),
        ("libcudnn.so.9", "cuda,cudnn"),
        ("cudnn64_9.dll", "cuda,cudnn"),
        ("libnvrtc.so.12", "cuda,cudnn"),
        ("libnvonnxparser.so.10", "tensorrt"),
        ("libtbb.so.12", "install it"),
    ],
)
def test_each_library_has_its_advice(library: str, advice: str) -> None:
    assert advice in how_to_get(library)


def test_auto_logs_its_choice(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "edgebert_runtime"):
        assert choose_provider("auto") == "cpu"
    assert caplog.messages == ["provider auto: chose cpu"]


def test_options_become_strings() -> None:
    given: dict[str, str | int | float | bool] = {
        "device_type": "CPU",
        "num_of_threads": 2,
        "ratio": 0.5,
        "flag": True,
    }
    expected = {"device_type": "CPU", "num_of_threads": "2", "ratio": "0.5", "flag": "True"}
    assert read_options("openvino", given) == expected
    assert read_options("auto", None) == read_options("cpu", {}) == {}


@pytest.mark.parametrize(
    ("wanted", "options", "message"),
    [
        ("openvino", {"device_type": ["CPU"]}, r"'device_type' = \['CPU'\], expected a string"),
        ("openvino", {"load_config": None}, "'load_config' = None, expected a string"),
        ("openvino", {1: "CPU"}, "key 1, expected a string"),
        ("cpu", {"device_id": 0}, "provider 'cpu' has no option device_id: it has none"),
        ("auto", {"device_id": 0}, "device_id are for one provider, got provider 'auto'"),
    ],
)
def test_options_that_make_no_sense(
    tiny_bundle: Bundle, wanted: str, options: dict[Any, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        load(tiny_bundle, provider=wanted, provider_options=options)


@pytest.mark.parametrize("pairs", [["device_type"], ["=CPU"], ["a=1", "a=2"], [""]])
def test_pairs_of_the_command_line_that_make_no_sense(pairs: list[str]) -> None:
    with pytest.raises(ConfigError, match="--provider-option takes NAME=VALUE, each name once"):
        parse_options(pairs)


def test_pairs_of_the_command_line() -> None:
    assert parse_options(["a=1", "b=x=y", "c="]) == {"a": "1", "b": "x=y", "c": ""}


@pytest.mark.parametrize("name", [name for name in PROVIDERS if name not in OFFERED])
def test_a_provider_that_is_not_built_in_comes_with_its_install_line(
    tiny_bundle: Bundle, name: str
) -> None:
    with pytest.raises(ProviderUnavailableError) as caught:
        load(tiny_bundle, "portable", provider=name)
    assert PROVIDERS[name].engine_name in str(caught.value)
    assert str(caught.value).endswith(PROVIDERS[name].install)


@pytest.mark.parametrize("name", PLUG_INS)
def test_plug_ins_take_standard_operators_only(tiny_bundle: Bundle, name: str) -> None:
    """What ONNX Runtime fuses for itself would run on the CPU."""
    assert picked(tiny_bundle, "auto", name) == picked(tiny_bundle, "fp32", name) == "portable"
    for variant in ("cpu", "int8-cpu"):
        with pytest.raises(
            ConfigError, match=f"{variant!r} .* provider {name!r} lacks; load variant='fp32'"
        ):
            picked(tiny_bundle, variant, name)


def test_which_of_them_take_static_integers(tiny_bundle: Bundle) -> None:
    """TensorRT wants symmetric activations."""
    variants = tiny_bundle.manifest.variants
    static = replace(variants["portable"], precision="int8", recipe="int8-static")
    manifest = replace(tiny_bundle.manifest, variants={**variants, "int8-static": static})
    bundle = replace(tiny_bundle, manifest=manifest)
    taking = [name for name in PLUG_INS if name not in ("tensorrt", "webgpu")]
    assert taking == ["cuda", "openvino", "qnn", "coreml"]
    chosen = {name: picked(bundle, "int8", name) for name in taking}
    assert chosen.pop("openvino") == "int8-portable"  # it has ONNX Runtime's own operators, too
    assert set(chosen.values()) == {"int8-static"}
    assert picked(bundle, "int8", "cpu") == "int8-cpu"
    with pytest.raises(ConfigError, match=r"'int8-static' .* provider 'tensorrt' lacks"):
        picked(bundle, "int8-static", "tensorrt")


def test_a_bundle_without_a_graph_for_it(tiny_bundle: Bundle) -> None:
    fused = {"cpu": tiny_bundle.manifest.variants["cpu"]}
    manifest = replace(tiny_bundle.manifest, variants=fused)
    with pytest.raises(ConfigError, match="lacks; export again with target='portable'"):
        picked(replace(tiny_bundle, manifest=manifest), "auto", "openvino")


@pytest.fixture
def claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that says it has OpenVINO."""
    offered = [PROVIDERS["openvino"].engine_name, "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: offered)


@pytest.mark.usefixtures("claimed")
def test_an_engine_that_falls_back_is_found_out(tiny_bundle: Bundle) -> None:
    """The engine opens the graph on the CPU."""
    with (
        pytest.warns(UserWarning, match="not in available provider names"),
        pytest.raises(ProviderUnavailableError, match="'openvino' did not start with no options"),
    ):
        load(tiny_bundle, provider="openvino")


@pytest.mark.usefixtures("claimed")
def test_the_reason_is_in_the_log_and_nothing_is_printed(
    tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    really = onnxruntime.InferenceSession

    def falling_back(path: str, options: Any, **_: Any) -> Any:
        os.write(2, OPENVINO_DEVICE.encode())
        return really(path, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(onnxruntime, "InferenceSession", falling_back)
    options = {"device_type": "GPU"}
    with pytest.raises(ProviderUnavailableError, match=r"=GPU; ONNX .*Device GPU is not available"):
        load(tiny_bundle, provider="openvino", provider_options=options)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("said", ["", QNN_BACKEND])
def test_a_provider_that_takes_no_operator_does_not_run(said: str) -> None:
    """It is listed first all the same."""
    listed = [PROVIDERS["qnn"].engine_name, "CPUExecutionProvider"]
    parts = [types.SimpleNamespace(ep_name="CPUExecutionProvider")] * 3
    session = types.SimpleNamespace(
        get_providers=lambda: listed, get_provider_graph_assignment_info=lambda: parts
    )
    with pytest.raises(ProviderUnavailableError, match="takes none of the graph's operators") as e:
        require_running("qnn", {"backend_type": "htp"}, session, said)
    assert "with options backend_type=htp" in str(e.value)
    assert ("Unable to load backend" in str(e.value)) is bool(said)
    parts.append(types.SimpleNamespace(ep_name=listed[0]))
    require_running("qnn", {}, session, said)


def test_what_was_heard_is_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    with engine_log() as heard:
        os.write(2, b"something\n")
        assert capfd.readouterr().err == ""
    assert heard == ["something\n"]
    reemit(heard)
    reemit([])
    assert capfd.readouterr().err == "something\n"


def test_threads_listen_one_after_the_other(capfd: pytest.CaptureFixture[str]) -> None:
    def listen(number: int) -> list[str]:
        with engine_log() as heard:
            os.write(2, f"{number}\n".encode())
            time.sleep(0.01)
            os.write(2, f"{number}\n".encode())
        return heard

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(listen, range(8)))
    assert found == [[f"{number}\n" * 2] for number in range(8)]
    os.write(2, b"still there\n")
    assert capfd.readouterr().err == "still there\n"


def test_a_daemon_without_standard_error_hears_nothing() -> None:
    code = """
import os
from edgebert_runtime.engine.native_log import engine_log
os.close(2)
with engine_log() as heard:
    pass
assert heard == []
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU stands for a GPU: the real engine, which takes any option for it."""
    provider = replace(PROVIDERS["cuda"], engine_name="CPUExecutionProvider")
    monkeypatch.setitem(PROVIDERS, "cuda", provider)


@pytest.mark.usefixtures("stand_in")
def test_options_are_kept(tiny_bundle: Bundle) -> None:
    model = load(tiny_bundle, provider="cuda", provider_options={"device_id": 0})
    expected = {"use_tf32": "0", "device_id": "0"}
    assert model.info().provider_options == expected
    again = pickle.loads(pickle.dumps(model))  # noqa: S301 - our own bytes
    assert (again.info().provider, again.info().provider_options) == ("cuda", expected)
    assert load(tiny_bundle).info().provider_options == {}
    rounding = load(tiny_bundle, provider="cuda", provider_options={"use_tf32": 1})
    assert rounding.info().provider_options == {"use_tf32": "1"}


@pytest.mark.usefixtures("stand_in")
def test_a_graph_opened_anew_has_them_too(
    tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a forked child."""
    asked: list[Any] = []
    really = onnxruntime.InferenceSession

    def noting(*arguments: Any, **how: Any) -> Any:
        asked.append(how["provider_options"])
        return really(*arguments, **how)

    monkeypatch.setattr(onnxruntime, "InferenceSession", noting)
    model = load(tiny_bundle, provider="cuda", provider_options={"device_id": 0})
    expected = model.embed(TEXTS)
    model.session.reset_after_fork()
    np.testing.assert_array_equal(model.embed(TEXTS), expected)
    assert asked == [[{"use_tf32": "0", "device_id": "0"}]] * 2


MIXED = """
<ir_version: 10, opset_import: ["": 21]>
g (float[N,4] x, float16[4,4] w) => (float[N,4] y) { y = MatMul (x, w) }
"""


@pytest.mark.parametrize(
    "content",
    [b"no graph", onnx.parser.parse_model(MIXED).SerializeToString()],
    ids=["torn", "mixed"],
)
@pytest.mark.usefixtures("stand_in")
def test_a_damaged_graph_is_no_fault_of_the_provider(content: bytes, tmp_path: Path) -> None:
    """What is no graph at all, and what contradicts itself."""
    graph = tmp_path / "model.onnx"
    graph.write_bytes(content)
    with pytest.raises(BundleError, match=r"cannot open .*model\.onnx"):
        Session(graph, provider="cuda")


def test_the_names_in_a_damaged_graph_do_not_break_the_line(tmp_path: Path) -> None:
    """Found by make fuzz."""
    model = onnx.parser.parse_model(MIXED)
    model.graph.node[0].op_type = "Mat\nMul\x1b"
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(BundleError, match=r"cannot open .*model\.onnx: .*Mat Mul ") as caught:
        Session(tmp_path / "model.onnx", provider="cpu")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(("said", "error"), [(CUDA_LIBRARY, "libcublasLt"), ("", "cannot open")])
@pytest.mark.usefixtures("stand_in")
def test_an_operator_that_the_cpu_lacks_is_no_fault_of_the_graph(
    said: str, error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where CUDA does not start, ONNX Runtime says so in its log and tries the CPU."""
    text = """
      <ir_version: 10, opset_import: ["": 21, "com.microsoft": 1]>
      g (float[T,8] q, int32[B,S] at, int32[C] ends) => (float[T,8] y)
      { y = com.microsoft.PackedMultiHeadAttention <num_heads = 2> (q, q, q, , at, ends) }
    """
    provider = replace(PROVIDERS["cuda"], engine_name="CUDAExecutionProvider")
    graph = tmp_path / "packed.onnx"
    onnx.save(onnx.parser.parse_model(text), graph)

    really = onnxruntime.InferenceSession

    def falling_back(path: str, *_: object, **__: object) -> Any:
        monkeypatch.setitem(PROVIDERS, "cuda", provider)
        os.write(2, said.encode())
        return really(path, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(onnxruntime, "InferenceSession", falling_back)
    kind = ProviderUnavailableError if said else BundleError
    with pytest.raises(kind, match=error):
        Session(graph, provider="cuda")


@pytest.mark.usefixtures("stand_in")
def test_the_command_line(tiny_bundle: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    folder, option = str(tiny_bundle.folder), "--provider-option"
    chosen = ["--provider", "cuda", option, "device_id=0", option, "arena=x=y"]
    assert main(["info", folder, *chosen]) == 0
    info = json.loads(capsys.readouterr().out)
    assert info["provider_options"] == {"use_tf32": "0", "device_id": "0", "arena": "x=y"}
    assert main(["embed", folder, "a cat", *chosen]) == 0
    assert len(json.loads(capsys.readouterr().out)["embedding"]) == 48


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--provider", "openvino", "--provider-option", "CPU"], "takes NAME=VALUE.* got 'CPU'"),
        (["--provider-option", "a=1"], "got provider 'auto'; name one of"),
        (["--provider", "cpu", "--provider-option", "a=1"], "'cpu' has no option a"),
        (["--provider", "tpu"], "--provider: invalid choice: 'tpu'"),
    ],
)
@pytest.mark.parametrize("command", ["info", "bench"])
def test_mistakes_on_the_command_line(
    tiny_bundle: Bundle,
    command: str,
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([command, str(tiny_bundle.folder), *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.search(message, err)


def test_variants_for_cpus_are_refused_on_a_gpu_by_name(tiny_bundle: Bundle) -> None:
    with pytest.raises(ConfigError, match=r"'int8-portable' of .* provider 'cuda' lacks"):
        picked(tiny_bundle, "int8", "cuda")
    assert picked(tiny_bundle, "auto", "cuda") == "portable"


def install(folder: Path, *names: str) -> Path:
    """Folders as pip leaves them, which say what is installed."""
    for name in names:
        info = folder / f"{name.replace('-', '_')}-1.31.1.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.31.1\n")
    return folder


def test_two_distributions_that_overwrite_each_other_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_bundle: Bundle
) -> None:
    monkeypatch.syspath_prepend(str(install(tmp_path, "onnxruntime-gpu")))
    assert installed_engines() == ["onnxruntime", "onnxruntime-gpu"]
    with pytest.raises(ProviderUnavailableError) as caught:
        load(tiny_bundle, provider="cuda")
    said = str(caught.value)
    assert "onnxruntime and onnxruntime-gpu are both installed" in said
    assert "pip uninstall -y onnxruntime onnxruntime-gpu, then pip install" in said


def test_one_distribution_is_none_too_many(tiny_bundle: Bundle) -> None:
    assert installed_engines() == ["onnxruntime"]
    with pytest.raises(ProviderUnavailableError, match=r"offers .*; pip install 'edgebert-run"):
        load(tiny_bundle, provider="cuda")


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plug-in as pip leaves it, whose library is none."""
    package = install(tmp_path, "onnxruntime-ep-openvino") / "onnxruntime_ep_openvino"
    package.mkdir()
    library = package / "library.so"
    library.write_bytes(b"no library")
    code = f"def get_library_path():\n    return {str(library)!r}\n"
    (package / "__init__.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, package.name, raising=False)
    return library


@pytest.mark.usefixtures("broken")
def test_a_plug_in_that_cannot_be_registered(tiny_bundle: Bundle) -> None:
    """ONNX Runtime itself tries to load the file."""
    with pytest.raises(ProviderUnavailableError) as caught:
        load(tiny_bundle, "portable", "openvino")
    said = str(caught.value)
    assert "cannot register onnxruntime-ep-openvino 1.31.1; ONNX Runtime says: " in said
    assert "library.so: file too short" in said
    assert said.endswith("pip install -U onnxruntime onnxruntime-ep-openvino")


@pytest.mark.usefixtures("broken")
def test_an_engine_that_is_too_old_for_plug_ins(
    tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX Runtime 1.22 has neither function."""
    monkeypatch.delattr(onnxruntime, "register_execution_provider_library")
    monkeypatch.delattr(onnxruntime, "get_ep_devices")
    with pytest.raises(
        ProviderUnavailableError, match=r"needs ONNX Runtime 1\.23, this is .*pip install -U onnxr"
    ):
        load(tiny_bundle, "portable", "openvino")


class Noisy:
    """An engine that prints what it misses, as ONNX Runtime does."""

    def preload_dlls(self) -> None:
        print("Failed to load libcudnn.so.9")


def test_a_variable_that_is_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    names = list(PROVIDERS["cuda"].environment)
    monkeypatch.setenv(names[0], "7")
    monkeypatch.delenv(names[1], raising=False)
    prepare("cuda", object())
    assert [os.environ[name] for name in names] == ["7", "0"]


def test_libraries_are_loaded_quietly(capsys: pytest.CaptureFixture[str]) -> None:
    prepare("cuda", Noisy())
    prepare("cuda", object())  # an older one, which has no such function
    prepare("cpu", onnxruntime)
    assert capsys.readouterr().out == ""


def test_engines_of_tensorrt_are_kept_in_the_users_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_bundle: Bundle
) -> None:
    provider = replace(PROVIDERS["tensorrt"], engine_name="CPUExecutionProvider")
    monkeypatch.setitem(PROVIDERS, "tensorrt", provider)
    asked = {"trt_fp16_enable": 1, "trt_timing_cache_enable": 0}
    model = load(tiny_bundle, provider="tensorrt", provider_options=asked, cache_dir=tmp_path)
    options = model.info().provider_options
    folder = Path(options["trt_engine_cache_path"])
    assert folder.is_relative_to(tmp_path)
    assert folder.name == "tensorrt"
    assert options == {
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": str(folder),
        "trt_timing_cache_enable": "0",
        "trt_timing_cache_path": str(folder),
        "trt_fp16_enable": "1",
    }
    without = load(tiny_bundle, provider="tensorrt", cache_dir=False)
    assert without.info().provider_options == {}
