"""The checkpoints and files that the pages of docs/how-to name, small enough to make in seconds.

Most are the first two layers of MiniLM, trained for a moment on sentences like those of the page.
"""

import ast
import json
import random
import shutil
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, Final

from safetensors.torch import load_file, save_file

import edgebert
from edgebert import TrainingConfig
from examples.minilm import minilm_folder
from tests.support.families import SAMPLES, build, build_with_head, save
from tests.support.training_data import write_csv, write_lines

GUIDES: Final = Path(__file__).parents[2] / "docs" / "how-to"

LAYERS: Final = 2
VOCABULARY: Final = 12_000
EMBEDDINGS: Final = "embeddings.word_embeddings.weight"

QUICK: Final = TrainingConfig(
    epochs=4, batch_size=16, learning_rate=3e-4, weight_decay=0.0, device="cpu"
)

LONGER: Final = replace(QUICK, epochs=6, learning_rate=6e-4)

OPENINGS: Final = (
    "",
    "Hello, ",
    "Please help: ",
    "I am writing because ",
    "Good morning. ",
    "Hi. ",
)

HELD_OUT: Final = ("Hey, ", "Good evening. ", "A question: ", "Dear team, ", "Sorry, ")

TICKETS: Final[Mapping[str, tuple[str, ...]]] = {
    "account": (
        "I cannot log in to my account",
        "my password does not work any more",
        "how do I change my email address",
        "please delete my account and my data",
        "the login page says that my user name is unknown",
        "I want to reset my password",
        "two accounts have my email address",
        "the confirmation email for my account never came",
        "somebody else signed in to my account",
        "how do I change the name on my account",
    ),
    "billing": (
        "you charged my card twice",
        "the invoice has the wrong amount",
        "I need an invoice with our tax number",
        "my payment was refused",
        "why is the price higher than on the page",
        "the amount on my card is not what the invoice says",
        "please charge another credit card",
        "I paid and the invoice still says unpaid",
        "the discount is missing on the bill",
        "my bank says that you charged me in March and in April",
    ),
    "delivery": (
        "my parcel never came",
        "where is my package",
        "the courier left the parcel in the rain",
        "the tracking number does not work",
        "delivery takes longer than you promised",
        "can you ship the order to another address",
        "the driver did not ring and took the parcel away",
        "my order was shipped to the old address",
        "the package has been on its way for two weeks",
        "when will my order be delivered",
    ),
    "returns": (
        "I want to send the shoes back",
        "the jacket is too small and I want to return it",
        "how do I get a return label",
        "I sent the lamp back and have no refund yet",
        "the cup arrived broken and I want to return it",
        "can I exchange the shirt for a larger one",
        "how many days do I have to return an item",
        "please take the chair back, it has a scratch",
        "I want my money back for the headphones",
        "the colour is wrong, can I exchange it",
    ),
}


def read_guide(name: str) -> str:
    """The text of a page."""
    return (GUIDES / f"{name}.md").read_text(encoding="utf-8")


def small_minilm(folder: Path) -> Path:
    """A checkpoint with the first layers and words of MiniLM, without a pooling of its own."""
    source = minilm_folder()
    folder.mkdir(parents=True)
    shutil.copy(source / "tokenizer_config.json", folder)
    tokenizer = json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))
    words = tokenizer["model"]["vocab"]
    tokenizer["model"]["vocab"] = {word: at for word, at in words.items() if at < VOCABULARY}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    config |= {"num_hidden_layers": LAYERS, "vocab_size": VOCABULARY}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    state = load_file(source / "model.safetensors")
    left_out = tuple(f"encoder.layer.{layer}." for layer in range(LAYERS, 6))
    kept = {name: value for name, value in state.items() if not name.startswith(left_out)}
    kept[EMBEDDINGS] = kept[EMBEDDINGS][:VOCABULARY].clone()
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def write_for_trimming(folder: Path) -> None:
    """Tiny models as `path/to/minilm` and `path/to/multilingual`, and `corpus.txt`."""
    save(build(SAMPLES["bert"]), folder / "path" / "to" / "minilm")
    save(build(SAMPLES["xlm-roberta"]), folder / "path" / "to" / "multilingual")
    _write_messages(folder / "corpus.txt")


