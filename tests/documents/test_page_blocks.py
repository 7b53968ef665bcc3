"""The runner of pages fails where a page is wrong."""

from pathlib import Path

import pytest

from tests.support.page_blocks import REASONS, read_blocks, run_page

ROOT = Path(__file__).parents[2]

PAGE = """# A page

```sh
echo "a b" > said.txt
```

```python
print(open("said.txt").read(), 0.123456)
```

```text
a b
0.12...
```

Not a block of output:

<!-- not run: needs root -->
```sh
exit 3
```

```json
{}
```
"""


def test_blocks_are_found_with_what_they_print() -> None:
    shell, python, left = read_blocks(PAGE)
    assert (shell.language, shell.line, shell.output, shell.reason) == ("sh", 3, None, None)
    assert python.output == "a b\n0.12...\n"
    assert (left.code, left.reason) == ("exit 3\n", "needs root")


def test_a_page_runs_from_top_to_bottom(tmp_path: Path) -> None:
    assert len(list(run_page(PAGE, tmp_path))) == 2


def test_every_page_has_a_known_reason_for_what_is_not_run() -> None:
    found = {
        f"{page.relative_to(ROOT)}:{block.line}": block.reason
        for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))
        for block in read_blocks(page.read_text(encoding="utf-8"))
        if block.reason is not None
    }
    assert found
    assert {place: reason for place, reason in found.items() if reason not in REASONS} == {}


@pytest.mark.parametrize(
    ("right", "wrong", "named"),
    [
        ("0.12...", "0.13...", "the page says"),
        ("echo", "no-such-command", "no-such-command"),
        ("needs root", "is slow", "is slow"),
        ('print(open("said.txt")', 'print(open("unsaid.txt")', "unsaid.txt"),
    ],
    ids=["output", "command", "reason", "python"],
)
def test_a_wrong_page_is_named(tmp_path: Path, right: str, wrong: str, named: str) -> None:
    with pytest.raises(AssertionError, match=named):
        list(run_page(PAGE.replace(right, wrong), tmp_path))


def test_a_title_names_the_python_that_runs_a_block(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("#!/bin/sh\necho another\n")
    other.chmod(0o755)
    page = '```python title="a"\nprint(1)\n```\n\n```text\nanother\n```\n'
    assert [block.title for block in run_page(page, tmp_path, pythons={"a": other})] == ["a"]
    with pytest.raises(AssertionError, match="the page says"):
        list(run_page(page, tmp_path))
