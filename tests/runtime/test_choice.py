"""The variant that is chosen, for every combination of what is asked for and what is here.

The bundle and the rules below are written by hand; the function under test takes no part in them.
`docs/conformance/choices.md` shows combinations of another manifest, `manifest.json` there;
`python -m tests.runtime.test_choice` writes it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import pytest

from edgebert_runtime import Bundle
from edgebert_runtime.bundle.manifest import Library, Manifest, TaskInfo, Way, read_manifest
from edgebert_runtime.bundle.manifest_values import EXACT_SUMS, NATIVE, STOCK
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.loading.choice import Candidate, Situation, choose
from edgebert_runtime.loading.selection import pick
from tests.support.conformance import BASE, FOLDER
from tests.support.tiny_manifest import tiny_manifest

TABLE: Final = FOLDER / "choices.md"
KERNELS: Final = "some-kernels"

BOTH: Final = {STOCK: Way(), NATIVE: Way()}
HALF: Final = {"precision": "fp16", "needs": "cuda"}
INT8: Final = {"precision": "int8", "recipe": "int8", "instruction_sets": EXACT_SUMS}
NEW: Final = {"target": "cpu", "min_onnxruntime": "1.23.0"}
VARIANTS: Final[Mapping[str, dict[str, Any]]] = {
    "portable": {"min_onnxruntime": "1.17.0"},
    "cpu": NEW,
    "int8": {**INT8, "min_onnxruntime": "1.17.0"},
    "int8-cpu": {**INT8, **NEW},
    "int8-native": {
        **INT8,
        "target": "native",
        "min_onnxruntime": "1.17.0",
        "library": Library(name=KERNELS, version="1.0.0", required=False),
        "ways": BOTH,
    },
    "int8-narrow": {"precision": "int8", "recipe": "int8-dynamic", **NEW},
    "native": {
        "precision": "w8",
        "recipe": "w8",
        "target": "cpu",
        "library": Library(name=KERNELS, version="2.1.0", required=True),
        "ways": {NATIVE: Way()},
    },
    "either": {
        "precision": "w4",
        "recipe": "w4",
        "min_onnxruntime": "1.17.0",
        "library": Library(name=KERNELS, version="1.0.0", required=False),
        "ways": BOTH,
    },
    "fp16": {**HALF, "recipe": "fp16", "target": "cuda"},
    "fp16-packed": {**HALF, "recipe": "fp16-packed", "target": "cuda-packed", "capturable": False},
    "static": {"precision": "int8", "recipe": "int8-static", "min_onnxruntime": "1.17.0"},
    "sorter": {"tasks": ("classify",), "min_onnxruntime": "1.17.0"},
    "attention": {"target": "attention", "min_onnxruntime": "1.17.0"},
}
"""Name → how it differs from a portable fp32 graph that answers `embed` on 1.20.0."""

CPU_AND_OTHERS: Final = {"cpu", "cuda", "openvino", "tensorrt"}
RUNS_ON: Final = {
    **dict.fromkeys(("portable", "either", "sorter", "attention"), CPU_AND_OTHERS),
    **{key: {"cpu"} for key in ("cpu", "int8-cpu", "int8-native", "int8-narrow", "native")},
    "int8": {"cpu", "openvino"},
    **{key: {"cuda"} for key in ("fp16", "fp16-packed")},
    "static": CPU_AND_OTHERS - {"tensorrt"},
}
"""Variant → providers that have its operators, and that it does not refuse."""

ANY: Final = "any"
FP32: Final = {"cpu": ["cpu", "portable", "sorter"], ANY: ["portable", "sorter", "cpu"]}
WITH_KERNELS: Final = "cpu with kernels"
EIGHT: Final = {
    "cpu": ["int8-cpu", "int8", "int8-native", "int8-narrow", "static"],
    WITH_KERNELS: ["int8-native", "int8-cpu", "int8", "int8-narrow", "static"],
    ANY: ["int8", "int8-cpu", "int8-native", "static", "int8-narrow"],
}
ORDER: Final[Mapping[str, Mapping[str, list[str]]]] = {
    "fp32": FP32,
    "int8": EIGHT,
    "fp16": {ANY: ["fp16", "fp16-packed"]},
    **{name: {ANY: [name]} for name in VARIANTS if name not in ("int8", "fp16")},
    "w8": {ANY: ["native"]},
    "w4": {ANY: ["either"]},
    "nothing": {ANY: []},
}
"""What is asked for → provider → the order in which variants are meant."""

PREFERRED: Final = {"cuda": ["fp16-packed", "fp16"]}
DEFAULTS: Final = ("fp32", "int8", "cpu", "fp16-packed", "native")
ENGINES: Final = ("1.16.3", "1.22.0", "1.31.1", None)
SETS: Final = (frozenset[str](), frozenset({"vnni"}), frozenset({"neon"}), None)
LIBRARIES: Final[tuple[dict[str, str], ...]] = ({}, {KERNELS: "1.5.0"}, {KERNELS: "2.1.3"})


def described(default: str = "fp32") -> Manifest:
    plain = tiny_manifest({})
    portable = replace(plain.variants["portable"])
    tasks = {name: TaskInfo(outputs=plain.task.outputs) for name in ("embed", "classify")}
    variants = {name: replace(portable, **changes) for name, changes in VARIANTS.items()}
    return replace(plain, tasks=tasks, variants=variants, default_variant=default)


def situations() -> Iterator[Situation]:
    for values in product(
        ("embed", "classify"),
        ("auto", *ORDER),
        sorted(CPU_AND_OTHERS),
        ENGINES,
        SETS,
        LIBRARIES,
        (False, True),
    ):
        task, asked, provider, engine, sets, libraries, captured = values
        yield Situation(
            task=task,
            asked=asked,
            provider=provider,
            engine=engine,
            instruction_sets=sets,
            libraries=libraries,
            captured=captured,
        )


def expected_order(situation: Situation, default: str) -> list[str]:
    def named(asked: str) -> list[str]:
        orders, provider = ORDER[asked], situation.provider
        if provider == "cpu" and situation.libraries and WITH_KERNELS in orders:
            return orders[WITH_KERNELS]
        return orders.get(provider, orders.get(ANY, []))

    def answering(names: list[str]) -> list[str]:
        tasks = {name: VARIANTS[name].get("tasks", ("embed",)) for name in names}
        return [name for name in dict.fromkeys(names) if situation.task in tasks[name]]

    asked = situation.asked
    if asked != "auto":
        return answering(named(asked)) or ([asked] if asked in VARIANTS else [])
    same = {"cpu": "fp32", "fp16-packed": "fp16", "native": "w8"}.get(default, default)
    preferred = PREFERRED.get(situation.provider, [])
    every = [*named(default), *named(same), *preferred, *named("fp32"), *VARIANTS]
    return [name for name in answering(every) if name != "attention"]


def expected_reason(name: str, situation: Situation) -> str | None:
    """A word of why a variant does not run, by the facts above."""
    fields, sets, engine = VARIANTS[name], situation.instruction_sets, situation.engine
    library, found = fields.get("library"), situation.libraries.get(KERNELS)
    least = {"1.17.0": 17, "1.20.0": 20, "1.23.0": 23}[fields.get("min_onnxruntime", "1.20.0")]
    words = {
        "answers": situation.task not in fields.get("tasks", ("embed",)),
        "needs provider": "needs" in fields and situation.provider != "cuda",
        "operators": situation.provider not in RUNS_ON[name],
        "captured": situation.captured and not fields.get("capturable", True),
        "needs ONNX Runtime": engine is not None and int(engine.split(".")[1]) < least,
        KERNELS: library is not None and library.required and found != "2.1.3",
        "16 bits": situation.provider == "cpu" and sets == frozenset() and name[:4] == "int8",
    }
    if name == "int8-narrow" or (name == "int8-native" and found):
        words["16 bits"] = False
    return next((word for word, holds in words.items() if holds), None)


def expected_way(name: str, situation: Situation) -> str:
    version = situation.libraries.get(KERNELS)
    every = ("1.5.0", "2.1.3")
    natives = {"either": every, "int8-native": every, "native": ("2.1.3",)}
    return NATIVE if version in natives.get(name, ()) else STOCK


@pytest.mark.parametrize("default", DEFAULTS)
def test_every_combination(default: str) -> None:
    manifest, count = described(default), 0
    for situation in situations():
        found = choose(manifest, situation)
        assert [each.name for each in found] == expected_order(situation, default), situation
        for name, way, obstacle in found:
            reason = expected_reason(name, situation)
            assert (obstacle is None) == (reason is None), (name, situation, obstacle)
            assert reason is None or (obstacle and reason in obstacle.reason), (name, situation)
            assert way == expected_way(name, situation)
        count += 1
    assert count == 2 * (1 + len(ORDER)) * 4 * 4 * 4 * 3 * 2


def test_a_default_that_shows_attention_is_never_taken_for_auto() -> None:
    found = choose(described("attention"), Situation(task="embed"))
    assert [each.name for each in found][:2] == expected_order(Situation(task="embed"), "fp32")[:2]
    assert "attention" not in [each.name for each in found]


def test_a_bundle_without_attention_names_the_command_that_adds_it() -> None:
    manifest = described()
    rest = {name: each for name, each in manifest.variants.items() if name != "attention"}
    bundle = Bundle(folder=Path("b"), manifest=replace(manifest, variants=rest))
    with pytest.raises(ConfigError, match=r"^b has no variant 'attention'.*edgebert explain b "):
        pick(bundle, Situation(task="embed", asked="attention"))


def test_what_is_picked_is_the_first_that_runs() -> None:
    bundle = Bundle(folder=Path("b"), manifest=described("int8"))
    for situation in situations():
        running = [each for each in choose(bundle.manifest, situation) if each.obstacle is None]
        if running:
            assert pick(bundle, situation) == running[0]


def test_a_name_that_is_a_precision_can_mean_the_variant() -> None:
    manifest = described()
    situation = Situation(task="embed", asked="int8", exact=True)
    assert choose(manifest, situation) == [Candidate("int8", STOCK, None)]
    assert choose(manifest, replace(situation, exact=False))[0].name == "int8-cpu"


def test_a_variant_of_the_precisions_name_goes_before_others_of_its_rank() -> None:
    manifest = described()
    mine = replace(manifest.variants["int8"], target="cpu")
    variants = {"mine": mine, "int8": mine}
    found = choose(replace(manifest, variants=variants), Situation(task="embed", asked="int8"))
    assert [each.name for each in found] == ["int8", "mine"]


def test_a_request_that_nothing_fits_lists_what_there_is() -> None:
    bundle = Bundle(folder=Path("b"), manifest=described())
    with pytest.raises(ConfigError, match=r"^b has no variant 'nothing'; it has attention, cpu, "):
        pick(bundle, Situation(task="embed", asked="nothing"))


# The table for people, and for readers in other languages


class Row(NamedTuple):
    """A line of the table."""

    task: str
    asked: str
    provider: str
    engine: str
    instruction_sets: str
    library: str
    captured: str
    runs: str
    reason: str


def rows(folder: Path) -> Iterator[Row]:
    (folder / "edgebert.json").write_text(json.dumps(BASE), encoding="utf-8")
    manifest = read_manifest(folder)
    for engine, sets, libraries in product(("1.16.3", "1.22.0", "1.31.1"), HERE, VERSIONS):
        for task, asked, provider, captured in REQUESTS:
            situation = Situation(
                task=task,
                asked=asked,
                provider=provider,
                engine=engine,
                instruction_sets=frozenset(sets),
                libraries=libraries,
                captured=captured,
            )
            found = choose(manifest, situation)
            runs = next((f"{name} ({way})" for name, way, no in found if no is None), "nothing")
            name, _, obstacle = found[0]
            reason = "" if obstacle is None else f"{name} {obstacle.reason}"
            yield Row(
                *(task, asked, provider, engine, " ".join(sets)),
                " ".join(f"{name} {version}" for name, version in libraries.items()),
                "yes" if captured else "",
                runs,
                reason.partition(":")[0],
            )


HERE: Final = ((), ("vnni",))
VERSIONS: Final[tuple[dict[str, str], ...]] = ({}, {"example-kernels": "1.2.0"})
REQUESTS: Final = (
    ("embed", "auto", "cpu", False),
    ("embed", "fp32", "cpu", False),
    ("embed", "int8", "cpu", False),
    ("embed", "int8-kernels", "cpu", False),
    ("embed", "fp16", "cpu", False),
    ("classify", "auto", "cpu", False),
    ("classify", "int8", "cpu", False),
    ("embed", "auto", "cuda", False),
    ("embed", "fp16", "cuda", False),
    ("embed", "fp16", "cuda", True),
    ("embed", "auto", "openvino", False),
    ("embed", "cpu", "openvino", False),
    ("embed", "attention", "cpu", False),
    ("embed", "attention", "openvino", False),
)
"""Task, what is asked for, provider, and whether runs are captured."""


def table(folder: Path) -> str:
    """The text of `choices.md`: what is chosen of `manifest.json`."""
    heads = ("task", "asked", "provider", "ONNX Runtime", "instruction sets", "library", "captured")
    every = [(*heads, "runs", "why not the first"), ("---",) * len(Row._fields), *rows(folder)]
    return "".join(f"| {' | '.join(line)} |\n" for line in every)


def test_the_table_in_docs_is_up_to_date(tmp_path: Path) -> None:
    found = TABLE.read_text(encoding="utf-8")
    assert found == table(tmp_path), "run python -m tests.runtime.test_choice"


if __name__ == "__main__":
    with TemporaryDirectory() as made:
        TABLE.write_text(table(Path(made)), encoding="utf-8")
