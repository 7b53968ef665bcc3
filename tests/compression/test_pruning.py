"""What goes is what answers owe least to, and what is left makes up for it."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import edgebert
from edgebert.checkpoints import read_checkpoint
from edgebert.compression.answers import model_of
from edgebert.compression.pruning.limits import parse_limits
from edgebert.compression.pruning.right_answers import Pairs, read_right_answers
from edgebert.compression.widths.choice import removals
from edgebert.compression.widths.costs import LayerCosts, Table, counted_costs
from edgebert.compression.widths.importance import Importance, measure_importance
from edgebert.compression.widths.narrowing import Kept, narrowed
from edgebert.compression.widths.reconstruction import reconstruct
from edgebert.compression.widths.surgeon import Moments, Part, Surgeon
from edgebert.model.encoder import Encoder
from edgebert.tasks.registry import checkpoint_tasks
from edgebert.training.data.encoding import Inputs
from edgebert_runtime.errors import CheckFailedError, ConfigError, InputError
from examples.minilm import minilm_folder
from tests.support.families import SAMPLES, build, build_with_head, ours, save

WORDS = ("cat", "dog", "red", "blue", "small", "far", "mat", "run")
TEXTS = [f"the {one} {two}" for one in WORDS for two in WORDS if one != two]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(build(SAMPLES["bert"]), tmp_path_factory.mktemp("source") / "bert")


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "texts.txt"
    path.write_text("\n".join(TEXTS), encoding="utf-8")
    return path


def random_batches(count: int) -> list[Inputs]:
    torch.manual_seed(1)
    found = []
    for _ in range(count):
        mask = torch.ones(8, 12, dtype=torch.int64)
        mask[::2, 7:] = 0
        ids = torch.randint(5, 1000, (8, 12)) * mask
        found.append(Inputs(input_ids=ids, attention_mask=mask, token_type_ids=mask * 0))
    return found


def silenced(encoder: Encoder) -> Encoder:
    """Without what head 1 and the first 32 neurons of each layer give."""
    for layer in encoder.layers:
        with torch.no_grad():
            layer.attention.output.weight.view(48, 3, 16)[:, 1] = 0
            layer.feed_forward.contract.weight[:, :32] = 0
    return encoder


@pytest.mark.parametrize("softmax", [False, True])
def test_parts_that_answers_owe_nothing_to_have_no_importance(
    softmax: bool, tmp_path: Path
) -> None:
    model = build_with_head(SAMPLES["bert"], "classify") if softmax else build(SAMPLES["bert"])
    checkpoint = read_checkpoint(save(model, tmp_path / "source"), tasks=checkpoint_tasks())
    silenced(checkpoint.encoder)
    batches = [(each, each.attention_mask.bool()) for each in random_batches(2)]
    generator = torch.Generator().manual_seed(0)
    found = measure_importance(model_of(checkpoint), batches, softmax, generator)
    for layer in found:
        assert layer.heads[0].inputs == (1,)
        assert [part.loss > 1e-12 for part in layer.heads] == [False, True, True]
        silent = {each for part in layer.neurons for each in part.inputs if part.loss < 1e-12}
        assert silent <= set(range(32))
        first = [each for part in layer.neurons[:2] for each in part.inputs]
        assert set(range(32)) <= set(first)


def parts(*losses: Sequence[float]) -> list[Part]:
    """A part for each list, of as many inputs, in their order."""
    found, first = [], 0
    for each in losses:
        inputs = tuple(range(first, first := first + len(each)))
        found.append(Part(inputs=inputs, loss=float(sum(each))))
    return found


def least_error(weight: Tensor, rows: Tensor, root: Tensor, gone: Sequence[int]) -> float:
    """Of the best weights without some inputs, by a solver that knows nothing of surgeons."""
    kept = [each for each in range(weight.shape[1]) if each not in gone]
    wanted = rows @ weight.T
    solved = torch.linalg.lstsq(rows[:, kept], wanted).solution
    return float(((wanted - rows[:, kept] @ solved) @ root).square().sum())


@pytest.mark.parametrize("size", [1, 3])
def test_losses_are_those_of_the_best_weights(size: int) -> None:
    generator = torch.Generator().manual_seed(5)
    rows, weight, root = (
        torch.randn(*shape, generator=generator, dtype=torch.float64)
        for shape in ((400, 12), (7, 12), (7, 7))
    )
    rows[:, 4] += 2 * rows[:, 1]
    moments = Moments(inputs=rows.T @ rows, sensitivity=root @ root.T)
    surgeon = Surgeon(weight.float(), moments)
    order = surgeon.remove_groups(size) if size > 1 else surgeon.remove_singles([1] * 12)
    gone: list[int] = []
    total = 0.0
    for part in order[:-1]:
        of_part = range(part.inputs[0] * size, (part.inputs[0] + 1) * size)
        others = [
            least_error(weight, rows, root, [*gone, *range(at, at + size)])
            for at in range(0, 12, size)
            if at not in gone
        ]
        gone += of_part
        total += part.loss
        found = least_error(weight, rows, root, gone)
        assert total == pytest.approx(found, rel=0.02)
        assert found == pytest.approx(min(others), rel=1e-6)


def test_what_goes_first_costs_most_for_what_it_gives() -> None:
    importance = [
        Importance(heads=parts([1.0], [3.0]), neurons=parts([0.4] * 32, [1] * 32, [2] * 32)),
        Importance(heads=parts([0.1], [9.0]), neurons=parts([90] * 32, [90] * 32, [90] * 32)),
    ]
    table = Table(heads={1: 1.0, 2: 2.0}, neurons={32: 0.0, 96: 4.0}, rest=1.0)
    steps = list(removals(importance, [1, 1], LayerCosts(tables={"one": table})))
    assert [len(each.heads) for each in steps[1]] == [2, 1]
    assert steps[1][1].heads == (1,)
    assert steps[2][0] == Kept(heads=(1,), neurons=tuple(range(96)))
    assert steps[3][0] == Kept(heads=(1,), neurons=tuple(range(32, 96)))
    assert [(len(each.heads), len(each.neurons)) for each in steps[-1]] == [(1, 32), (1, 32)]
    costs = LayerCosts(tables={"one": table})
    assert costs.speedups([(1, 64)], [(2, 96)]) == {"one": 7 / 4}


def test_widths_become_multiples_of_a_tile() -> None:
    importance = [
        Importance(heads=parts([1], [1], [1]), neurons=parts([1] * 4, [2] * 32, [3] * 32))
    ]
    config = ours(build(SAMPLES["bert"])).config
    steps = list(removals(importance, [1], counted_costs(config)))
    assert {len(each.neurons) for (each,) in steps} == {68, 64, 32}


@pytest.mark.parametrize("name", ["bert", "modernbert", "albert"])
def test_least_squares_bring_states_nearer(name: str) -> None:
    encoder = ours(build(SAMPLES[name]))
    *batches, unseen = random_batches(31)
    kept = [Kept(heads=(0, 2), neurons=tuple(range(48)))] * len(encoder.layers)
    plain, fitted = narrowed(encoder, kept), narrowed(encoder, kept)
    reconstruct(encoder, fitted, batches)
    arguments = (unseen.input_ids, unseen.attention_mask)
    with torch.no_grad():
        wanted, before, after = (each(*arguments) for each in (encoder, plain, fitted))
    counted = unseen.attention_mask.bool()
    errors = [(each - wanted)[counted].square().mean() for each in (before, after)]
    assert errors[1] < 0.9 * errors[0]


def test_an_encoder_that_lost_nothing_stays_as_it_is() -> None:
    encoder = ours(build(SAMPLES["bert"]))
    same = narrowed(encoder, [Kept(heads=(0, 1, 2), neurons=tuple(range(68)))] * 3)
    reconstruct(encoder, same, random_batches(2))
    for name, tensor in same.state_dict().items():
        torch.testing.assert_close(tensor, encoder.state_dict()[name])


def test_a_budget_alone_gives_the_narrowest_that_keeps_it(
    source: Path, texts: Path, tmp_path: Path
) -> None:
    report = edgebert.prune(
        source, tmp_path / "out", texts=texts, budget="cosine>=0.5", progress=False
    )
    assert report.measured["cosine"] >= 0.5
    assert report.multiplications > 1
    assert report.speedups == {}
    assert sum(report.heads) < report.heads_before or sum(report.neurons) < report.neurons_before
    found = read_checkpoint(tmp_path / "out", tasks=checkpoint_tasks())
    assert tuple(len(each.heads) for each in found.config.widths or ()) == report.heads
    assert tuple(each.intermediate for each in found.config.widths or ()) == report.neurons
    (step,) = found.hf_config["edgebert"]["history"]
    assert (step["step"], step["details"]["heads"]) == ("pruned", list(report.heads))


def test_what_keeps_no_budget_is_not_written(source: Path, texts: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckFailedError, match=r"keeps the budget 'cosine>=1'; nearest was"):
        edgebert.prune(source, tmp_path / "out", texts=texts, budget="cosine>=1", progress=False)
    assert not list(tmp_path.iterdir())


def test_recall_is_counted_on_pairs(source: Path, texts: Path, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.jsonl"
    rows = [{"text": each, "positive": f"{each} is far"} for each in TEXTS[:20]]
    pairs.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    budget: dict[str, Any] = {"texts": texts, "evaluation": pairs, "progress": False}
    report = edgebert.prune(source, tmp_path / "out", budget="recall_drop<=100%", **budget)
    assert report.measured["recall"] + report.measured["recall_drop"] <= 1
    with pytest.raises(
        ConfigError, match=r"at least 100 .* has 20, each of 5\.00 points; give more rows"
    ):
        edgebert.prune(source, tmp_path / "no", budget="recall_drop<=1%", **budget)
    rows = [{"text": each, "label": "LABEL_9"} for each in TEXTS[:20]]
    pairs.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with pytest.raises(InputError, match="positive"):
        edgebert.prune(source, tmp_path / "no", budget="recall_drop<=9%", **budget)


def test_pairs_are_compared_as_the_model_is_used(source: Path, tmp_path: Path) -> None:
    """Behind its prompts, and by the dot product where that is its similarity."""
    folder = shutil.copytree(source, tmp_path / "prompted")
    said = {"prompts": {"query": "q: ", "passage": "p: "}, "similarity_fn_name": "dot"}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(said), encoding="utf-8")
    path = tmp_path / "pairs.jsonl"
    rows = [{"text": "a cat", "positive": "far"}, {"text": "a dog", "positive": "red"}]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    found = read_right_answers(path, read_checkpoint(folder, tasks=checkpoint_tasks()))
    assert found == Pairs(
        texts=["q: a cat", "q: a dog"], passages=["p: far", "p: red"], labels=[0, 1], by_dot=True
    )
    assert read_right_answers(path, read_checkpoint(source, tasks=checkpoint_tasks())) == Pairs(
        texts=["a cat", "a dog"], passages=["far", "red"], labels=[0, 1]
    )


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({}, ConfigError, "nothing says how far to prune"),
        ({"speed": 0.9}, ConfigError, "speed is 0.9x, expected more than 1x"),
        ({"speed": float("nan")}, ConfigError, "expected more than 1x"),
        ({"budget": "worst>=0.9"}, ConfigError, "'worst' does not apply to this model; use cosine"),
        ({"budget": "recall_drop<=1%"}, ConfigError, "losses need --eval"),
        ({"budget": "cosine>=0.9", "column_pair": "b"}, ConfigError, "takes no pairs"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(
    given: dict[str, Any],
    error: type[Exception],
    message: str,
    source: Path,
    texts: Path,
    tmp_path: Path,
) -> None:
    with pytest.raises(error, match=message):
        edgebert.prune(source, tmp_path / "out", texts=texts, progress=False, **given)
    assert not list(tmp_path.iterdir())


def test_too_few_texts_are_refused(source: Path, tmp_path: Path) -> None:
    few = tmp_path / "few.txt"
    few.write_text("\n".join(TEXTS[:20]), encoding="utf-8")
    with pytest.raises(InputError, match="17 texts to prune by, and 3 held out; expected at least"):
        edgebert.prune(source, tmp_path / "out", texts=few, budget="cosine>=0.9", progress=False)


def test_limits_are_read() -> None:
    found = parse_limits("cosine>=0.98, recall_drop<=2%", ("cosine",), ("recall_drop",))
    assert found.is_met_by({"cosine": 0.98, "recall_drop": 0.02})
    assert not found.is_met_by({"cosine": 0.97, "recall_drop": 0.0})
    assert not found.is_met_by({"cosine": float("nan"), "recall_drop": 0.0})
    assert not found.is_met_by({"cosine": 1.0, "recall_drop": 0.03})
    assert parse_limits(None, (), ()).is_met_by({})


@pytest.mark.exhaustive
def test_minilm_is_as_fast_in_int8_as_was_asked_for(tmp_path: Path) -> None:
    from benchmarks.texts import package_pairs

    path, pairs = tmp_path / "texts.txt", tmp_path / "pairs.jsonl"
    seen, unseen = package_pairs(500)[:300], package_pairs(500)[300:]
    lines = [" ".join(text.split()) for pair in seen for text in pair]
    path.write_text("\n".join(lines), encoding="utf-8")
    rows = [{"text": short, "positive": long} for short, long in unseen]
    pairs.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    report = edgebert.prune(
        minilm_folder(),
        tmp_path / "out",
        speed=1.2,
        budget="recall_drop<=3%",
        texts=path,
        evaluation=pairs,
    )
    assert set(report.speedups) == {"1x32", "8x128", "mixed"}
    assert min(report.speedups.values()) > 1.15
    assert report.measured["recall_drop"] <= 0.03
    bundle = edgebert.export(tmp_path / "out", tmp_path / "bundle", precision="int8", force=True)
    assert [step.step for step in bundle.manifest.provenance] == ["pruned", "quantized"]
