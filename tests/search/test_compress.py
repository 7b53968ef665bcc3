"""A search from a checkpoint to a bundle, on a small model with random weights."""

import csv
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner

import edgebert
from edgebert.cli.app import app
from edgebert.search import compressing, making
from edgebert.search.corpus import write_corpus
from edgebert.search.measuring import Meter
from edgebert.search.page import page
from edgebert.search.steps import STEPS, Making, Step
from edgebert_runtime import Bundle, load
from edgebert_runtime.errors import BudgetError, BundleExistsError, ConfigError, InputError
from tests.support.families import SAMPLES, build, build_with_head, save
from tests.support.reports import COMPRESSION
from tests.support.tiny_encoder import WORDS

NAMES = {step.name for step in STEPS}
WHOLE = ["small", "cat", "dog", "sat", "mat", "ran", "far", "over", "red", "blue", "is", "it"]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(build(SAMPLES["bert"]), tmp_path_factory.mktemp("source") / "bert")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """80 texts, and 40 pairs of others."""
    folder, draw = tmp_path_factory.mktemp("files"), random.Random(0)
    texts = dict.fromkeys(" ".join(draw.choices(WHOLE, k=6)) for _ in range(200))
    chosen = list(texts)[:120]
    (folder / "texts.txt").write_text("\n".join(chosen[40:]))
    with (folder / "pairs.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "positive"])
        rows.writerows((text, f"{text} {WORDS.split()[7]}") for text in chosen[:40])
    return {"texts": folder / "texts.txt", "evaluation": folder / "pairs.csv"}


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each step, export, quantization and measurement really ran.

    Pruning is left out: it goes by times, which a busy machine may refuse.
    """
    counted: Counter[str] = Counter()

    def counting(name: str, run: Callable[..., Any]) -> Callable[..., Any]:
        def counts(*given: Any, **named: Any) -> Any:
            found = run(*given, **named)
            counted[name] += 1  # what was interrupted has not been done
            return found

        return counts

    def step(each: Step) -> Step:
        def run(made: Making) -> None:
            counting(f"{each.name} {made.out.parent.name}", each.run)(made)

        return replace(each, run=run)

    untimed = (step(each) for each in STEPS if each.name not in ("pruned", "recovered"))
    monkeypatch.setattr(compressing, "STEPS", tuple(untimed))
    for name in ("export", "quantize_bundle"):
        real = getattr(making, name)
        monkeypatch.setattr(making, name, counting(name, real))
    monkeypatch.setattr(Meter, "trial", counting("trial", Meter.trial))
    return counted


def interrupting(line: str) -> Callable[[str], None]:
    """Progress that is interrupted where a line is told."""

    def tell(step: str) -> None:
        if step.startswith(line):
            raise KeyboardInterrupt

    return tell


@pytest.mark.slow
def test_a_search_ends_with_a_bundle_and_repeats_nothing(
    source: Path, files: dict[str, Path], done: Counter[str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    unchanged = edgebert.export(source, tmp_path / "unchanged", precision="fp32")
    size = unchanged.size_bytes(unchanged.manifest.variants["cpu"]) / 1e6
    options: dict[str, Any] = {"budget": "recall_drop<=100%", "size_mb": 0.55 * size, **files}
    for line in ("measuring it in int8", "trimmed"):
        with pytest.raises(KeyboardInterrupt):
            edgebert.compress(source, out, progress=interrupting(line), **options)
        assert not out.exists()
    report = edgebert.compress(source, out, progress=False, **options)
    assert set(Counter(dict(done)).values()) >= {1}
    assert all(done[name] == 1 for name in done if name.split()[0] in NAMES)
    assert done["trial"] == len(report.trials)
    assert done["export"] == len({trial.steps for trial in report.trials})
    before = Counter(done)
    again = edgebert.compress(source, tmp_path / "again", work=tmp_path / "out.work", **options)
    assert done == before
    assert (again.trials, again.chosen) == (report.trials, report.chosen)
    check_written(report, Bundle.open(out))


def check_written(report: edgebert.CompressReport, bundle: Bundle) -> None:
    """The bundle is what was chosen, and says how it came about."""
    chosen = report.require()
    assert report.keeps(chosen)
    assert report.aims.missed(chosen) == frozenset()
    assert bundle.manifest.default_variant == chosen.precision
    steps = [step.step for step in bundle.manifest.provenance]
    made = [name.split()[0].replace("recovered", "distilled") for name in chosen.steps]
    assert steps[: len(made)] == made
    last = bundle.manifest.provenance[-1]
    assert (last.step, last.budget) == ("compressed", report.budget.text)
    assert last.details["steps"] == list(chosen.steps)
    schema = json.loads(Path("docs/bundle.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(json.loads(bundle.manifest.to_json()), schema)
    with load(bundle) as model:
        assert model.info().precision == chosen.precision
        assert len(model.embed(["a small cat"])) == 1


@pytest.mark.slow
def test_where_nothing_reaches_the_aims_the_frontier_is_shown(
    source: Path, files: dict[str, Path], tmp_path: Path
) -> None:
    out, html = tmp_path / "out", tmp_path / "search.html"
    arguments = ["compress", str(source), str(out), "--budget", "recall_drop<=10%"]
    arguments += ["--eval", str(files["evaluation"]), "--size-mb", "0.001", "--html", str(html)]
    failed = CliRunner().invoke(app, arguments)
    assert failed.exit_code == 1, failed.exception
    assert "unchanged" in failed.stdout
    assert "nothing that was tried is 0.001 MB within 'recall_drop<=10%'" in failed.stderr
    assert not out.exists()
    assert "Nothing is 0.001 MB" in html.read_text(encoding="utf-8")
    short = ["--time", "0.0001", "--texts", str(files["texts"]), "--work", str(tmp_path / "other")]
    over = CliRunner().invoke(app, [*arguments, *short])
    assert over.exit_code == 1
    assert "the time was over: run the same command again" in over.stderr


@pytest.mark.slow
def test_a_pruned_model_learns_from_the_one_before(
    source: Path, files: dict[str, Path], tmp_path: Path
) -> None:
    corpus = tmp_path / "texts.jsonl"
    write_corpus(corpus, files["texts"].read_text().splitlines())
    pruned = tmp_path / "pruned"
    edgebert.prune(source, pruned, texts=corpus, budget="cosine>=0.1", progress=False)
    (recovered,) = (step for step in STEPS if step.recovers)
    made = Making(
        made={"": source, "pruned": pruned},
        out=tmp_path / "recovered",
        options={"epochs": 1, "max_length": 16},
        corpus=corpus,
        task="embed",
        tell=lambda _: None,
    )
    recovered.run(made)
    before, after = (json.loads((each / "config.json").read_text()) for each in (pruned, made.out))
    steps = [step["step"] for step in after["edgebert"]["history"]]
    assert steps == ["pruned", "distilled"]
    assert before["edgebert"].keys() <= after["edgebert"].keys()  # its widths among them


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({}, ConfigError, "nothing says what the result has to reach"),
        ({"speed": 2, "budget": "cosine>=0.9"}, ConfigError, "'cosine' does not apply"),
        ({"speed": 2, "budget": "accuracy_drop<=3%"}, ConfigError, "write recall_drop"),
        ({"speed": 2, "budget": "recall_drop<=1%"}, ConfigError, "at least 100 labelled rows"),
        ({"speed": 2, "minutes": 0}, ConfigError, "minutes is 0, expected more than 0"),
        ({"speed": 2, "texts": "none.txt"}, InputError, "none.txt"),
        ({"speed": 2, "evaluation": "none.csv"}, InputError, "none.csv"),
    ],
)  # fmt: skip
def test_bad_arguments_change_nothing(
    source: Path,
    files: dict[str, Path],
    tmp_path: Path,
    changes: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    given = {"budget": "recall_drop<=10%", **files, **changes}
    with pytest.raises(error, match=message):
        edgebert.compress(source, tmp_path / "out", **given)
    assert list(tmp_path.iterdir()) == []


def test_a_tagger_has_no_such_budget(files: dict[str, Path], tmp_path: Path) -> None:
    tagger = save(build_with_head(SAMPLES["bert"], "tag"), tmp_path / "tagger")
    with pytest.raises(ConfigError, match="for embed; it has neither"):
        edgebert.compress(tagger, tmp_path / "out", budget="accuracy_drop<=10%", speed=2, **files)


def test_a_bundle_that_is_there_stays(source: Path, files: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("keep")
    with pytest.raises(BundleExistsError):
        edgebert.compress(source, tmp_path / "out", budget="recall_drop<=10%", speed=2, **files)
    assert (tmp_path / "out" / "mine.txt").read_text() == "keep"


def test_the_report_names_the_best_where_nothing_succeeds() -> None:
    failed = replace(COMPRESSION, chosen=None, out=None, ended=False)
    with pytest.raises(
        BudgetError, match=r"nothing .* is 2x as fast, 14 MB within .*; the fastest .* is "
        r"trimmed .*, int8: 1.90x, 13.5 MB\. Nothing was written, and the time was over",
    ):  # fmt: skip
        failed.require()


def test_a_page_has_every_model_and_the_budget() -> None:
    drawn = page(COMPRESSION, "mine")
    assert drawn.answer.startswith(
        "trimmed 7,630 tokens + distilled 3 layers, int8: 1.90x, 13.5 MB"
    )
    chart = drawn.chart
    assert chart is not None
    named = {
        series.name: [(point.x, point.y) for point in series.points] for series in chart.series
    }
    assert named["int8"] == [(3.0, pytest.approx(1.0))]
    assert named["chosen"] == named["int8"]
    assert [y for _, y in named["budget"]] == [pytest.approx(3.0)] * 2
    assert "1.90x" in str(COMPRESSION)
