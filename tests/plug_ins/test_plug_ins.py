"""A plug-in answers as the CPU does where it offers a device, else says why; run by .ci/openvino.

Which devices there are depends on the machine: OpenVINO's plug-in takes CPUs of Intel only.
"""

import os
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
import pytest

from edgebert_runtime import Bundle, load
from edgebert_runtime.engine import plug_ins
from edgebert_runtime.engine.provider_errors import installed_engines
from edgebert_runtime.engine.providers import PROVIDERS
from edgebert_runtime.errors import ConfigError, ProviderUnavailableError
from tests.support.provider_texts import FOLDER, TEXTS, answers_of

PLUGGED: Final = [name for name, provider in PROVIDERS.items() if provider.plug_in]

pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="runs in .ci/openvino, which makes its bundle and its environment"
)

THREADS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
import onnxruntime
from edgebert_runtime import load
from edgebert_runtime.engine.providers import PROVIDERS
from edgebert_runtime.errors import ProviderUnavailableError

def attempt(_):
    with suppress(ProviderUnavailableError):
        return load(sys.argv[1], "fp32", sys.argv[2]).embed(["a cat"]).shape

with ThreadPoolExecutor(8) as pool:
    found = set(pool.map(attempt, range(8)))
names = [each.ep_name for each in onnxruntime.get_ep_devices()]
print(len(found), names.count(PROVIDERS[sys.argv[2]].engine_name))
"""

OWN = """
import sys
from importlib import import_module
import onnxruntime
from edgebert_runtime import load
from edgebert_runtime.engine.providers import PROVIDERS

plug_in = PROVIDERS["openvino"].plug_in
library = import_module(plug_in.module).get_library_path()
onnxruntime.register_execution_provider_library("the program's own name", library)
load(sys.argv[1], "fp32", "openvino").embed(["a cat"])
names = [each.ep_name for each in onnxruntime.get_ep_devices()]
print(names.count("OpenVINOExecutionProvider"))
"""


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.open(Path(FOLDER or ""))


@cache
def offered(name: str) -> list[Any]:
    """The devices of a provider on this machine, as ONNX Runtime itself has them."""
    code = (
        "import sys, onnxruntime; from importlib import import_module; module, name = sys.argv[1:];"
        "onnxruntime.register_execution_provider_library('x', "
        "import_module(module).get_library_path());"
        "print(*[each.ep_name for each in onnxruntime.get_ep_devices()].count(name) * 'x')"
    )
    plug_in = PROVIDERS[name].plug_in
    assert plug_in is not None
    return run(code, plug_in.module, PROVIDERS[name].engine_name)


def run(code: str, *arguments: str) -> list[str]:
    """The words that a process of its own prints: a library is registered once a process."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_this_environment_has_plug_ins_and_one_engine() -> None:
    assert installed_engines() == ["onnxruntime"]
    assert PLUGGED == ["openvino", "webgpu"]
    for name in PLUGGED:
        plug_in = PROVIDERS[name].plug_in
        assert plug_in is not None
        assert import_module(plug_in.module).get_ep_name() == PROVIDERS[name].engine_name


@pytest.mark.parametrize("variant", ["fp32", "int8", "int8-static"])
def test_openvino_answers_as_the_cpu_does_or_has_no_device(bundle: Bundle, variant: str) -> None:
    """In float32, also where the CPU has bfloat16, which the library would take by itself."""
    if not offered("openvino"):
        with pytest.raises(ProviderUnavailableError, match=r"finds none that it runs on; .*Intel"):
            load(bundle, variant, "openvino")
        return
    model = load(bundle, variant, "openvino")
    expected = np.load(answers_of(bundle.folder))[model.info().variant]
    tolerance = 2e-5 if variant == "fp32" else 2e-2
    np.testing.assert_allclose(model.embed(TEXTS), expected, atol=tolerance)
    assert "f32" in str(model.info().provider_options["load_config"])


def test_webgpu_answers_or_has_no_device(bundle: Bundle) -> None:
    if offered("webgpu"):
        found = load(bundle, "fp32", "webgpu").embed(TEXTS)
        np.testing.assert_allclose(found, load(bundle, "portable").embed(TEXTS), atol=1e-4)
        return
    with pytest.raises(ProviderUnavailableError, match=r"webgpu 0\.\S+ finds none .*Vulkan: https"):
        load(bundle, "fp32", "webgpu")


def test_a_machine_without_a_device(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a CPU of AMD, where the library registers and lists nothing."""
    really = onnxruntime.get_ep_devices
    engine_name = PROVIDERS["openvino"].engine_name
    monkeypatch.setattr(
        onnxruntime,
        "get_ep_devices",
        lambda: [each for each in really() if each.ep_name != engine_name],
    )
    monkeypatch.setattr(onnxruntime, "register_execution_provider_library", lambda *_: None)
    monkeypatch.setattr(plug_ins, "_registered", set())
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ProviderUnavailableError) as caught:
        load(bundle, "fp32", "openvino")
    assert "has no device here: onnxruntime-ep-openvino" in str(caught.value)
    assert "for other x86-64 CPUs pip install onnxruntime-openvino in an" in str(caught.value)


def test_a_second_load_says_the_same(bundle: Bundle) -> None:
    """ONNX Runtime registers a library once, also one that then offers nothing."""
    for name in PLUGGED:
        messages = {_refusal(bundle, name) for _ in range(3)}
        assert len(messages) == 1
        assert ("has no device here" in messages.pop()) == (not offered(name))


def _refusal(bundle: Bundle, name: str) -> str:
    try:
        load(bundle, "fp32", name)
    except ProviderUnavailableError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"foo": 1}, "no option 'foo' in onnxruntime-ep-openvino .*has device_type, load_config"),
        ({"num_of_threads": 1}, "no option 'num_of_threads'"),
        ({"device_type": "NPU"}, "no device_type 'NPU' here; onnxruntime-ep-openvino .* CPU"),
    ],
)
def test_options_that_the_library_would_ignore(
    bundle: Bundle, options: dict[str, Any], message: str
) -> None:
    if not offered("openvino"):
        pytest.skip("there is no device to give options to; test_a_machine_without_a_device runs")
    with pytest.raises(ConfigError, match=message):
        load(bundle, "fp32", "openvino", provider_options=options)
    chosen = load(bundle, "fp32", "openvino", provider_options={"device_type": "cpu"})
    assert chosen.info().provider_options["device_type"] == "cpu"


@pytest.mark.parametrize("name", PLUGGED)
def test_threads_register_it_once(name: str) -> None:
    kinds, devices = run(THREADS, FOLDER or "", name)
    assert kinds == "1"
    assert int(devices) == len(offered(name))


def test_a_program_that_has_registered_it_keeps_its_own() -> None:
    if not offered("openvino"):
        pytest.skip("there is no device; test_a_machine_without_a_device runs")
    assert run(OWN, FOLDER or "") == [str(len(offered("openvino")))]


def test_nothing_is_printed(bundle: Bundle, capfd: pytest.CaptureFixture[str]) -> None:
    for name in PLUGGED:
        if offered(name):
            load(bundle, "fp32", name).embed(TEXTS)
        else:
            with pytest.raises(ProviderUnavailableError):
                load(bundle, "fp32", name)
    assert capfd.readouterr() == ("", "")
    assert os.environ.get("TOKENIZERS_PARALLELISM") is None
