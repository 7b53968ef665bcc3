"""The engines there are, by name; each is imported where it is asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from edgebert_runtime.errors import ConfigError

if TYPE_CHECKING:
    from edgebert_runtime.batch.driver import Engine


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """How an engine is to run.

    Attributes:
        workers: how many at once; None is as many as there are cores for.
        threads: of each worker's model.
        address: of the cluster; None is the engine's own default.

    Raises:
        ConfigError: a number below 1.
    """

    workers: int | None = None
    threads: int = 1
    address: str | None = None

    def __post_init__(self) -> None:
        for name, value in (("workers", self.workers), ("threads", self.threads)):
            if value is not None and value < 1:
                raise ConfigError(f"{name} must be at least 1, got {value}")


def _local(options: EngineOptions) -> "Engine":
    from edgebert_runtime.batch.engines.local import LocalEngine

    if options.address is not None:
        raise ConfigError(
            f"--address {options.address} needs an engine with a cluster; leave it out"
        )
    return LocalEngine(options.workers, options.threads)


def _ray(options: EngineOptions) -> "Engine":
    from edgebert_runtime.batch.engines.ray import RayEngine

    return RayEngine(options.address, options.workers, options.threads)


def _spark(options: EngineOptions) -> "Engine":
    from edgebert_runtime.batch.engines.spark import SparkEngine

    return SparkEngine(options.address, options.workers, options.threads)


ENGINES: Final[Mapping[str, Callable[[EngineOptions], "Engine"]]] = MappingProxyType(
    {"local": _local, "ray": _ray, "spark": _spark}
)
"""Name → what makes the engine."""
