"""The runtime as a model of mteb, on two tasks of real texts; run by .ci/interop."""

import json
import os
from pathlib import Path
from typing import Any, Final

import mteb
import pytest
from datasets import Dataset, DatasetDict
from mteb.abstasks.classification import AbsTaskClassification
from mteb.abstasks.retrieval import AbsTaskRetrieval
from mteb.abstasks.task_metadata import TaskMetadata
from sentence_transformers import SentenceTransformer

from edgebert_runtime.integrations.mteb import EdgebertEncoder
from tests.support.interop_rows import agree

BUNDLE: Final = os.environ["EDGEBERT_BUNDLE"]
SOURCE: Final = os.environ["EDGEBERT_SOURCE"]
DATA: Final[dict[str, Any]] = json.loads(Path(os.environ["EDGEBERT_MTEB"]).read_text("utf-8"))
TOLERANCES: Final = {"portable": 1e-6, "int8": 0.03}
"""Of a score: the order of fp32 does not change; that of int8 changes for a few texts of 200."""

pytestmark = pytest.mark.interop


def metadata(name: str, kind: str, score: str) -> TaskMetadata:
    unknown = dict.fromkeys(
        (
            *("date", "domains", "task_subtypes", "license", "annotations_creators", "dialect"),
            *("sample_creation", "bibtex_citation", "reference"),
        )
    )
    return TaskMetadata(
        name=name,
        description=name,
        type=kind,
        category="t2t" if kind == "Retrieval" else "t2c",
        modalities=["text"],
        eval_splits=["test"],
        eval_langs=["eng-Latn"],
        main_score=score,
        dataset={"path": "none/none", "revision": "1"},
        **unknown,
    )


class Packages(AbsTaskRetrieval):
    """The long description of a package for its short one."""

    metadata = metadata("Packages", "Retrieval", "ndcg_at_10")

    def load_data(self, *_: Any, **__: Any) -> None:
        pairs = [(f"q{at}", f"d{at}", *pair) for at, pair in enumerate(DATA["pairs"])]
        self.queries = {"test": {query: short for query, _, short, _ in pairs}}
        self.corpus = {"test": {name: {"text": long} for _, name, _, long in pairs}}
        self.relevant_docs = {"test": {query: {name: 1} for query, name, _, _ in pairs}}
        self.convert_v1_dataset_format_to_v2(None)
        self.data_loaded = True


class Reviews(AbsTaskClassification):
    """Whether people rated a sentence of a film review as good or bad."""

    metadata = metadata("Reviews", "Classification", "accuracy")
    samples_per_label = 60
    n_experiments = 3

    def load_data(self, *_: Any, **__: Any) -> None:
        self.dataset = DatasetDict(
            {
                split: Dataset.from_dict(
                    {
                        "text": [text for text, _ in DATA[split]],
                        "label": [label for _, label in DATA[split]],
                    }
                )
                for split in ("train", "test")
            }
        )
        self.data_loaded = True


def scores(model: Any) -> dict[str, float]:
    """Task → the main score of mteb."""
    found = mteb.evaluate(model, [Packages(), Reviews()], cache=None, show_progress_bar=False)
    return {result.task_name: result.get_score() for result in found.task_results}


@pytest.fixture(scope="module")
def expected() -> dict[str, float]:
    """The scores of the checkpoint in torch."""
    return scores(SentenceTransformer(SOURCE, device="cpu"))


@pytest.mark.parametrize(("variant", "file"), [("portable", "fp32"), ("int8", "int8")])
def test_a_bundle_scores_as_its_checkpoint_does(
    variant: str, file: str, expected: dict[str, float]
) -> None:
    found = scores(EdgebertEncoder(BUNDLE, variant=variant))
    assert min(expected.values()) > 0.6
    for task, score in expected.items():
        agree(
            "mteb",
            f"{task}: score",
            file,
            [found[task]],
            [score],
            through="edgebert_runtime.integrations.mteb",
            tolerance=TOLERANCES[variant],
        )
