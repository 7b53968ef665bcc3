"""The pages of the reference are what the code says."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from edgebert_runtime.engine.providers import PROVIDERS
from tests.support import commands_page, errors_page

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = (
    *("edgebert", "export/edgebert_export", "quantize/edgebert_quantize"),
    "runtime/edgebert_runtime",
)
ENVIRONMENT: Final = ROOT / "docs" / "reference" / "environment.md"
VARIABLE: Final = re.compile(r"^\| `([A-Z][A-Z0-9_]+)`", re.MULTILINE)
OF_PROVIDERS: Final = {name for each in PROVIDERS.values() for name in each.environment}
SEVERAL: Final = {"variable": OF_PROVIDERS}
"""Name in the code that stands for several variables → these variables."""


@pytest.mark.parametrize("page", [commands_page, errors_page])
def test_a_generated_page_is_what_the_code_gives(page: object) -> None:
    assert page.FILE.read_text(encoding="utf-8") == page.text(), f"run python -m {page.__name__}"


def test_an_error_without_advice_is_refused() -> None:
    class SilentError(Exception):
        """It says what it is, and not what to do."""

    with pytest.raises(ValueError, match="SilentError does not say what to do"):
        errors_page.meaning_and_advice(SilentError)


def test_a_page_lists_every_command_and_option() -> None:
    text = commands_page.text()
    for line in (
        "### `next-sentence`",
        "### `quantize`",
        "| `--provider` | `auto cpu cuda openvino webgpu tensorrt qnn coreml` | auto, which is",
        "| `SOURCE` |  | required | checkpoint folder or Hub id |",
        "| `--recipe` | `TEXT` | `int8` |",
    ):
        assert line in text, line
    assert "edgebert-run" in text
    assert "--private, --no-private" in text


def variables(code: str) -> Iterator[str]:
    """Names of the environment's variables that a module reads or sets."""
    tree = ast.parse(code)
    constants = {
        node.target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        key = environment_key(node)
        match key:
            case None:
                continue
            case ast.Constant(value=str(name)):
                yield name
            case ast.Name(id=name) if name in constants:
                yield constants[name]
            case ast.Name(id=name):
                yield from SEVERAL[name]
            case _:
                raise ValueError(f"line {key.lineno} names a variable that this test cannot tell")


def environment_key(node: ast.AST) -> ast.expr | None:
    """What names the variable, where a node reads or sets one."""
    match node:
        case ast.Subscript(value=ast.Attribute(attr="environ")):
            return node.slice
        case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="environ")), args=[key, *_]):
            return key
        case ast.Call(func=ast.Attribute(attr="getenv"), args=[key, *_]):
            return key
        case ast.Compare(left=left, comparators=[ast.Attribute(attr="environ")]):
            return left
    return None


def test_every_variable_that_the_code_reads_is_on_the_page() -> None:
    page = ENVIRONMENT.read_text(encoding="utf-8")
    own, _, others = page.partition("## Variables that libraries read")
    read = {
        name
        for package in PACKAGES
        for file in (ROOT / package).rglob("*.py")
        for name in variables(file.read_text(encoding="utf-8"))
    }
    assert read == set(VARIABLE.findall(own))
    assert {"HF_HOME", "HF_TOKEN"} <= set(VARIABLE.findall(others))


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ('import os\nos.environ.get("A_B")', ["A_B"]),
        ('import os\nos.getenv("A")', ["A"]),
        ('import os\nK: str = "A"\nos.environ[K] = "1"', ["A"]),
        ('import os\nif "A" not in os.environ: pass', ["A"]),
        ('import os\n"A".lower()\nos.path.join("A")', []),
    ],
)
def test_a_variable_is_found_however_it_is_read(code: str, found: list[str]) -> None:
    assert list(variables(code)) == found
