"""Searches for the cheapest quantization that keeps a budget, on a tiny model."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from typer.testing import CliRunner

import edgebert
import edgebert_quantize
from edgebert import VerifyReport
from edgebert.cli.app import app
from edgebert.workflow.accuracy import AccuracyCheck
from edgebert_quantize import RECIPES
from edgebert_quantize.calibration.text_split import Feeder, default_text_split
from edgebert_quantize.evaluation.accuracy import ACCURACY, Accuracy
from edgebert_quantize.evaluation.agreement import AgreementEvaluator
from edgebert_quantize.evaluation.labelled_data import Labelled, read_labelled
from edgebert_quantize.evaluation.target_cpu import this_cpu
from edgebert_quantize.search.budget import parse_budget
from edgebert_quantize.search.search import without
from edgebert_quantize.search.trials import Evaluator
from edgebert_quantize.similarity import SimilarityMetric, comparison_of
from edgebert_runtime import Bundle, load
from edgebert_runtime.errors import BudgetError, ConfigError, InputError, QualityError
from tests.support.bundle_files import files_of
from tests.support.families import SAMPLES, build_with_head, save
from tests.support.tiny_encoder import WORDS

UNTIMED = "avx2"
"""A class of CPU for which nothing is timed where the tests run."""


@pytest.fixture
def fp32(tiny_exported: Bundle, tmp_path: Path) -> Bundle:
    return Bundle.open(shutil.copytree(tiny_exported.folder, tmp_path / "copy"))


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared, so that layers are measured once for all tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("classifier")
    source = save(build_with_head(SAMPLES["bert"], "classify", num_labels=3), folder / "source")
    return edgebert.export(source, folder / "bundle", task="classify")


def labelled_file(bundle: Bundle, path: Path, count: int = 60) -> Path:
    """Texts with the labels that fp32 gives them, so that its accuracy is 1."""
    words = WORDS.split()[:20]
    texts = [f"{words[n % 20]} {words[n * 7 % 19]} {words[n * 3 % 17]}" for n in range(count)]
    labels = [found.best.label for found in load(bundle, task="classify").classify(texts)]
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label"])
        rows.writerows(zip(texts, labels, strict=True))
    return path


def test_what_the_cheapest_keeps_is_the_cheapest(fp32: Bundle, cache: Path) -> None:
    search = edgebert.quantize_within(fp32, "cosine>=0.5", cpu=UNTIMED, cache_dir=cache)
    assert search.chosen == search.frontier[0]
    assert set(search.frontier[0].assignment.schemes) == {"per_tensor_static"}
    assert list(search.frontier[-1].assignment.counts)[-1] == "float"
    sizes = [point.size_bytes for point in search.frontier]
    assert max(sizes) == sizes[-1]
    means = [point.measured.mean for point in search.frontier]
    assert means[-1] > means[0]
    assert all(point.speed is None for point in search.frontier)


def test_a_budget_between_the_ends_is_kept_and_recorded(
    fp32: Bundle, tiny_folder: Path, tmp_path: Path, cache: Path
) -> None:
    other = Bundle.open(shutil.copytree(fp32.folder, tmp_path / "other"))
    seen = edgebert.quantize_within(other, "cosine>=0.5", cpu=UNTIMED, cache_dir=cache).frontier
    limit = (seen[0].measured.mean + seen[-1].measured.mean) / 2
    budget = f"cosine>={limit:.7f}"
    search = edgebert.quantize_within(fp32, budget, cpu=UNTIMED, cache_dir=cache)
    assert search.chosen is not None
    assert search.chosen.assignment.counts != seen[0].assignment.counts
    assert search.chosen.measured.mean >= limit
    before = search.frontier[search.frontier.index(search.chosen) - 1]
    assert before.measured.mean < limit
    variant = search.bundle.manifest.variants["int8-cpu"]
    quality = variant.way.quality
    assert quality is not None
    assert quality["budget"] == budget
    assert quality["layers"] == dict(search.chosen.assignment.counts)
    assert quality["floor"]["mean"] == pytest.approx(limit, abs=1e-7)
    assert quality["mean"] == pytest.approx(search.chosen.measured.mean)
    assert load(search.bundle, "int8").info().variant == "int8-cpu"
    assert edgebert.verify(search.bundle, against=tiny_folder).variants["int8-cpu"].worst > 0.9


def test_a_second_search_measures_nothing_again(
    fp32: Bundle, cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = Bundle.open(shutil.copytree(fp32.folder, tmp_path / "other"))
    first = edgebert.quantize_within(other, "cosine>=0.5", cpu=UNTIMED, cache_dir=cache)
    monkeypatch.delattr(Evaluator, "loss")
    monkeypatch.delattr(Evaluator, "measure")
    again = edgebert.quantize_within(fp32, "cosine>=0.5", cpu=UNTIMED, cache_dir=cache)
    assert again.frontier == first.frontier


def test_a_budget_that_nothing_keeps_writes_nothing(fp32: Bundle, cache: Path) -> None:
    before = files_of(fp32)
    with pytest.raises(
        BudgetError, match=r"no assignment meets 'cosine>=1'; the best has .* float"
    ) as caught:
        edgebert.quantize_within(fp32, "cosine>=1", cpu=UNTIMED, cache_dir=cache)
    assert files_of(fp32) == before
    assert caught.value.search.chosen is None
    assert len(caught.value.search.frontier) >= 3


def test_points_are_timed_in_processes_of_their_own(
    fp32: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One round each is enough here; that rounds alternate is tested with the timing."""
    monkeypatch.setattr("edgebert_quantize.evaluation.speed.ROUNDS", 1)
    monkeypatch.setattr("edgebert_quantize.evaluation.speed.SECONDS", 0.05)
    monkeypatch.setattr("edgebert_quantize.search.explore.SEGMENTS", 1)
    search = edgebert.quantize_within(fp32, "cosine>=0.5", cache_dir=tmp_path / "cache", force=True)
    assert search.chosen is not None
    ratio, reference = search.chosen.over_fp32, search.reference_ms
    assert ratio is not None
    assert reference is not None
    assert search.milliseconds(search.chosen) == ratio * reference > 0
    assert search.row(search.chosen)[3:5] == [f"{ratio * reference:.2f}", f"{ratio:.2f}"]
    assert search.bundle.manifest.variants["int8-cpu"].way.speed == {
        "over_fp32": ratio, "rounds": 1, "cpu": this_cpu(),
    }  # fmt: skip


