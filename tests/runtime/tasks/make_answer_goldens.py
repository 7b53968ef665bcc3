"""Writes `answer_goldens.json`: what transformers' question-answering pipeline answers.

    python -m tests.runtime.tasks.make_answer_goldens

Needs transformers 4.57, the last with that pipeline, in an environment of its own; nothing of
edgebert's answering is run. The model is `formula_logits`, so that a test needs no weights.
"""

import json
from pathlib import Path
from typing import Any, Final

import tokenizers
import torch
import transformers
from transformers.modeling_outputs import QuestionAnsweringModelOutput

from tests.support.span_logits import formula_logits
from tests.support.task_bundles import BERT_ROLES, ROBERTA_ROLES, byte_level, wordpiece

GOLDENS: Final = Path(__file__).with_name("answer_goldens.json")
MAX_LENGTH: Final = 512

CONTEXTS: Final = {
    "tiny": "the cat",
    "short": "Ada Lovelace lives in Paris, the cats sat on the mat. 🙂 café unable 中国!",
    "repeated": "The cat sat. the cat sat. THE CAT ran far over the cat.",
    "long": " ".join(
        f"the small cat{'s' * (n % 3)} sat on {n}, unable and café red{n % 7} ." for n in range(90)
    ),
}
CASES: Final[list[dict[str, Any]]] = [
    {"question": "who lives in Paris?", "context": "short"},
    {"question": "who lives in Paris?", "context": "short", "top_k": 5},
    {"question": "who?", "context": "short", "top_k": 3, "max_answer_length": 1},
    {"question": "who?", "context": "short", "top_k": 4, "allow_no_answer": True},
    {"question": "who?", "context": "tiny", "allow_no_answer": True},
    {"question": "who?", "context": "tiny", "top_k": 4, "allow_no_answer": True},
    {"question": "the cat", "context": "repeated", "top_k": 6},
    {"question": "the cat", "context": "repeated", "top_k": 2, "max_answer_length": 40},
    {
        "question": "red",
        "context": "repeated",
        "top_k": 12,
        "window": 10,
        "stride": 2,
        "allow_no_answer": True,
    },
    {"question": "on what?", "context": "long"},
    {"question": "on what?", "context": "long", "top_k": 8},
    {"question": "on what?", "context": "long", "top_k": 3, "allow_no_answer": True},
    {"question": "on what?", "context": "long", "top_k": 4, "window": 60, "stride": 20},
    {"question": "on what?", "context": "long", "top_k": 4, "window": 32, "stride": 0},
    {"question": "on " * 200, "context": "long", "top_k": 2},
]
NAMES: Final = {
    "max_answer_length": "max_answer_len",
    "allow_no_answer": "handle_impossible_answer",
    "window": "max_seq_len",
    "stride": "doc_stride",
}
"""Our option → theirs."""


class Formula(transformers.BertForQuestionAnswering):
    """Named as the pipeline asks for; computes `formula_logits`."""

    def forward(self, input_ids: torch.Tensor, **_: Any) -> QuestionAnsweringModelOutput:
        start, end = formula_logits(input_ids.numpy())
        return QuestionAnsweringModelOutput(
            start_logits=torch.from_numpy(start), end_logits=torch.from_numpy(end)
        )


Formula.__name__ = "BertForQuestionAnswering"


def pipeline(family: str) -> Any:
    backend, roles = (
        (wordpiece(), BERT_ROLES) if family == "wordpiece" else (byte_level(), ROBERTA_ROLES)
    )
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend, model_max_length=MAX_LENGTH, **roles
    )
    config = transformers.BertConfig(
        vocab_size=1, hidden_size=2, num_hidden_layers=1, num_attention_heads=1, intermediate_size=1
    )
    return transformers.pipeline("question-answering", model=Formula(config), tokenizer=tokenizer)


def answers(ask: Any, case: dict[str, Any]) -> list[dict[str, Any]]:
    options = {NAMES.get(name, name): value for name, value in case.items()}
    found = ask(**{**options, "context": CONTEXTS[case["context"]]})
    return found if isinstance(found, list) else [found]


def main() -> None:
    goldens = [
        {"family": family, **case, "answers": answers(ask, case)}
        for family in ("wordpiece", "byte_level")
        for ask in [pipeline(family)]
        for case in CASES
    ]
    record = {
        "written_by": "tests/runtime/tasks/make_answer_goldens.py (transformers only)",
        "versions": {
            "transformers": transformers.__version__,
            "tokenizers": tokenizers.__version__,
            "torch": torch.__version__,
        },
        "max_length": MAX_LENGTH,
        "contexts": CONTEXTS,
        "cases": goldens,
    }
    text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
    GOLDENS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
