"""Words of several tokens: a tagger answers as it was trained. docs/decisions/0021-aggregation.md.

`python -m tests.training.test_aggregation` prints the table of that document.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
import torch

import edgebert
from edgebert import TrainingConfig, TrainingReport
from edgebert.checkpoints.own_settings import AGGREGATION, KEY
from edgebert.checkpoints.tokenizer.words import tells_words
from edgebert.tasks.registry import require_training
from edgebert.tasks.tag import head_info
from edgebert.training.data.encoding import TextEncoder
from edgebert.training.data.records import Tagged
from edgebert.training.job import Request
from edgebert.training.losses import IGNORED
from edgebert.training.objectives.tag import Tagging
from edgebert.training.training import run_training
from edgebert_runtime import Bundle, Tagger, load
from edgebert_runtime.errors import CheckpointError
from edgebert_runtime.verification.self_test import check_all
from tests.support.checkpoints import read_checkpoint
from tests.support.split_words import (
    Sentence,
    save_byte_pairs,
    save_word_pieces,
    sentences,
    write_sentences,
)

HELD_OUT: Final = sentences(60, seed=1)

SHOWN: Final = ("simple", "first", "average", "max")


class EveryToken(Tagging):
    """Labels every token of a word: what follows a `B-` has `I-`."""

    def __init__(self, records: Any, encoder: TextEncoder, labels: tuple[str, ...]) -> None:
        super().__init__(records, encoder, labels)
        for row, encoded in zip(self._targets, self._encoded, strict=True):
            label = IGNORED
            for at, target in enumerate(row):
                if encoded.sources[at] is None:
                    continue
                label = self.continued(label, labels) if target == IGNORED else target
                row[at] = label

    def continued(self, label: int, labels: tuple[str, ...]) -> int:
        return labels.index(labels[label].replace("B-", "I-"))


class EveryTokenAlike(EveryToken):
    """Labels every token of a word as its first, `B-` included."""

    def continued(self, label: int, labels: tuple[str, ...]) -> int:
        return label


def trained(
    base: Path, folder: Path, objective: type[Tagging], out: Path, rows: int, epochs: int = 6
) -> TrainingReport:
    """Train on made-up sentences; the validation is that of every tagger."""

    def built(found: list[Tagged], config: Any) -> Tagging:
        return (objective if config.training else Tagging)(found, config.encoder, config.labels)

    torch.set_num_threads(1)
    request = Request(
        base=base,
        data=write_sentences(folder / "train.jsonl", sentences(rows, seed=0)),
        validation=write_sentences(folder / "valid.jsonl", HELD_OUT),
        task="tag",
        spec=replace(require_training("tag"), objective=built),
        problem="single_label",
        config=TrainingConfig(epochs=epochs, batch_size=16, learning_rate=3e-3, device="cpu"),
        new_head=False,
        from_scratch=True,
    )
    return run_training(request, out, progress=False)


def entity_f1(model: Tagger, aggregation: Any = None, *, glued: bool = False) -> float:
    """Of the held-out sentences, by label and both ends; with commas behind words or apart."""
    texts, expected = zip(*(as_text(each, glued=glued) for each in HELD_OUT), strict=True)
    answers = model.tag(list(texts), aggregation=aggregation)
    there = {(row, *entity) for row, each in enumerate(expected) for entity in each}
    found = {(row, e.label, e.start, e.end) for row, each in enumerate(answers) for e in each}
    return 2 * len(there & found) / (len(there) + len(found))


def as_text(sentence: Sentence, *, glued: bool) -> tuple[str, list[tuple[str, int, int]]]:
    text, entities = "", list[tuple[str, int, int]]()
    for word, label in zip(*sentence, strict=True):
        text += "" if not text or (glued and word == ",") else " "
        start, end = len(text), len(text) + len(word)
        text += word
        if label.startswith("B-"):
            entities.append((label[2:], start, end))
        elif label.startswith("I-"):
            entities[-1] = (*entities[-1][:2], end)
    return text, entities


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("aggregation")


@pytest.fixture(scope="module")
def report(folder: Path) -> TrainingReport:
    base = save_word_pieces(folder / "base")
    return trained(base, folder, Tagging, folder / "tagger", 300)


@pytest.fixture(scope="module")
def bundle(report: TrainingReport, folder: Path) -> Bundle:
    return edgebert.quantize(edgebert.export(report.out, folder / "bundle"), force=True)


def test_training_export_and_quantization_keep_the_f1(
    report: TrainingReport, bundle: Bundle
) -> None:
    learnt = report.metrics["f1"]
    assert learnt > 0.9
    assert bundle.manifest.task.head is not None
    assert bundle.manifest.task.head.aggregation == "first"
    fp32 = load(bundle, task="tag", variant="fp32")
    assert fp32.default_aggregation == "first"
    assert entity_f1(fp32) == pytest.approx(learnt, abs=1e-9)
    assert entity_f1(load(bundle, task="tag", variant="int8")) == pytest.approx(learnt, abs=0.02)
    assert entity_f1(fp32, "simple") < learnt - 0.1  # words split, so the test can fail
    for each in check_all(bundle):
        each.require()


def test_training_ends_with_numbers_for_each_label(report: TrainingReport) -> None:
    assert list(report.by_label) == ["LOC", "PER"]
    counts = [int(each["count"]) for each in report.by_label.values()]
    labels = [label for each in HELD_OUT for label in each.labels]
    assert counts == [labels.count("B-LOC"), labels.count("B-PER")]
    assert report.summary()["by_label"] == report.by_label
    assert str(report).splitlines()[-3].split() == ["label", "precision", "recall", "f1", "count"]
    assert str(report).splitlines()[-2].split()[0] == "LOC"


@pytest.mark.parametrize(
    ("save", "noted", "expected"),
    [
        (save_word_pieces, None, "first"),
        (save_byte_pairs, None, "first"),
        (save_word_pieces, "simple", "simple"),
        (save_byte_pairs, "none", "none"),
    ],
)
def test_what_a_checkpoint_calls_for(
    save: Callable[[Path], Path], noted: str | None, expected: str, tmp_path: Path
) -> None:
    found = head_info(source_of(save(tmp_path / "base"), {AGGREGATION: noted} if noted else {}))
    assert (found.labels, found.activation) == (("O", "B-X"), "softmax")
    assert found.aggregation == expected


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ({"vocab": {"a": 0, "##b": 1, "中": 2}, "continuing_subword_prefix": "##"}, True),
        ({"vocab": {"a": 0, "Ġb": 1}, "continuing_subword_prefix": ""}, True),
        ({"vocab": [["▁a", -1.0], *([f"▁{at}", -2.0] for at in range(200)), ["中", -3.0]]}, True),
        ({"vocab": [["▁a", -1.0], ["中国", -2.0], ["ภา", -2.0]]}, False),
    ],
    ids=["marked", "byte pairs", "a stray letter", "scripts without spaces"],
)
def test_words_are_told_by_marks_or_by_spaces(model: dict[str, Any], expected: bool) -> None:
    assert tells_words(model) is expected


def test_a_tokenizer_that_tells_no_words_calls_for_simple(tmp_path: Path) -> None:
    source = replace(source_of(save_byte_pairs(tmp_path / "base"), {}), tells_words=False)
    assert head_info(source).aggregation == "simple"


def source_of(base: Path, noted: dict[str, Any]) -> Any:
    from edgebert.checkpoints.describe import describe
    from edgebert.checkpoints.tasks import HeadSource

    described = describe(base)
    tokenizer, _ = described.tokenizer(described.config(pooler=False), None)
    return HeadSource(
        hf_config={**described.hf_config, KEY: noted},
        labels=("O", "B-X"),
        pipeline=described.pipeline,
        tells_words=tokenizer.tells_words,
        folder=str(base),
    )


@pytest.mark.parametrize(
    ("noted", "message"),
    [({AGGREGATION: "last"}, "aggregation must be one of none"), (["first"], "expected an object")],
)
def test_a_note_that_makes_no_sense_is_refused(noted: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=message):
        head_info(source_of(save_word_pieces(tmp_path / "base"), noted))


def test_the_note_is_read_back(report: TrainingReport) -> None:
    again = read_checkpoint(report.out)
    assert again.head_info is not None
    assert again.head_info.aggregation == "first"
    noted = again.hf_config[KEY]
    assert noted[AGGREGATION] == "first"
    assert [step["step"] for step in noted["history"]] == ["trained"]


def main() -> None:
    """Every tokenizer, training and aggregation."""
    for save in (save_word_pieces, save_byte_pairs):
        for objective in (Tagging, EveryToken, EveryTokenAlike):
            with tempfile.TemporaryDirectory() as name:
                for cells in measured(save, objective, Path(name)):
                    sys.stdout.write(" | ".join(cells) + "\n")


def measured(
    save: Callable[[Path], Path], objective: type[Tagging], folder: Path
) -> Iterator[list[str]]:
    """A row for commas apart and one for commas behind words; what follows is learnt slower."""
    epochs = 6 if objective is Tagging else 14
    told = trained(save(folder / "base"), folder, objective, folder / "out", 600, epochs)
    model = load(edgebert.export(told.out, folder / "bundle"), task="tag")
    for glued in (False, True):
        found = [entity_f1(model, name, glued=glued) for name in SHOWN]
        where = "behind" if glued else "apart"
        numbers = [f"{f1:.3f}" for f1 in (told.metrics["f1"], *found)]
        yield [save.__name__, objective.__name__, where, *numbers]


if __name__ == "__main__":
    main()
