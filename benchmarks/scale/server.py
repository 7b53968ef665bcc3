"""A server under clients: answers a second, waits and CPU time, beside the same model offline."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.engines import MINILM, OURS, our_folder, warm_folder
from benchmarks.environments import interpreter
from benchmarks.machine import ROOT
from benchmarks.pairing import PeerError, in_turn
from benchmarks.peers.engines import GRAPH_CACHE
from benchmarks.records import Record, new_record, rows_of
from benchmarks.scale.servers import CONTENDERS, NATIVE, STOCK, Contender, Server, running
from benchmarks.texts import mixed_texts

CASE: Final = "server"
COMMAND: Final = "python -m benchmarks scale server"
GENERATOR: Final = Path(__file__).with_name("load_generator.py")
LIMIT_S: Final = 600.0
TEXTS: Final = 2048
SECONDS: Final = 20.0
"""After which a scenario asks no more; a server that is that slow has answers enough by then."""

OVERLOAD: Final = 4
"""Times what the model does offline."""

OVERLOAD_CLIENTS: Final = 512
OVERLOAD_SECONDS: Final = 4.0
FAST: Final = "serve-fast"
"""The environment of httptools, uvloop and orjson."""


@dataclass(frozen=True)
class Scenario:
    """Clients that ask as soon as they are answered.

    Attributes:
        clients: how many.
        texts: of a request.
        requests: in all.
        beside: texts of the requests of one further client, whose answers are not counted.
    """

    clients: int
    texts: int
    requests: int
    beside: int = 0


SCENARIOS: Final[Mapping[str, Scenario]] = {
    "1x1": Scenario(clients=1, texts=1, requests=600),
    "8x1": Scenario(clients=8, texts=1, requests=1500),
    "64x1": Scenario(clients=64, texts=1, requests=3000),
    "8x16": Scenario(clients=8, texts=16, requests=240),
    "8x1 beside 2048": Scenario(clients=8, texts=1, requests=1500, beside=TEXTS),
}
"""Clients x texts of a request; memory is told as it is after 64 clients, so what takes more comes
later."""

MOST_CLIENTS: Final = "64x1"


@dataclass(frozen=True)
class Setting:
    """What is asked of all servers.

    Attributes:
        bundle: that they open.
        texts: one or more.
        environment: variables of every process.
        share: of each scenario's requests that are made, above 0 and up to 1.
        folder: for files of bodies.
    """

    bundle: Path
    texts: Sequence[str]
    environment: Mapping[str, str]
    share: float
    folder: Path


def measure(*, rounds: int, only: Sequence[str] = (), share: float = 1.0) -> Record:
    """Measure servers of MiniLM in turn, and the model offline in the same turns.

    Raises:
        PeerError: the environment of the parsers cannot be made.
    """
    bundle = warm_folder(MINILM, OURS.rpartition("_")[2])
    environment = {
        "EDGEBERT_CACHE": str(our_folder().with_name(f"{bundle.name}-{GRAPH_CACHE}")),
        "PYTHONPATH": os.pathsep.join([*filter(None, sys.path), str(_site_packages())]),
    }
    texts = mixed_texts(TEXTS)
    return measure_bundle(bundle, texts, environment, rounds=rounds, only=only, share=share)


def measure_bundle(
    bundle: Path,
    texts: Sequence[str],
    environment: Mapping[str, str],
    *,
    rounds: int,
    only: Sequence[str] = (),
    share: float = 1.0,
) -> Record:
    """Measure servers of any bundle of vectors.

    Args:
        bundle: its folder.
        texts: to ask.
        environment: variables of every process.
        rounds: turns of each server.
        only: names of contenders; none for all.
        share: of each scenario's requests that are made.
    """
    record = new_record(CASE, "", COMMAND, rounds)
    record |= {"generator": f"{GENERATOR.parent.name}/{GENERATOR.name}"}
    with TemporaryDirectory() as folder:
        setting = Setting(bundle, texts, environment, share, Path(folder))
        names = [name for name in CONTENDERS if not only or name in only]
        steps: dict[str, Any] = {
            name: partial(_served, CONTENDERS[name], setting) for name in names
        }
        ways = {"offline_stock": STOCK, "offline_native": NATIVE}
        wanted = {name: way for name, way in ways.items() if _is_needed(way, names)}
        steps |= {name: partial(_offline, way, setting) for name, way in wanted.items()}
        outcomes = in_turn(steps, rounds)
    record["rows"] = rows_of(outcomes, _described, _joined)
    return record


def _is_needed(way: Mapping[str, str], names: Sequence[str]) -> bool:
    return any(CONTENDERS[name].environment == way for name in names)


def _described(name: str) -> dict[str, Any]:
    known = CONTENDERS.get(name)
    title = known.title if known else f"offline, {name.partition('_')[2]} int8"
    return {"server": name, "system": title}


def _joined(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"measured": list(results)}


def _offline(way: Mapping[str, str], setting: Setting) -> dict[str, Any]:
    """Texts a second and CPU time of a call with all texts, and times of calls with one."""
    texts = setting.folder / "texts.json"
    texts.write_text(json.dumps(list(setting.texts)), encoding="utf-8")
    command = [sys.executable, "-m", "benchmarks.scale.offline", str(setting.bundle), str(texts)]
    found = _run(command, {**setting.environment, **way}, "")
    return {**found, "texts": len(setting.texts)}


def _served(contender: Contender, setting: Setting) -> dict[str, Any]:
    """Every scenario with one server; then overload, at a multiple of what 64 clients got."""
    with running(contender, setting.bundle, setting.environment) as server:
        found: dict[str, Any] = {"start_s": server.start_s}
        for name, scenario in SCENARIOS.items():
            found[name] = _scenario(contender, server, scenario, setting)
            if name == MOST_CLIENTS:
                found["peak_bytes"] = server.peak_bytes()
    if contender.impatient:
        rate = OVERLOAD * len(found[MOST_CLIENTS]["samples_us"]) / found[MOST_CLIENTS]["seconds"]
        with running(contender, setting.bundle, setting.environment, contender.impatient) as server:
            found["overload"] = _overload(contender, server, rate, setting)
    return found


def _scenario(
    contender: Contender, server: Server, scenario: Scenario, setting: Setting
) -> dict[str, Any]:
    requests = max(scenario.clients, int(scenario.requests * setting.share))
    job = _job(contender, server, scenario.texts, setting)
    job |= {"clients": scenario.clients, "requests": requests}
    if not scenario.beside:
        return _asked(job, server, scenario.texts)
    ended = threading.Event()
    other = _job(contender, server, scenario.beside, setting)
    other |= {"clients": 1, "requests": 1}
    thread = threading.Thread(target=_keep_asking, args=(other, ended))
    thread.start()
    try:
        return _asked(job, server, scenario.texts)
    finally:
        ended.set()
        thread.join()


def _keep_asking(job: dict[str, Any], ended: threading.Event) -> None:
    while not ended.is_set():
        _generate(job)


def _overload(
    contender: Contender, server: Server, rate: float, setting: Setting
) -> dict[str, Any]:
    job = _job(contender, server, 1, setting)
    requests = max(1, int(rate * OVERLOAD_SECONDS * setting.share))
    job |= {"clients": OVERLOAD_CLIENTS, "requests": requests, "rate": rate}
    return {**_asked(job, server, 1), "rate": rate}


def _job(contender: Contender, server: Server, texts: int, setting: Setting) -> dict[str, Any]:
    """Where to ask, and a file of bodies of so many texts each."""
    every = [*setting.texts] * -(-texts // len(setting.texts))
    groups = [every[at : at + texts] for at in range(0, len(every) - texts + 1, texts)]
    bodies = setting.folder / f"{contender.path.strip('/').replace('/', '-')}-{texts}.jsonl"
    if not bodies.exists():
        lines = [json.dumps(contender.body(group)) + "\n" for group in groups]
        bodies.write_text("".join(lines), encoding="utf-8")
    return {
        "host": "127.0.0.1",
        "port": server.port,
        "path": contender.path,
        "bodies": str(bodies),
        "seconds": SECONDS,
        "rate": None,
    }


def _asked(job: dict[str, Any], server: Server, texts: int) -> dict[str, Any]:
    before = server.cpu_s()
    found = _generate(job)
    return {**found, "server_cpu_s": server.cpu_s() - before, "texts": texts}


def _generate(job: dict[str, Any]) -> dict[str, Any]:
    """What the load generator found.

    Raises:
        PeerError: it failed.
    """
    return _run([sys.executable, str(GENERATOR)], {}, json.dumps(job))


def _run(command: Sequence[str], environment: Mapping[str, str], given: str) -> dict[str, Any]:
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    if done.returncode:
        raise PeerError(f"{' '.join(command[1:3])} failed: {done.stderr.strip()[-300:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _site_packages() -> Path:
    """Where httptools, uvloop and orjson are.

    Raises:
        PeerError: they cannot be installed.
    """
    python = str(interpreter(FAST))
    code = "import sysconfig, json; print(json.dumps(sysconfig.get_paths()['purelib']))"
    found = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return Path(json.loads(found.stdout))