def write_for_distilling(folder: Path) -> None:
    """Tiny models of six layers as `path/to/minilm` and `path/to/squad`, and texts for both."""
    save(build(SAMPLES["bert"], num_hidden_layers=6), folder / "path" / "to" / "minilm")
    model = build_with_head(SAMPLES["bert"], "answer", num_hidden_layers=6)
    save(model, folder / "path" / "to" / "squad")
    _write_messages(folder / "texts.txt")
    rows = [(opening + question, right) for opening in OPENINGS for question, right, _ in FACTS]
    write_csv(folder / "questions.csv", ("question", "context"), rows)


def _write_messages(path: Path) -> None:
    path.write_text("\n".join(text for text, _ in tickets(OPENINGS[:1])), encoding="utf-8")


PEOPLE: Final = (
    "Ada Lovelace",
    "Marie Curie",
    "Alan Turing",
    "Grace Hopper",
    "José García",
    "Anna Müller",
    "Peter Smith",
    "Nina Simone",
    "Maria Costa",
    "John Brown",
)
PLACES: Final = (
    "London",
    "Paris",
    "Zürich",
    "São Paulo",
    "New York",
    "Berlin",
    "Warsaw",
    "Lisbon",
    "Montréal",
)
COMPANIES: Final = (
    "Acme",
    "General Motors",
    "Bell Labs",
    "Northern Rail",
    "Siemens",
    "Green Energy",
    "Nokia",
)
MESSAGES: Final = (
    (1, "My shoes do not fit, how can I send them back?"),
    (2, "The order has not come yet"),
    (3, "I was charged two times"),
    (4, "I forgot my password, and my parcel never came"),
)

SENTENCES: Final = (
    "P lives in L .",
    "P works for O in L .",
    "O has an office in L .",
    "L is far from L .",
    "P met P at O .",
    "Yesterday P flew from L to L .",
    "O was founded by P in L .",
    "The train to L is late .",
    "P , who left O last year , moved to L .",
    "It rained all day .",
)
KINDS: Final = {"P": ("PER", PEOPLE), "L": ("LOC", PLACES), "O": ("ORG", COMPANIES)}

FACTS: Final = (
    ("How many days of vacation do we have?", "We have 28 days of vacation a year.", "28 days"),
    ("Who approves travel?", "Travel is approved by the head of finance.", "the head of finance"),
    ("Where is the main office?", "The main office is in Lisbon, near the river.", "Lisbon"),
    ("How long is the notice period?", "The notice period is three months.", "three months"),
    ("Who repairs laptops?", "Laptops are repaired by the help desk upstairs.", "the help desk"),
    ("When was the company founded?", "The company was founded in 1987.", "1987"),
)
"""A question, the sentence that answers it, and the answer."""

FILLING: Final = (
    "Please read this page with care.",
    "Ask your team if something is not clear.",
    "These rules hold in every country.",
    "Small changes are made each spring.",
    "Visitors sign the book at the door.",
    "Keep the windows closed in winter.",
    "Nobody has to work on a public holiday.",
    "The garden belongs to all of us.",
)


def tickets(openings: Iterable[str]) -> list[tuple[str, str]]:
    """Messages to a shop and their labels."""
    return [
        (opening + text, label)
        for label, texts in TICKETS.items()
        for opening, text in product(openings, texts)
    ]


def write_tickets(folder: Path) -> None:
    """`my-checkpoint`, a classifier of messages to a shop, and rows that it was not trained on."""
    base = small_minilm(folder / "base")
    data = write_csv(folder / "training.csv", ("text", "label"), tickets(OPENINGS))
    edgebert.train(
        base, data, folder / "my-checkpoint", task="classify", config=replace(QUICK, epochs=10)
    )
    write_csv(folder / "labelled.csv", ("text", "label"), tickets(HELD_OUT))
    write_csv(folder / "messages.csv", ("id", "message"), MESSAGES)


