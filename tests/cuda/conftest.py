"""A GPU, or the reason why there is none."""

from pathlib import Path

import onnx
import onnx.parser
import pytest

from edgebert_runtime.engine.session import Session
from edgebert_runtime.errors import ProviderUnavailableError

SMALLEST = """
<ir_version: 10, opset_import: ["": 21]>
g (float[N] x) => (float[N] y) { y = Add (x, x) }
"""


@pytest.fixture(scope="session", autouse=True)
def gpu(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skips everything here where the provider does not start, and says what it says."""
    graph = Path(tmp_path_factory.mktemp("gpu")) / "smallest.onnx"
    onnx.save(onnx.parser.parse_model(SMALLEST), graph)
    try:
        Session(graph, provider="cuda")
    except ProviderUnavailableError as error:
        pytest.skip(str(error))
