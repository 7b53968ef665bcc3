"""ONNX Runtime's own sessions, behind ours."""

from typing import Any

import onnxruntime
import pytest


def noted_sessions(patch: pytest.MonkeyPatch) -> list[Any]:
    """Those that are opened from now on, in order."""
    found: list[Any] = []

    class Noted(onnxruntime.InferenceSession):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            found.append(self)

    patch.setattr(onnxruntime, "InferenceSession", Noted)
    return found


def operators_elsewhere(session: Any, provider: str) -> set[str]:
    """The operators that another provider runs than this one, by its name in ONNX Runtime."""
    return {
        node.op_type
        for part in session.get_provider_graph_assignment_info()
        if part.ep_name != provider
        for node in part.get_nodes()
    }
