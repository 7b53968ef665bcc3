"""The page of checkpoints says what the layouts say."""

from tests.support.zoo.layouts import LAYOUTS
from tests.support.zoo.page import BEGIN, END, PAGE, row, table


def test_the_page_has_the_table_of_the_layouts() -> None:
    _, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    assert rest.partition(END)[0] == table(), "write it anew: python -m tests.support.zoo.page"


def test_a_row_says_what_happens_and_how_it_is_known() -> None:
    assert row(LAYOUTS["roberta-large-mnli"]) == (
        "| FacebookAI/roberta-large-mnli | RobertaForSequenceClassification | no class named; "
        "tokenizer.json, merges.txt, vocab.json | `classify`, 512 tokens | read: "
        "vishal08051996/model: roberta-large-mnli |\n"
    )
