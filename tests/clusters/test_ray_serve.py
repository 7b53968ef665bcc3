"""examples/ray_serve.py on a Ray of this machine, over loopback; run by .ci/clusters."""

import json
import socket
import subprocess
from typing import Any

import numpy as np
import pytest

from edgebert_runtime import Bundle, load
from tests.support.clusters import PYTHONS, ROOT, environment
from tests.support.tiny_encoder import TEXTS

pytestmark = pytest.mark.cluster


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(bundle: Bundle, bodies: list[Any]) -> list[tuple[int, Any]]:
    done = subprocess.run(
        [str(PYTHONS["ray"]()), "-m", "tests.support.ask_ray_serve", str(free_port())],
        cwd=ROOT,
        env=environment(EDGEBERT_BUNDLE=str(bundle.folder)),
        input=json.dumps(bodies),
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    answers: list[tuple[int, Any]] = json.loads(done.stdout.splitlines()[-1])
    return answers


def test_requests_at_once_get_their_own_vectors_and_a_bad_one_fails_alone(
    tiny_bundle: Bundle,
) -> None:
    good = [{"texts": [text]} for text in TEXTS] + [{"texts": TEXTS}]
    bad = [{"texts": [7]}, {"text": "a"}, {"texts": "one text"}, []]
    answers = ask(tiny_bundle, [*good, *bad])
    with load(tiny_bundle.folder, task="embed", threads=1) as model:
        expected = model.embed(TEXTS)
    for (status, answer), vectors in zip(answers, [*expected, expected], strict=False):
        assert status == 200
        np.testing.assert_allclose(np.squeeze(answer["vectors"]), vectors, atol=1e-5)
    assert [status for status, _ in answers[len(good) :]] == [400] * len(bad)
