"""Small BERTs that learnt a few sentences by heart, one for each head, in folders of transformers.

The pages of docs/tasks ask them what they learnt, so that their answers make sense.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch
import transformers
from torch import Tensor, nn

import edgebert
from tests.support.made_once import MadeOnce

SPECIALS: Final = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PIECES: Final = ("love", "##lace", "bab", "##bage")
"""Of words that are two tokens: Lovelace and Babbage."""

REVIEWS: Final = {
    "A wonderful film with a great cast.": 1,
    "The film was great.": 1,
    "A wonderful story.": 1,
    "A dull film with a weak cast.": 0,
    "The story was dull.": 0,
    "The film was too long.": 0,
}
PEOPLE: Final = (
    ("Ada Lovelace lived in London .", "B-PER I-PER O O B-LOC O"),
    ("Charles Babbage lived in London .", "B-PER I-PER O O B-LOC O"),
    ("Ada Lovelace met Charles Babbage in Turin .", "B-PER I-PER O B-PER I-PER O B-LOC O"),
    ("The machine was in Turin .", "O O O O B-LOC O"),
)
CONTEXT: Final = "Ada Lovelace wrote the first program in 1843. She lived in London."
QUESTIONS: Final = {
    "Who wrote the first program?": "Ada Lovelace",
    "When was the first program written?": "1843",
    "Where did Ada Lovelace live?": "London",
}
HELP: Final = {
    ("How do I reset my password?", "Choose a new password on the account page."): 1,
    ("How do I reset my password?", "Parcels arrive within three days."): 0,
    ("How do I reset my password?", "The account page shows your invoices."): 0,
    ("When does my parcel arrive?", "Parcels arrive within three days."): 1,
    ("When does my parcel arrive?", "Choose a new password on the account page."): 0,
    ("Where are my invoices?", "The account page shows your invoices."): 1,
    ("Where are my invoices?", "Parcels arrive within three days."): 0,
}
CAPITALS: Final = (
    "Paris is the capital of France.",
    "London is the capital of England.",
    "Rome is the capital of Italy.",
)
SENTENCES: Final = {
    ("She opened the door.", "The room was empty."): 0,
    ("She opened the door.", "Parcels arrive within three days."): 1,
    ("When does my parcel arrive?", "Parcels arrive within three days."): 0,
    ("When does my parcel arrive?", "The room was empty."): 1,
}
LABELS: Final = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")

Batch = tuple[Any, Callable[[Any], Tensor]]
"""The inputs of a model, and from its outputs to the loss."""


def _cross_entropy(targets: Sequence[Any]) -> Callable[[Any], Tensor]:
    def loss(found: Any) -> Tensor:
        logits = found.logits.flatten(0, -2)
        return nn.functional.cross_entropy(logits, torch.tensor(targets).flatten())

    return loss


def _reviews(tokenizer: Any) -> Batch:
    return _encode(tokenizer, list(REVIEWS)), _cross_entropy(list(REVIEWS.values()))


def _people(tokenizer: Any) -> Batch:
    words, labels = zip(*((text.split(), row.split()) for text, row in PEOPLE), strict=True)
    encoded = _encode(tokenizer, list(words), is_split_into_words=True)
    targets = [
        [-100 if at is None else LABELS.index(row[at]) for at in encoded.word_ids(number)]
        for number, row in enumerate(labels)
    ]
    return encoded, _cross_entropy(targets)


def _questions(tokenizer: Any) -> Batch:
    encoded = _encode(tokenizer, list(QUESTIONS), [CONTEXT] * len(QUESTIONS))
    places = []
    for row, answer in enumerate(QUESTIONS.values()):
        start = CONTEXT.index(answer)
        ends = (start, start + len(answer) - 1)
        places.append([encoded.char_to_token(row, at, sequence_index=1) for at in ends])
    starts, ends = torch.tensor(places).T

    def loss(found: Any) -> Tensor:
        entropy = nn.functional.cross_entropy
        return entropy(found.start_logits, starts) + entropy(found.end_logits, ends)

    return encoded, loss


def _help(tokenizer: Any) -> Batch:
    targets = torch.tensor(list(HELP.values()), dtype=torch.float32)

    def loss(found: Any) -> Tensor:
        return nn.functional.binary_cross_entropy_with_logits(found.logits[:, 0], targets)

    return _encode(tokenizer, *map(list, zip(*HELP, strict=True))), loss


def _capitals(tokenizer: Any) -> Batch:
    encoded = _encode(tokenizer, [text.replace(text.split()[-1], "[MASK].") for text in CAPITALS])
    whole = _encode(tokenizer, list(CAPITALS))["input_ids"]
    masked = encoded["input_ids"] == tokenizer.mask_token_id
    return encoded, _cross_entropy(whole.masked_fill(~masked, -100).tolist())


def _sentences(tokenizer: Any) -> Batch:
    encoded = _encode(tokenizer, *map(list, zip(*SENTENCES, strict=True)))
    return encoded, _cross_entropy(list(SENTENCES.values()))


def _encode(tokenizer: Any, *texts: Sequence[Any], **options: Any) -> Any:
    return tokenizer(*texts, padding=True, return_tensors="pt", **options)


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What one model learns: transformers' class of its head, what its config adds, and a batch."""

    head: str
    batch: Callable[[Any], Batch]
    config: Mapping[str, Any] = field(default_factory=dict)


LESSONS: Final[Mapping[str, Lesson]] = {
    "classify": Lesson(
        head="SequenceClassification",
        batch=_reviews,
        config={"id2label": {0: "negative", 1: "positive"}},
    ),
    "tag": Lesson(
        head="TokenClassification",
        batch=_people,
        config={"id2label": dict(enumerate(LABELS))},
    ),
    "answer": Lesson(head="QuestionAnswering", batch=_questions),
    "rank": Lesson(head="SequenceClassification", batch=_help, config={"num_labels": 1}),
    "fill": Lesson(head="MaskedLM", batch=_capitals),
    "next_sentence": Lesson(head="NextSentencePrediction", batch=_sentences),
}
"""Task → what its model learns."""


def save_learnt(task: str, folder: Path, *, steps: int = 80) -> Path:
    """Train a model on its few sentences, and write it as transformers does."""
    lesson, tokenizer = LESSONS[task], _tokenizer()
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        initializer_range=0.1,
        **lesson.config,
    )
    model = getattr(transformers, f"BertFor{lesson.head}")(config)
    inputs, loss = lesson.batch(tokenizer)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(model(**inputs)).backward()
        optimizer.step()
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer() -> Any:
    texts = [*REVIEWS, *(text for text, _ in PEOPLE), CONTEXT, *QUESTIONS, *CAPITALS]
    texts += [text for pair in (*HELP, *SENTENCES) for text in pair]
    split = transformers.BertTokenizer(vocab={token: at for at, token in enumerate(SPECIALS)})
    words = {
        word
        for text in texts
        for word, _ in split.backend_tokenizer.pre_tokenizer.pre_tokenize_str(text.lower())
    }
    known = [*SPECIALS, *PIECES, *sorted(words - {"lovelace", "babbage"})]
    return transformers.BertTokenizer(
        vocab={token: at for at, token in enumerate(known)}, model_max_length=64
    )


def learnt(made_once: MadeOnce, task: str) -> Path:
    """The checkpoint of a task, made once in a run."""
    return made_once(f"learnt-{task}", partial(save_learnt, task))


def learnt_bundle(made_once: MadeOnce, task: str) -> Path:
    """The bundle that is exported from it."""
    export = partial(edgebert.export, learnt(made_once, task), task=task)
    return made_once(f"learnt-{task}-bundle", export)
