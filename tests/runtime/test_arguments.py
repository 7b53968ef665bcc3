"""Arguments of the wrong type are refused by name; numbers of numpy are numbers."""

import json
from typing import Any

import numpy as np
import pytest

from edgebert import TrainingConfig
from edgebert_runtime import Bundle, load
from edgebert_runtime.benchmarking.options import BenchOptions
from edgebert_runtime.errors import ConfigError, InputError
from edgebert_runtime.loading.options import LoadOptions
from edgebert_runtime.tasks.answer import AnswerOptions
from edgebert_runtime.tasks.classify import ClassifyOptions
from edgebert_runtime.tasks.embed_options import EmbedOptions
from edgebert_runtime.tasks.options import TaskOptions
from edgebert_runtime.tasks.tag import TagOptions


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"threads": "4"}, r"threads must be a whole number or None, got '4' \(str\)"),
        ({"threads": 4.0}, r"threads must be a whole number or None, got 4\.0 \(float\)"),
        ({"threads": True}, r"threads must be a whole number or None, got True \(bool\)"),
        ({"share_threads": 1}, r"share_threads must be True or False, got 1 \(int\)"),
        ({"verify": 1}, r"verify must be a string or None, got 1 \(int\)"),
        ({"cache_dir": True}, r"cache_dir must be a string or a path or False or None, got True"),
        ({"provider": None}, r"provider must be a string, got None \(NoneType\)"),
        ({"provider_options": ["a"]}, r"provider_options must be a dictionary or None, got"),
        ({"variant": 8}, r"variant must be a string, got 8 \(int\)"),
        ({"task": ["embed"]}, r"task must be a string or None, got \['embed'\] \(list\)"),
        ({"bundle": 3}, r"bundle must be Bundle or a string or a path, got 3 \(int\)"),
    ],
)
def test_load_names_an_argument_of_another_type(
    arguments: Any, message: str, tiny_bundle: Bundle
) -> None:
    with pytest.raises(ConfigError, match=message):
        load(**{"bundle": tiny_bundle.folder, **arguments})


@pytest.mark.parametrize(
    ("options", "arguments", "message"),
    [
        (
            BenchOptions,
            {"threads": "4"},
            "threads must be a list of whole numbers or None, got '4'",
        ),
        (BenchOptions, {"threads": 4}, "threads must be a list of whole numbers or None, got 4 "),
        (BenchOptions, {"batches": [1, "8"]}, r"batches must be a list of .*, got \[1, '8'\]"),
        (BenchOptions, {"batches": [1, True]}, r"batches must be a list of .*, got \[1, True\]"),
        (BenchOptions, {"variants": "fp32"}, "variants must be a list of strings, got 'fp32'"),
        (BenchOptions, {"variants": [8]}, "variants must be a list of strings, got"),
        (BenchOptions, {"rounds": 5.0}, r"rounds must be a whole number, got 5\.0"),
        (BenchOptions, {"budget_ms": "5"}, r"budget_ms must be a number or None, got '5' \(str\)"),
        (TrainingConfig, {"epochs": True}, r"epochs must be a whole number, got True \(bool\)"),
        (TrainingConfig, {"epochs": 1.5}, r"epochs must be a whole number, got 1\.5 \(float\)"),
        (TrainingConfig, {"learning_rate": "1e-5"}, "learning_rate must be a number, got '1e-5'"),
        (TrainingConfig, {"patience": "2"}, "patience must be a whole number or None, got '2'"),
        (TrainingConfig, {"device": 0}, r"device must be a string, got 0 \(int\)"),
        (TrainingConfig, {"autocast": 16}, "autocast must be Autocast or a string, got 16"),
    ],
)
def test_benchmarks_and_trainings_name_an_argument_of_another_type(
    options: type[Any], arguments: Any, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        options(**arguments)


def test_benchmarks_and_trainings_take_numbers_of_numpy() -> None:
    measured = BenchOptions(
        threads=[np.int64(2)], batches=(np.int32(1), 8), budget_ms=np.float32(2)
    )
    assert json.dumps([measured.threads, measured.batches, measured.budget_ms]) == (
        "[[2], [1, 8], 2.0]"
    )
    trained = TrainingConfig(epochs=np.int64(2), learning_rate=np.float64(0.25), max_length=None)
    assert json.dumps([trained.epochs, trained.learning_rate]) == "[2, 0.25]"


@pytest.mark.parametrize(
    ("options", "arguments", "message"),
    [
        (TaskOptions, {"stride": "4"}, r"stride must be a whole number or None, got '4' \(str\)"),
        (TaskOptions, {"long": None}, r"long must be a string, got None"),
        (ClassifyOptions, {"top_k": 2.5}, r"top_k must be a whole number or None, got 2\.5"),
        (ClassifyOptions, {"threshold": "0.5"}, r"threshold must be a number or None, got '0\.5'"),
        (EmbedOptions, {"normalize": "yes"}, r"normalize must be True or False or None, got 'yes'"),
        (EmbedOptions, {"prompt": 3}, r"prompt must be a string or None, got 3"),
        (AnswerOptions, {"allow_no_answer": 1}, r"allow_no_answer must be True or False, got 1"),
        (TagOptions, {"ignore": "O"}, r"ignore must be a list of strings, got 'O' \(str\)"),
    ],
)
def test_every_task_names_an_argument_of_another_type(
    options: type[TaskOptions], arguments: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        options(**arguments)


def test_numbers_of_numpy_become_those_of_python() -> None:
    chosen = ClassifyOptions(top_k=np.int64(2), threshold=np.float32(0.5))
    assert (type(chosen.top_k), type(chosen.threshold)) == (int, float)
    assert EmbedOptions(normalize=np.True_).normalize is True
    assert type(LoadOptions(threads=np.int32(2)).threads) is int
    assert ClassifyOptions(threshold=1).threshold == 1


@pytest.mark.parametrize("item", [["a", "b"], ("a", "b"), ["a"]])
def test_embed_takes_no_pairs(item: Any, tiny_bundle: Bundle) -> None:
    message = f"item 1 is {type(item).__name__}, expected str: this task takes no pairs"
    with load(tiny_bundle.folder) as model, pytest.raises(InputError, match=message):
        model.embed(["a", item])
