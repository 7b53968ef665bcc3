"""Which cases a whole run consists of, and how thoroughly each is measured."""

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Final

from benchmarks import native_products
from benchmarks.cases import accuracy, growth, latency, limits, load, start, throughput
from benchmarks.engines import ENGINES, warm_folder
from benchmarks.models import MODELS, MODERNBERT_SMALL
from benchmarks.pairing import PeerError
from benchmarks.records import Record
from benchmarks.scale import batch, batch_plan, server
from benchmarks.systems import ENCODERS, encoder
from edgebert_runtime.engine.threads import usable_cores

MINILM, BERT_BASE = MODELS["minilm"], MODELS["bert-base"]

EVERY_CORE: Final = (usable_cores(),)

Step = Callable[[], Record]

ALL: Final[Sequence[Step]] = (
    partial(latency.measure, MINILM, rounds=3),
    partial(latency.measure, BERT_BASE, rounds=3),
    partial(throughput.measure, rounds=3),
    partial(load.measure, rounds=2),
    partial(start.measure, MINILM, rounds=5),
    partial(start.measure, BERT_BASE, rounds=5),
    partial(accuracy.measure, rounds=3, texts=240, pairs=300),
    partial(growth.sequence, rounds=2),
    partial(growth.batch, rounds=2),
    partial(growth.cores, rounds=2),
    partial(growth.long, rounds=2),
    partial(growth.texts, rounds=2),
    partial(limits.measure, MINILM, rounds=5),
    partial(limits.measure, BERT_BASE, rounds=5),
)
"""Under 40 minutes on two cores, once environments and graphs are there; decision 0013."""

QUICK: Final[Sequence[Step]] = (
    partial(
        latency.measure, MINILM, rounds=2, shapes=("1x8", "1x128", "8x128"), threads=EVERY_CORE
    ),
    partial(throughput.measure, rounds=2, streams=("mixed",), cores=EVERY_CORE),
    partial(start.measure, MINILM, rounds=3),
)
"""Enough to see whether something broke."""

LONG: Final[Sequence[Step]] = (
    partial(accuracy.measure, rounds=7),
    partial(growth.million, rounds=1),
)
"""What takes longer than the rest deserves."""

SCALE: Final[Sequence[Step]] = (
    partial(server.measure, rounds=5),
    partial(batch.measure, rounds=3),
    batch_plan.measure,
)
"""Servers, batch jobs on each engine, and what a driver does for 10⁹ rows."""

PLANS: Final[Mapping[str, Sequence[Step]]] = MappingProxyType(
    {"all": ALL, "quick": QUICK, "long": LONG, "scale": SCALE}
)


def prepare_all() -> None:
    """Make what systems need, and say what is not to be had; cases say so again."""
    steps: list[Callable[[], object]] = [
        partial(each.prepare, model) for model in MODELS.values() for each in ENCODERS
    ]
    steps += [engine.prepare for engine in ENGINES.values()]
    steps += [partial(each.prepare, accuracy.MODEL) for each in accuracy.systems()]
    steps += [partial(encoder(name).prepare, MODERNBERT_SMALL) for name in growth.LONG_SYSTEMS]
    steps += [
        partial(warm_folder, MODELS[name], variant, tune=False)
        for name, variant in start.VARIANTS.items()
    ]
    steps.append(native_products.driver)
    for step in steps:
        try:
            step()
        except PeerError as error:
            print(error, file=sys.stderr)