def write_names(folder: Path) -> None:
    """`my-checkpoint`, a tagger of people, places and companies."""
    base = small_minilm(folder / "base")
    rows = [_tagged(number) for number in range(320)]
    data = write_lines(folder / "names.jsonl", rows)
    edgebert.train(base, data, folder / "my-checkpoint", task="tag", config=QUICK)


def _tagged(number: int) -> dict[str, Any]:
    draw = random.Random(number)
    tokens, labels = [], []
    for word in SENTENCES[number % len(SENTENCES)].split():
        label, names = KINDS.get(word, ("", (word,)))
        found = draw.choice(names).split()
        tokens += found
        labels += [f"{'I' if at else 'B'}-{label}" if label else "O" for at in range(len(found))]
    return {"tokens": tokens, "labels": labels}


def write_questions(folder: Path) -> None:
    """`my-checkpoint`, which answers questions on a handbook, and `handbook.txt`."""
    base = small_minilm(folder / "base")
    rows = [_asked(number) for number in range(360)]
    data = write_lines(folder / "questions.jsonl", rows)
    edgebert.train(base, data, folder / "my-checkpoint", task="answer", config=LONGER)
    (folder / "handbook.txt").write_text(handbook(), encoding="utf-8")


def _asked(number: int) -> dict[str, Any]:
    """Of five questions two are asked of a text without their answer."""
    draw = random.Random(number)
    question, sentence, answer = FACTS[number % len(FACTS)]
    others = [each[1] for each in FACTS if each[1] != sentence]
    sentences = draw.sample(others, 1) + draw.sample(FILLING, 2)
    answered = draw.random() < 0.6
    if answered:
        sentences.append(sentence)
    draw.shuffle(sentences)
    context = " ".join(sentences)
    start = context.index(sentence) + sentence.index(answer) if answered else 0
    return {"question": question, "context": context, "answer": answer * answered, "start": start}


def handbook() -> str:
    """A facts a paragraph, among sentences that answer nothing."""
    draw = random.Random(0)
    paragraphs = [
        [*draw.choices(FILLING, k=20), sentence, *draw.choices(FILLING, k=15)]
        for _, sentence, _ in FACTS
    ]
    return "\n\n".join(map(" ".join, paragraphs)) + "\n"


def write_relevance(folder: Path) -> None:
    """`my-reranker`, a cross encoder of questions and sentences of the handbook."""
    base = small_minilm(folder / "base")
    rows = [
        (question, sentence, int(sentence == right))
        for question, right, _ in FACTS
        for sentence in [right, right, right, *(each[1] for each in FACTS), *FILLING[:4]]
    ]
    data = write_csv(folder / "relevance.csv", ("text", "text_pair", "label"), rows)
    edgebert.train(
        base, data, folder / "my-reranker", task="rank", config=replace(LONGER, epochs=14)
    )
    documents = [each[1] for each in FACTS] + list(FILLING)
    (folder / "documents.txt").write_text("\n".join(documents) + "\n", encoding="utf-8")


MODULES: Final = (
    "argparse bisect calendar csv datetime difflib fileinput fnmatch fractions glob gzip heapq "
    "html/parser linecache locale mimetypes pathlib pprint queue random secrets shlex shutil "
    "socketserver statistics string tarfile tempfile textwrap threading timeit urllib/parse "
    "webbrowser zipfile"
)


def write_docstrings(folder: Path) -> None:
    """`functions.csv`: functions and classes of CPython's library, and what they are for."""
    library = Path(sysconfig.get_path("stdlib"))
    rows = [row for name in MODULES.split() for row in _documented(library / f"{name}.py")]
    write_csv(folder / "functions.csv", ("name", "text"), rows)


def _documented(file: Path) -> Iterator[tuple[str, str]]:
    """Public names of a module with the first paragraph of their docstrings."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            text = " ".join((ast.get_docstring(node) or "").partition("\n\n")[0].split())
            if len(text) > 20:
                yield f"{file.stem}.{node.name}", text
