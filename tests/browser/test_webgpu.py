"""The browser's runtime on WebGPU answers like Python; the GPU is Chromium's own, on the CPU."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from edgebert_runtime import Bundle, load
from tests.support.devtools import SOFTWARE_GPU, Browser, Tab, browser
from tests.support.page_server import Host, served
from tests.support.web.calls import CALLS, far, plain

pytestmark = pytest.mark.browser

WEB: Final = Path(__file__).parents[2] / "runtime" / "web"
MODULES: Final = "./modules/onnxruntime-web/dist"
IMPORTS: Final = {
    "onnxruntime-web/webgpu": f"{MODULES}/ort.webgpu.bundle.min.mjs",
    "onnxruntime-web/wasm": f"{MODULES}/ort.wasm.bundle.min.mjs",
    "@huggingface/tokenizers": "./modules/@huggingface/tokenizers/dist/tokenizers.mjs",
}
LOAD: Final = f"""
(async () => {{
  const {{ load }} = await import("./package/index.js");
  const wasmPaths = new URL("{MODULES}/", document.baseURI).href;
  const options = {{ executionProvider: "webgpu", wasmPaths, cache: false }};
  globalThis.model = await load("./model/", {{ ...options, variant: VARIANT }});
  return model.info().provider;
}})()
"""

FP32_ON_GPU: Final = 1e-4
"""Largest difference of a number: a GPU's functions are less exact than a CPU's."""

INT8: Final = 0.045
"""The bundle's own tolerance."""


@pytest.fixture(scope="module")
def chromium_with_gpu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser"), SOFTWARE_GPU) as running:
        yield running


@pytest.fixture
def gpu_tab(chromium_with_gpu: Browser) -> Iterator[Tab]:
    with chromium_with_gpu.tab() as opened:
        yield opened


def site(folder: Path, bundle: Bundle) -> Path:
    """A page that can import the runtime and find a bundle."""
    assert (WEB / "dist").is_dir(), "the browser's runtime is not built; .ci/pages builds it"
    (folder / "package").symlink_to(WEB / "dist")
    (folder / "modules").symlink_to((WEB / "node_modules").resolve())
    (folder / "model").symlink_to(bundle.folder)
    imports = json.dumps({"imports": IMPORTS})
    page = f'<script type="importmap">{imports}</script><body>ready'
    (folder / "index.html").write_text(page, encoding="utf-8")
    return folder


def load_in_page(tab: Tab, host: Host, precision: str) -> None:
    """Leave the model of a site in its global `model`."""
    tab.open(host.address())
    tab.wait("document.body.innerText")
    assert tab.evaluate(LOAD.replace("VARIANT", json.dumps(precision))) == "webgpu"


@pytest.mark.parametrize("task", CALLS)
def test_each_task_answers_like_python(
    task: str, bundle_of: Callable[[str], Bundle], tmp_path: Path, gpu_tab: Tab
) -> None:
    bundle = bundle_of(task)
    call, in_python = CALLS[task]
    with served(site(tmp_path, bundle)) as host:
        load_in_page(gpu_tab, host, "fp32")
        found = gpu_tab.evaluate(f"model.{call}")
        checked = gpu_tab.evaluate("model.check()")
    assert checked["passed"], checked
    assert far(found, plain(in_python(load(bundle, "fp32")))) <= FP32_ON_GPU


def test_int8_passes_its_check(tiny_bundle: Bundle, tmp_path: Path, gpu_tab: Tab) -> None:
    with served(site(tmp_path, tiny_bundle)) as host:
        load_in_page(gpu_tab, host, "int8")
        found = gpu_tab.evaluate(f"model.{CALLS['embed'][0]}")
        checked = gpu_tab.evaluate("model.check()")
    assert checked["passed"], checked
    assert far(found, plain(CALLS["embed"][1](load(tiny_bundle, "int8-portable")))) <= INT8
