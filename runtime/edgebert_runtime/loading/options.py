"""What `load` was asked for, beside the bundle and the variant."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import Literal, TypedDict, Unpack

from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.engine.providers import (
    ProviderOptions,
    captures,
    choose_provider,
    read_options,
)
from edgebert_runtime.engine.threads import usable_cores
from edgebert_runtime.inference.arguments import check_arguments, check_fields
from edgebert_runtime.storage.cache_dir import CacheDir

Source = Bundle | str | PathLike[str]
"""A bundle, its folder, or its name on the Hub."""

Verify = Literal["always", "once", "never"] | None


class OpenArguments(TypedDict, total=False):
    """The keyword arguments of `load` that are taken as they are; `load` explains them."""

    threads: int | None
    share_threads: bool
    verify: Verify
    cache_dir: CacheDir


class LoadArguments(OpenArguments, total=False):
    """The keyword arguments that all calls of `load` share."""

    provider_options: ProviderOptions | None


@dataclass(frozen=True, kw_only=True)
class LoadOptions:
    """How a variant is opened.

    Attributes:
        provider: a name of `PROVIDERS`.
        provider_options: by `read_options`.
        threads: intra-operator threads; None takes what is fastest here.
        share_threads: whether the model takes turns with others that share.
        verify: when files are hashed; None decides by their size.
        cache_dir: where graphs and hashes are kept; None takes the user's cache, False none.
        exact: whether a variant's name means that variant even where it is a precision, too.

    Raises:
        ConfigError: one is of another type.
    """

    provider: str = "cpu"
    provider_options: Mapping[str, str] = field(default_factory=dict)
    threads: int | None = None
    share_threads: bool = False
    verify: Verify = None
    cache_dir: CacheDir = None
    exact: bool = False

    def __post_init__(self) -> None:
        check_fields(self)

    @classmethod
    def of(
        cls,
        provider: str = "auto",
        provider_options: ProviderOptions | None = None,
        **options: Unpack[OpenArguments],
    ) -> "LoadOptions":
        """What the arguments of `load` mean.

        Raises:
            ConfigError: unknown provider or provider option, or an argument of another type.
        """
        check_arguments(cls.of, {"provider": provider, "provider_options": provider_options})
        chosen = choose_provider(provider)
        given = read_options(provider, provider_options)
        return cls(provider=chosen, provider_options=given, **options)

    @property
    def cores(self) -> int:
        """How many threads there are to use."""
        return self.threads or usable_cores()

    @property
    def captured(self) -> bool:
        """Whether runs are to be captured and replayed."""
        return captures(self.provider_options)
