import subprocess
import sys

from edgebert_runtime import Bundle
from tests.support.fence import run_fenced


def test_a_bundle_answers_without_torch(tiny_bundle: Bundle) -> None:
    code = """
from edgebert_runtime import load
print(load(sys.argv[1]).embed(["a cat"], normalize=True).shape)
"""
    done = run_fenced(code, str(tiny_bundle.folder))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "(1, 48)\n"
    assert done.stderr == ""


def test_the_fence_can_fail() -> None:
    assert "must not import torch" in run_fenced("import torch").stderr


def test_light_commands_of_the_workflow_load_no_torch(tiny_bundle: Bundle) -> None:
    folder = str(tiny_bundle.folder)
    for arguments in (["--help"], ["--version"], ["inspect", folder], ["run", folder, "a cat"]):
        code = "from edgebert.cli.main import main; sys.argv[0] = 'edgebert'; main()"
        done = run_fenced(code, *arguments)
        assert done.returncode == 0, done.stderr


def test_a_profile_loads_no_torch(tiny_bundle: Bundle) -> None:
    code = """
from edgebert.cli.main import main
sys.argv[0] = "edgebert"
try:
    main()
finally:
    assert "onnx_ir" in sys.modules, "it was not measured"
    assert not {"torch", "transformers", "onnxscript"} & sys.modules.keys()
"""
    arguments = ["profile", str(tiny_bundle.folder), "--runs", "1", "--threads", "1"]
    command = [sys.executable, "-c", f"import sys{code}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "By layer" in done.stdout


def test_without_an_engine_the_install_line_is_shown(tiny_bundle: Bundle) -> None:
    code = """
sys.modules["onnxruntime"] = None
from edgebert_runtime import load
load(sys.argv[1])
"""
    done = run_fenced(code, str(tiny_bundle.folder))
    assert "EngineMissingError" in done.stderr
    assert "pip install 'edgebert-runtime[cpu]'" in done.stderr
