"""No test imports from another: what they share is in tests/support."""

import re
from pathlib import Path
from typing import Final

import pytest

TESTS: Final = Path(__file__).resolve().parent
FROM_A_TEST: Final = re.compile(
    r"""^\s*(?:
        from\ tests(?!\.support\b)(?:\.[\w.]+)?\ import\ (?!support\b)
        | import\ tests(?!\.support\b)
    )""",
    re.MULTILINE | re.VERBOSE,
)
"""In the code of child processes, too, which stands in strings."""


def imports_of_tests(folder: Path) -> list[str]:
    """Modules below a folder that import from tests, and not from their support.

    Raises:
        ValueError: there is no module.
    """
    modules = sorted(folder.rglob("*.py"))
    if not modules:
        raise ValueError(f"{folder} has no module")
    return [
        path.relative_to(folder).as_posix()
        for path in modules
        if FROM_A_TEST.search(path.read_text(encoding="utf-8"))
    ]


def test_no_test_imports_from_another() -> None:
    assert imports_of_tests(TESTS) == []


def test_support_has_no_tests() -> None:
    modules = sorted((TESTS / "support").rglob("*.py"))
    assert len(modules) > 1
    assert [path.name for path in modules if re.search("^def test_", path.read_text(), re.M)] == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("from tests.runtime.test_checking import rehash", True),
        ("from tests.conftest import TEXTS", True),
        ("    from tests import conftest", True),
        ("import tests.conftest", True),
        ("from tests.supporting import one", True),
        ("from tests.support.fence import run_fenced", False),
        ("from tests.support import training_data", False),
        ("from tests import support", False),
    ],
)
def test_an_import_from_a_test_is_found(tmp_path: Path, line: str, found: bool) -> None:
    (tmp_path / "test_one.py").write_text(f"import os\n{line}\n", encoding="utf-8")
    assert imports_of_tests(tmp_path) == (["test_one.py"] if found else [])


def test_a_folder_without_modules_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no module"):
        imports_of_tests(tmp_path)