@pytest.fixture(scope="session")
def searched(
    classifier: Bundle, tmp_path_factory: pytest.TempPathFactory, cache: Path
) -> edgebert_quantize.Search:
    """A classifier within a budget on accuracy; shared, so never write into its bundle."""
    folder = tmp_path_factory.mktemp("searched")
    bundle = Bundle.open(shutil.copytree(classifier.folder, folder / "copy"))
    return edgebert.quantize_within(
        bundle,
        "accuracy_drop<=1.7%, scores>=0.5",
        evaluation=labelled_file(bundle, folder / "data.csv"),
        cpu=UNTIMED,
        cache_dir=cache,
    )


def test_accuracy_on_ones_own_labels(searched: edgebert_quantize.Search) -> None:
    assert searched.exact.accuracy == Accuracy(rows=60, fp32_right=60, lost=0, gained=0, flipped=0)
    assert searched.chosen is not None
    accuracy = searched.chosen.measured.accuracy
    assert accuracy is not None
    assert (accuracy.lost <= 1, accuracy.flipped) == (True, accuracy.lost)
    assert str(accuracy) in str(searched)
    quality = searched.bundle.manifest.variants["int8-cpu"].way.quality
    assert quality is not None
    assert quality["accuracy"] == {
        "fp32": 1.0,
        "quantized": accuracy.quantized,
        "rows": 60,
        "drop": accuracy.drop,
        "error": accuracy.error,
        "flipped": accuracy.flipped,
    }
    assert f"{accuracy} |" in (searched.bundle.folder / "README.md").read_text(encoding="utf-8")


