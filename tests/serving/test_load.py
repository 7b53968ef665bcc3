"""The load test of the benchmarks, small: every request of every scenario is answered."""

import pytest

from benchmarks.scale.server import MOST_CLIENTS, SCENARIOS, measure_bundle
from edgebert_runtime import Bundle
from tests.support.tiny_encoder import TEXTS

pytestmark = pytest.mark.serving

ANSWERED = "200"
REFUSED = "429"
SHARE = 0.02


def test_a_server_is_measured_under_every_load(tiny_bundle: Bundle) -> None:
    found = measure_bundle(
        tiny_bundle.folder, TEXTS * 100, {}, rounds=2, only=["serve_stock"], share=SHARE
    )
    served, offline = found["rows"]
    assert "failure" not in served
    assert offline["server"] == "offline_stock"
    for once in served["measured"]:
        for name, scenario in SCENARIOS.items():
            requests = max(scenario.clients, int(scenario.requests * SHARE))
            assert once[name]["statuses"] == {ANSWERED: requests}, name
            assert once[name]["server_cpu_s"] > 0
        assert once["overload"]["statuses"].keys() <= {ANSWERED, REFUSED}
        assert once["overload"]["rate"] > len(once[MOST_CLIENTS]["samples_us"])
        assert once["peak_bytes"] > 2**20
        assert 0 < once["start_s"] < 60
