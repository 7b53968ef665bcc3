"""OpenVINO takes our graphs and gives the CPU's vectors, or says why not; run by .ci/openvino."""

from pathlib import Path
from typing import Any, Final

import onnxruntime
import pytest

from edgebert_runtime import Bundle, load
from edgebert_runtime.engine.provider_errors import installed_engines
from edgebert_runtime.engine.providers import has_provider
from edgebert_runtime.errors import ConfigError, ProviderUnavailableError
from tests.support.interop_rows import agree
from tests.support.provider_texts import FOLDER, TEXTS

FILES: Final = {"portable": "fp32", "int8-portable": "int8", "int8-static": "int8-static"}
"""Variant → what docs/interop.md calls its file."""

pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="runs in .ci/openvino, which makes its bundle and its environment"
)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.open(Path(FOLDER or ""))


def test_this_environment_has_openvino_and_no_other_engine() -> None:
    assert installed_engines() == ["onnxruntime-openvino"]
    assert has_provider("openvino", onnxruntime)


@pytest.mark.parametrize("options", [None, {"device_type": "CPU", "num_of_threads": 1}])
@pytest.mark.parametrize(
    ("variant", "tolerance"), [("fp32", 2e-5), ("int8", 2e-2), ("int8-static", 2e-2)]
)
def test_openvino_answers_as_the_cpu_does(
    bundle: Bundle, variant: str, tolerance: float, options: dict[str, Any] | None
) -> None:
    model = load(bundle, variant, "openvino", provider_options=options)
    assert model.info().provider == "openvino"
    variant = model.info().variant
    agree(
        "onnxruntime-openvino",
        "embed",
        FILES[variant],
        model.embed(TEXTS),
        load(bundle, variant, "cpu").embed(TEXTS),
        through="edgebert_runtime",
        tolerance=tolerance,
    )


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"foo": 1}, ConfigError, "'openvino' has no option 'foo'"),
        ({"device_type": "NPU"}, ProviderUnavailableError, "Device NPU is not available"),
        ({"device_type": "mkl"}, ProviderUnavailableError, "takes none of the graph's operators"),
    ],
)
def test_openvino_says_why_not(
    bundle: Bundle,
    options: dict[str, Any],
    error: type[Exception],
    message: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(error, match=message):
        load(bundle, provider="openvino", provider_options=options)
    assert capfd.readouterr() == ("", "")
