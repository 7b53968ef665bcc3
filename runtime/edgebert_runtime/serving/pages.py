"""What a server says of itself: whether it is well, what it runs, and numbers."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from edgebert_runtime import __version__
from edgebert_runtime.serving.bundles import BundleService
from edgebert_runtime.serving.exchange import Response, json_response
from edgebert_runtime.serving.metrics import MEDIA_TYPE, RequestMetrics, exposition

STANDSTILL_SECONDS: Final = 30.0
"""A queue that has not moved for so long is no longer well."""

OPEN: Final = ("/health", "/ready")
"""Pages that ask for no key: probes have none."""


class Pages:
    """The pages of a server.

    Attributes:
        is_ready: whether requests should come here: not before the start, nor once it ends.

    Args:
        services: in the order given.
        requests: of the server.
    """

    def __init__(self, services: Sequence[BundleService], requests: RequestMetrics) -> None:
        self.is_ready = False
        self._created = int(time.time())
        self._services, self._requests = services, requests
        self._pages: Mapping[str, Callable[[Sequence[BundleService]], Response]] = {
            "/health": self._health,
            "/ready": self._ready,
            "/metrics": self._metrics,
            "/info": self._info,
            "/v1/models": self._models,
        }

    @property
    def paths(self) -> Sequence[str]:
        """Where they are."""
        return (*self._pages, *(f"/v1/models/{each.name}" for each in self._services))

    def answer(self, path: str, service: BundleService | None) -> Response | None:
        """The page at a path; None where there is none.

        Args:
            path: behind the name of a bundle, or the whole.
            service: that the path names; None for all.
        """
        shown = self._services if service is None else [service]
        if path in self._pages:
            return self._pages[path](shown)
        for each in self._services:
            if path == f"/v1/models/{each.name}":
                return json_response(self._model(each))
        return None

    def _health(self, _: Sequence[BundleService]) -> Response:
        """Whether every queue moves; 503 makes a supervisor start the server anew."""
        still = {each.name: each.standing_still() for each in self._services}
        stuck = {name: seconds for name, seconds in still.items() if seconds >= STANDSTILL_SECONDS}
        if stuck:
            return json_response({"status": "standing still", "seconds": stuck}, 503)
        return json_response({"status": "ok"})

    def _ready(self, _: Sequence[BundleService]) -> Response:
        if not self.is_ready:
            return json_response({"status": "closing"}, 503)
        return json_response({"status": "ok"})

    def _metrics(self, services: Sequence[BundleService]) -> Response:
        body = exposition(self._requests, services)
        return Response(200, body, media_type=MEDIA_TYPE)

    def _info(self, services: Sequence[BundleService]) -> Response:
        """One bundle as text-embeddings-inference says it, several as a list of them."""
        found = [_info(each) for each in services]
        return json_response(found[0] if len(found) == 1 else {"models": found})

    def _models(self, services: Sequence[BundleService]) -> Response:
        return json_response({"object": "list", "data": [self._model(each) for each in services]})

    def _model(self, service: BundleService) -> dict[str, Any]:
        """A model as OpenAI lists it, and what is worth knowing of it."""
        info = service.info
        return {
            "id": service.name,
            "object": "model",
            "created": self._created,
            "owned_by": "edgebert",
            "task": info.task,
            "precision": info.precision,
            "variant": info.variant,
            "max_length": info.max_length,
            "dimensions": info.dimensions,
        }


def _info(service: BundleService) -> dict[str, Any]:
    """What runs, without paths of this machine."""
    info = service.info
    return {
        "model_id": service.name,
        "model_dtype": info.precision,
        "task": info.task,
        "variant": info.variant,
        "way": info.way,
        "kernel": info.kernel,
        "provider": info.provider,
        "dimensions": info.dimensions,
        "max_input_length": info.max_length,
        "max_client_batch_size": service.options.texts,
        "auto_truncate": service.options.long == "truncate",
        "batch_invariant": info.batch_invariant,
        "sha256": info.sha256,
        "version": __version__,
    }