def test_answers_are_measured_and_kept(searched: edgebert_quantize.Search) -> None:
    quality = searched.bundle.manifest.variants["int8-cpu"].way.quality
    assert quality is not None
    assert searched.chosen is not None
    agreement = searched.chosen.measured.agreement
    assert agreement is not None
    assert quality["agreement"] == agreement.to_dict()
    assert (agreement.metric, agreement.counted) == ("labels", 256)
    assert quality["floor"]["agreement"] == RECIPES["int8"].agreement["answers"]
    assert searched.exact.agreement == replace(agreement, value=1.0, flipped=0)
    schema = json.loads(Path("docs/bundle.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(json.loads(searched.bundle.manifest.to_json()), schema)


def test_a_budget_that_the_rows_cannot_resolve_changes_nothing(
    classifier: Bundle, tmp_path: Path
) -> None:
    file, before = labelled_file(classifier, tmp_path / "data.csv"), files_of(classifier)
    with pytest.raises(ConfigError, match=r"needs at least 1000 labelled rows, data.csv has 60"):
        edgebert.quantize_within(classifier, "accuracy_drop<=0.1%", evaluation=file)
    assert files_of(classifier) == before


def test_verify_measures_accuracy_again(
    searched: edgebert_quantize.Search,
    classifier: Bundle,
    tmp_path: Path,
) -> None:
    source, folder = classifier.folder.parent / "source", searched.bundle.folder
    kept = folder.parent / "data.csv"
    report = edgebert.verify(folder, source, evaluation=kept)
    assert report.passed
    found = report.to_dict()["variants"]["int8-cpu"]["accuracy"]
    assert (found["rows"], found["budget"]) == (60, "accuracy_drop<=1.7%, scores>=0.5")
    assert report.accuracy["cpu"].accuracy.flipped == 0
    assert "of 60 rows" in str(report)
    arguments = ["verify", str(folder), "--against", str(source), "--eval"]
    few = labelled_file(classifier, tmp_path / "few.csv", count=58)
    refused = CliRunner().invoke(app, [*arguments, str(few)])
    assert "needs at least 59 labelled rows, few.csv has 58" in refused.stderr
    assert refused.exit_code == 2


def test_an_accuracy_budget_that_does_not_hold_fails() -> None:
    lost = Accuracy(rows=300, fp32_right=290, lost=7, gained=1, flipped=9)
    budget = parse_budget("accuracy_drop<=2%", SimilarityMetric.SCORES)
    assert AccuracyCheck(share=ACCURACY, accuracy=lost, data="new.csv", budget=budget).passed
    stricter = parse_budget("accuracy_drop<=1.9%", SimilarityMetric.SCORES)
    failed = AccuracyCheck(share=ACCURACY, accuracy=lost, data="new.csv", budget=stricter)
    report = VerifyReport(variants={}, accuracy={"int8": failed})
    assert not report.passed
    with pytest.raises(
        QualityError, match=r"'int8': accuracy on new.csv is 2.00 ± 0.99 points, 6 of 300 rows bel"
    ):
        report.require()
    assert AccuracyCheck(share=ACCURACY, accuracy=lost, data="new.csv", budget=None).passed


def test_the_best_answer_by_hand() -> None:
    logits = iter([[[1.0, 2.0]], [[3.0, 2.0]], [[0.0, 9.0]], [[5.0, 1.0]]])
    labelled = Labelled(items=("",) * 4, labels=(0,) * 4, source="here")
    assert labelled.answers(lambda _: [np.array(next(logits))], [{}] * 4) == [1, 0, 1, 0]


def test_pairs_are_read_where_the_file_has_them(classifier: Bundle, tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    label = classifier.manifest.task.head.labels[1] if classifier.manifest.task.head else ""
    file.write_text(f'{{"text": "a cat", "text_pair": "a dog", "label": "{label}"}}\n')
    found = read_labelled(file, classifier)
    assert (found.items, found.labels) == ((("a cat", "a dog"),), (1,))


def test_a_row_without_its_second_text_is_an_error(classifier: Bundle, tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    label = classifier.manifest.task.head.labels[1] if classifier.manifest.task.head else ""
    rows = [f'{{"text": "a", "text_pair": "b", "label": "{label}"}}']
    file.write_text("\n".join([*rows, f'{{"text": "a", "label": "{label}"}}']))
    with pytest.raises(InputError, match="line 2 has no column 'text_pair'"):
        read_labelled(file, classifier)


def test_labelled_texts_are_not_calibrated_on() -> None:
    samples = default_text_split()
    texts = samples.calibration[:3]
    labelled = Labelled(items=(texts[0], (texts[1], "other")), labels=(0, 0), source="here")
    assert without(samples, labelled).calibration == samples.calibration[2:]
    with pytest.raises(ConfigError, match="all calibration texts are in here"):
        without(replace(samples, calibration=texts[:2]), labelled)


def test_the_evaluator_of_a_search_can_fail(fp32: Bundle, tmp_path: Path) -> None:
    """A graph whose layers are all zero is far from fp32."""
    from edgebert_quantize.rewrite.rewrite import Output, prepare_graph, write_graphs

    path, feeder = fp32.path_of("onnx/model_cpu.onnx"), Feeder.of(fp32)
    recipe, samples = RECIPES["int8-dynamic"], default_text_split()
    prepared = prepare_graph(path, tmp_path, recipe, list, 127)
    for layer in prepared.layers:
        layer.columns[:] = 0
    broken = tmp_path / "broken.onnx"
    write_graphs(
        prepared, [Output(broken)], ["per_tensor_dynamic"] * len(prepared.layers), tables=False
    )
    agreements = AgreementEvaluator(fp32, path, samples.quality)
    evaluator = Evaluator(path, comparison_of(fp32.manifest), feeder, samples, None, agreements)
    assert evaluator.measure(broken).mean < 0.9
    assert evaluator.loss(broken) > 0.1
    assert evaluator.measure(path).worst == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("budget", "recipe", "evaluation", "message"),
    [
        ("cosine>=0.9", "int4", None, "recipe 'int4' has no schemes to search"),
        ("cosine>=0.9", "embeddings-int8", None, "has no schemes to search; use int8"),
        ("scores>=0.9", "int8", None, "'scores' does not apply to this model"),
        ("agreement>=0.9", "int8", None, "'agreement' does not apply to this model"),
        ("accuracy_drop<=1%", "int8", None, "classifier of one label per text; .* is embed"),
        ("cosine>=0.9", "int8", "x.csv", r"\(--eval\) go together"),
        ("accuracy_drop<=1%", "int8", "x.csv", "classifier of one label per text; .* is embed"),
    ],
)
def test_what_does_not_go_together_is_refused(
    fp32: Bundle, budget: str, recipe: str, evaluation: str | None, message: str
) -> None:
    before = files_of(fp32)
    with pytest.raises(ConfigError, match=message):
        edgebert.quantize_within(fp32, budget, recipe, evaluation=evaluation)
    assert files_of(fp32) == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text,label\na cat,good\n", r"row 1 has the label 'good', the bundle has LABEL_0, "),
        ("text,label\n", "has no rows"),
        ("text\na cat\n", "has no column 'label'"),
    ],
)
def test_bad_labelled_files_are_named(
    classifier: Bundle, tmp_path: Path, content: str, message: str
) -> None:
    file = tmp_path / "data.csv"
    file.write_text(content)
    with pytest.raises(InputError, match=message):
        read_labelled(file, classifier)


def test_the_command_shows_the_frontier_and_draws_it(
    fp32: Bundle, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEBERT_CACHE", str(cache))
    page = tmp_path / "frontier.html"
    arguments = ["quantize", str(fp32.folder), "--cpu", UNTIMED, "--html", str(page)]
    arguments += ["--json", str(tmp_path / "search.json")]
    failed = CliRunner().invoke(app, [*arguments, "--budget", "cosine>=1"])
    assert failed.exit_code == 1
    assert failed.stderr.splitlines()[-1].startswith("edgebert: no assignment meets")
    assert "No graph meets" in page.read_text(encoding="utf-8")
    done = CliRunner().invoke(app, [*arguments, "--budget", "cosine>=0.5"])
    assert done.exit_code == 0, done.exception
    assert "→" in done.stdout
    assert "static" in done.stdout
    drawn = page.read_text(encoding="utf-8")
    assert "cosine&gt;=0.5" in drawn
    assert drawn.count("<svg") == 2  # nothing was timed; a wide one and a narrow one
    assert ">fp32</" in drawn
    assert "<td>yes</td>" in drawn
    again = ["report", str(tmp_path / "search.json"), "-o", str(page), "--overwrite"]
    assert CliRunner().invoke(app, again).exit_code == 0
    assert page.read_text(encoding="utf-8") == drawn


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["model.onnx", "--budget", "cosine>=1"], "are only for bundles"),
        (["bundle", "--html", "a.html"], "--eval, --html and --json need --budget"),
        (["bundle", "--budget", "cosine>=1", "--html", "no/where/a.html"], "cannot be written"),
    ],
)
def test_wrong_options_of_the_command(arguments: list[str], message: str) -> None:
    wrong = CliRunner().invoke(app, ["quantize", *arguments])
    assert wrong.exit_code == 2
    assert message in wrong.stderr
