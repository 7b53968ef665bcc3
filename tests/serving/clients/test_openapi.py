"""Requests that schemathesis makes of docs/reference/openapi.json, right ones and wrong ones."""

import json
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.support.served import SECONDS, Served

pytestmark = pytest.mark.serving

FILE = Path(__file__).parents[3] / "docs" / "reference" / "openapi.json"

schema = schemathesis.openapi.from_dict(json.loads(FILE.read_text(encoding="utf-8")))
load_all_checks()


@schema.parametrize()
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_answers_are_as_the_file_says(case: schemathesis.Case, served: Served) -> None:
    """Only that every request of the right form is answered is not asked: a mask may be missing."""
    case.call_and_validate(
        base_url=served.url,
        headers={"Authorization": "Bearer secret"},
        excluded_checks=[positive_data_acceptance],
        timeout=SECONDS,
    )


def test_the_file_has_every_route(served: Served) -> None:
    paths = json.loads(FILE.read_text(encoding="utf-8"))["paths"]
    for path, methods in paths.items():
        for method in methods:
            body = b"{}" if method == "post" else None
            status, found, _ = served.ask(path, body, {"Authorization": "Bearer secret"})
            assert status == (400 if body else 200), (path, found)
