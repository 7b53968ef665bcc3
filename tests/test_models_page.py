"""The page of models names what there is to measure; its numbers are the page's own."""

from tests.support.families import SAMPLES, has_head
from tests.support.models_page import BEGIN, COLUMNS, END, PAGE, ROWS, TASKS


def test_the_page_has_every_family_task_and_target() -> None:
    _, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    table, mark, _ = rest.partition(END)
    assert mark == END
    cells = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")]
    found = [(row[0].removeprefix("| "), row[1].strip("`")) for row in cells[1:]]
    expected = [
        (name, task)
        for name in ROWS
        for task in TASKS
        if task == "embed" or has_head(SAMPLES[name], task)
    ]
    assert found == expected
    assert all(len(row) == len(COLUMNS) for row in cells)
