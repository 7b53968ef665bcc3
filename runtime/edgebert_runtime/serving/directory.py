"""From a path to what answers it: a page of the server, or a route of one of its bundles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from edgebert_runtime.serving.bundles import BundleService
from edgebert_runtime.serving.exchange import RequestRefusedError
from edgebert_runtime.serving.routes import error_body_of, routes_for
from edgebert_runtime.serving.routes.route import ErrorBody, Route

UNKNOWN: Final = "unknown"
"""What logs and metrics call a path that is none of the server's."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request goes.

    Attributes:
        path: behind the name of a bundle, or the whole.
        label: of logs and metrics: the path if it is one of the server's.
        service: that the path names; None where it names none.
    """

    path: str
    label: str
    service: BundleService | None


class Directory:
    """The services of a server, and what each answers.

    Args:
        services: by what clients call them.
        pages: paths of the server itself.
    """

    def __init__(self, services: Sequence[BundleService], pages: Sequence[str]) -> None:
        self.services = {each.name: each for each in services}
        self._routes = {each.name: routes_for(each.info.task) for each in services}
        self._methods: dict[str, set[str]] = {path: {"GET", "HEAD"} for path in pages}
        self._error_bodies: dict[str, ErrorBody] = {}
        for routes in self._routes.values():
            for (method, path), route in routes.items():
                self._methods.setdefault(path, set()).add(method)
                self._error_bodies.setdefault(path, route.error_body)

    def place_of(self, path: str) -> Place:
        """Where a path leads; known paths come before names of bundles."""
        if path in self._methods:
            return Place(path, path, None)
        first, _, rest = path.removeprefix("/").partition("/")
        second, _, deeper = rest.partition("/")
        for name, behind in ((first, rest), (f"{first}/{second}", deeper)):
            if name in self.services:
                inner = f"/{behind}"
                label = inner if inner in self._methods else UNKNOWN
                return Place(inner, label, self.services[name])
        return Place(path, UNKNOWN, None)

    def error_body_of(self, path: str) -> ErrorBody:
        """The shape of errors under a path."""
        return self._error_bodies.get(path) or error_body_of(path)

    def check_method(self, place: Place, method: str) -> None:
        """Refuse a path that is none, and a method that it has not.

        Raises:
            RequestRefusedError: 404 or 405.
        """
        methods = self._methods.get(place.path)
        if methods is None:
            raise RequestRefusedError(
                404, "there is no such path; docs/reference/server.md has them"
            )
        if method not in methods:
            allowed = ", ".join(sorted(methods))
            message = f"the path takes {allowed}, not this method"
            raise RequestRefusedError(405, message, {"Allow": allowed})

    def service_for(self, place: Place, method: str, body: Any) -> BundleService:
        """The service that a request means: by its path, its `model`, or because no other can.

        Raises:
            RequestRefusedError: no bundle has the name, or the request must name one.
        """
        named = body.get("model") if isinstance(body, dict) else None
        if named is not None:
            return self._named(named, place)
        if place.service is not None:
            return place.service
        every = self.services.values()
        able = [each for each in every if (method, place.path) in self._routes[each.name]]
        if len(able) != 1:
            raise RequestRefusedError(
                400, f"several bundles answer here; name one as `model`: {_listed(able)}"
            )
        return able[0]

    def route_of(self, service: BundleService, method: str, path: str) -> Route:
        """What answers a path for a service.

        Raises:
            RequestRefusedError: its task has none.
        """
        routes: Mapping[tuple[str, str], Route] = self._routes[service.name]
        route = routes.get((method, path))
        if route is None:
            paths = ", ".join(sorted({path for _, path in routes}))
            raise RequestRefusedError(
                400, f"{service.name} has the task {service.info.task}; it answers {paths}"
            )
        return route

    def _named(self, named: object, place: Place) -> BundleService:
        found = self.services.get(named) if isinstance(named, str) else None
        if found is None or place.service not in (None, found):
            known = [place.service] if place.service else list(self.services.values())
            raise RequestRefusedError(
                404, f"there is no such model here; there is {_listed(known)}"
            )
        return found


def _listed(services: Sequence[BundleService]) -> str:
    return ", ".join(each.name for each in services)
