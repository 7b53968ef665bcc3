"""`python -m tests.support.fuzz`: damage files and arguments; 1 if something is found."""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Final

import edgebert
from tests.support.fuzz.pool import Limits, Outcome, Target, run_case, run_cases
from tests.support.fuzz.targets import targets
from tests.support.tiny_encoder import build_tiny, save_tiny

KEPT: Final = Path(".cache/fuzz")
SHOWN: Final = 5
SENTENCE_TRANSFORMERS: Final = (
    *("modules.json", "sentence_bert_config.json", "config_sentence_transformers.json"),
    "1_Pooling",
)
"""Of the bundle, put into the checkpoint, so that they are damaged, too."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.support.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="how long (default: 600)")
    parser.add_argument("--seed", type=int, help="of the damage (default: another each day)")
    parser.add_argument("--only", help="one target")
    parser.add_argument("--case", help="TARGET-NUMBER: run one case in this process, and keep it")
    parser.add_argument("--hang", type=float, default=10, help="seconds a case may take")
    parser.add_argument("--workers", type=int, default=min(4, os.cpu_count() or 1))
    given = parser.parse_args(arguments)
    seed = int(time.time() // 86400) if given.seed is None else given.seed
    os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    with tempfile.TemporaryDirectory(prefix="edgebert-fuzz-") as temporary:
        chosen = _targets(Path(temporary))
        if given.case:
            name, _, number = given.case.rpartition("-")
            (target,) = (each for each in chosen if each.name == name)
            outcome = run_case(target, seed, int(number), KEPT / given.case)
            print(f"{given.case}: {outcome.kind}\n{outcome.finding or ''}")
            return int(outcome.finding is not None)
        chosen = [each for each in chosen if given.only in (None, each.name)]
        limits = Limits(seconds=given.hang)
        outcomes = list(run_cases(chosen, seed, KEPT, limits, given.seconds, given.workers))
    return report(outcomes, seed)


def _targets(folder: Path) -> list[Target]:
    """Made in a process of its own: the one that forks must not have used an engine."""
    checkpoint, bundle = folder / "checkpoint", folder / "bundle"
    process = os.fork()
    if process == 0:
        status = 1
        try:
            save_tiny(build_tiny(), checkpoint)
            edgebert.export(checkpoint, bundle, progress=False)
            for name in SENTENCE_TRANSFORMERS:
                copy = shutil.copytree if (bundle / name).is_dir() else shutil.copy
                copy(bundle / name, checkpoint / name)
            status = 0
        finally:
            os._exit(status)
    if os.waitpid(process, 0)[1] != 0:
        raise SystemExit("the bundle to damage could not be made")
    return targets(bundle, checkpoint)


def report(outcomes: list[Outcome], seed: int) -> int:
    """Print what became of the cases; 1 if something was found."""
    print(f"seed {seed}, {len(outcomes)} cases")
    counts = Counter((each.target, each.kind) for each in outcomes)
    for (target, kind), count in sorted(counts.items()):
        print(f"{target:10} {kind:24} {count:6}")
    findings = [each for each in outcomes if each.finding is not None]
    distinct = {(each.target, _last_line(each)): each for each in reversed(findings)}
    for found in list(distinct.values())[:SHOWN]:
        print(f"\n{found.target}-{found.number}: {found.kind}\n{found.finding}")
    print(f"{len(findings)} findings, {len(distinct)} of them distinct")
    for found in findings:
        place = KEPT / f"{found.target}-{found.number}"
        case = f"--seed {seed} --case {found.target}-{found.number}"
        print(f"{place}; python -m tests.support.fuzz {case}")
    return int(bool(findings))


def _last_line(found: Outcome) -> str:
    return str(found.finding).strip().splitlines()[-1][:60]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
