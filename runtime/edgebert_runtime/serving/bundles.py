"""The bundles of a server: what clients call them, and the service of each."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from edgebert_runtime.bundle.hub_name import hub_name
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.inference.reports import ModelInfo
from edgebert_runtime.serving.exchange import RequestRefusedError
from edgebert_runtime.serving.service import MAX_WAIT_SECONDS, Answered, ModelService
from edgebert_runtime.tasks.base import TaskModel
from edgebert_runtime.tasks.options import TaskOptions

NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", re.ASCII)
"""As names on the Hub are, so that a client's name of a model can be kept."""

Long = Literal["truncate", "error"]


class NamedBundle(NamedTuple):
    """What clients call a bundle, and where it is."""

    name: str
    bundle: str


@dataclass(frozen=True, kw_only=True)
class ServiceOptions:
    """How every bundle of a server answers.

    Attributes:
        max_wait: seconds that a request may wait for others.
        texts: most items of a request.
        long: `error` refuses texts beyond a bundle's limit; `truncate` cuts them, unless a request
            says otherwise.
    """

    max_wait: float = MAX_WAIT_SECONDS
    texts: int = 2048
    long: Long = "truncate"

    def __post_init__(self) -> None:
        if not self.max_wait > 0:
            raise ConfigError(f"the longest wait is {self.max_wait} s, expected more than 0")
        if self.texts < 1:
            raise ConfigError(f"a request may have {self.texts} texts, expected at least 1")


class BundleService(ModelService):
    """A service that refuses too many items.

    Attributes:
        info: what runs.
        options: as given; what a request leaves open is `options.long` of it.

    Args:
        name: what clients call it.
        model: an open one.
        options: of all services of a server.
        workers: threads that run rows; None is one a core.
    """

    def __init__(
        self,
        name: str,
        model: TaskModel[Any],
        options: ServiceOptions,
        workers: int | None = None,
    ) -> None:
        super().__init__(name, model, max_wait=options.max_wait, workers=workers)
        self.info: ModelInfo = model.info()
        self.options = options

    async def answer(self, items: Sequence[Any], options: TaskOptions | None = None) -> Answered:
        """As `ModelService.answer`.

        Raises:
            RequestRefusedError: there are too many items.
        """
        if len(items) > self.options.texts:
            found = f"the request has {len(items):,} texts, at most {self.options.texts:,} are"
            raise RequestRefusedError(413, f"{found} taken; send them in several requests")
        return await super().answer(items, options)


def named_bundles(words: Sequence[str]) -> list[NamedBundle]:
    """What `BUNDLE` and `NAME=BUNDLE` mean; a bundle without a name has that of its folder.

    Args:
        words: as they are typed.

    Raises:
        ConfigError: there is none, two have one name, or a name cannot be one.
    """
    found: dict[str, str] = {}
    for word in words:
        name, bundle = _named(word)
        if not NAME.fullmatch(name):
            raise ConfigError(
                f"{bundle} cannot be called {name!r}; give it a name of letters, digits and ._- "
                f"with NAME={bundle}"
            )
        if name in found:
            raise ConfigError(
                f"{found[name]} and {bundle} are both called {name!r}; give one of them another "
                f"name with NAME={bundle}"
            )
        found[name] = bundle
    if not found:
        raise ConfigError("there is no bundle to serve; name at least one")
    return [NamedBundle(name, bundle) for name, bundle in found.items()]


def _named(word: str) -> NamedBundle:
    name, equals, bundle = word.partition("=")
    if equals and NAME.fullmatch(name) and not Path(word).exists():
        return NamedBundle(name, bundle)
    on_hub = hub_name(word)
    return NamedBundle(on_hub.repository if on_hub else Path(word).resolve().name, word)
