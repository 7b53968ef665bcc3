"""From bundles to an application of ASGI."""

from collections.abc import Sequence
from typing import Unpack

from edgebert_runtime.engine.providers import ProviderName
from edgebert_runtime.loading.model_opener import load_model
from edgebert_runtime.loading.options import LoadArguments, LoadOptions
from edgebert_runtime.serving.app import Access, Application
from edgebert_runtime.serving.bundles import BundleService, NamedBundle, ServiceOptions
from edgebert_runtime.serving.bundles import named_bundles as read_names


def application(
    *bundles: str,
    variant: str = "auto",
    provider: ProviderName = "auto",
    task: str | None = None,
    answering: ServiceOptions | None = None,
    access: Access | None = None,
    **loading: Unpack[LoadArguments],
) -> Application:
    """Bundles as an application of ASGI, for a server such as uvicorn, or within another one.

    A server that tells its applications of its start and its end starts and closes the models;
    where it does not, as for an application that is mounted in another, call `start` and `close`.

    Args:
        bundles: folders or names on the Hub, each as it is or as `NAME=BUNDLE`.
        variant: as `load` takes it, for each of them.
        provider: likewise.
        task: likewise.
        answering: how requests are answered.
        access: who may ask, and how much; the usual lets everybody in.
        loading: the keyword arguments of `load`.

    Returns:
        A callable of ASGI; its models are open.

    Raises:
        ConfigError: there is no bundle, two have one name, or as `load`.
        BundleError, EngineMissingError, ProviderUnavailableError, TokenizerError: as `load`.
    """
    options = LoadOptions.of(provider, **loading)
    named = read_names(bundles)
    return open_application(
        named, variant, options, task, answering or ServiceOptions(), access or Access()
    )


def open_application(
    bundles: Sequence[NamedBundle],
    variant: str,
    loading: LoadOptions,
    task: str | None,
    answering: ServiceOptions,
    access: Access,
) -> Application:
    """What `application` does, once its arguments are read.

    Raises:
        EdgebertError: as `load`.
    """
    services = [
        BundleService(name, load_model(bundle, variant, loading, task), answering, loading.threads)
        for name, bundle in bundles
    ]
    return Application(services, access)
