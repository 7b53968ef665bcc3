"""Where the native encoder cannot run, its tests are left out; this says so, and fails in CI."""

import os

import pytest

from tests.support.native.installed import why_not


def test_the_native_encoder_can_run() -> None:
    reason = why_not()
    if reason and not os.environ.get("CI"):
        pytest.skip(reason)
    assert reason == ""
