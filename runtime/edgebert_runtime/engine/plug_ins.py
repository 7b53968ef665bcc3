"""Providers that come as a package of their own, beside the engine: registered once a process.

https://onnxruntime.ai/docs/execution-providers/plugin-ep-libraries/usage.html
"""

import os
from _thread import allocate_lock
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from edgebert_runtime.engine.native_calls import native_call
from edgebert_runtime.engine.plug_in_packages import PlugIn
from edgebert_runtime.engine.providers import PROVIDERS, has_provider
from edgebert_runtime.errors import ConfigError, ProviderUnavailableError

FIRST_ENGINE: Final = "1.23"
"""The first ONNX Runtime whose Python registers plug-ins."""

REGISTER: Final = "register_execution_provider_library"

_registering = allocate_lock()
"""Two threads that registered at once would register twice, and see every device twice."""

_registered: Final[set[str]] = set()
"""Distributions whose library this process has registered, also those that offer no device here.

ONNX Runtime refuses to register a library again, with an error of its own.
"""


def _renew() -> None:
    """In a forked child: a lock that another thread of the parent held would be held for ever."""
    global _registering
    _registering = allocate_lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


@dataclass(frozen=True, kw_only=True)
class Plugged:
    """What a session is given to run on a plug-in.

    Attributes:
        devices: `onnxruntime.OrtEpDevice`s, as ONNX Runtime takes them.
        options: the provider's, with its defaults.
    """

    devices: Sequence[Any]
    options: Mapping[str, str]


def find_plugged(name: str, engine: Any, options: Mapping[str, str]) -> Plugged | None:
    """The device of a provider's plug-in; its library is registered on the first call.

    Args:
        name: of `PROVIDERS`.
        engine: the module, of `import_engine`.
        options: by `read_options`.

    Returns:
        None where the engine has the provider built in, or no plug-in for it is installed.

    Raises:
        ConfigError: the plug-in has no such option, or no such device here.
        ProviderUnavailableError: the engine is too old, or cannot register the plug-in, or the
            plug-in offers no device on this machine.
    """
    plug_in = PROVIDERS[name].plug_in
    if plug_in is None:
        return None
    engine_name = PROVIDERS[name].engine_name
    with _registering:
        offered = _offered(engine, engine_name)
        if not offered:
            if has_provider(name, engine) or find_spec(plug_in.module) is None:
                return None
            if plug_in.distribution not in _registered:
                _register(name, plug_in, engine)
                _registered.add(plug_in.distribution)
            offered = _offered(engine, engine_name)
    if not offered:
        raise ProviderUnavailableError(
            f"provider {name!r} has no device here: {_version(plug_in)} finds none that it runs "
            f"on; it needs {plug_in.needs}{plug_in.otherwise}: {PROVIDERS[name].page}"
        )
    unknown = sorted(options.keys() - plug_in.options)
    if unknown:
        raise ConfigError(
            f"provider {name!r} has no option {', '.join(map(repr, unknown))} in "
            f"{_version(plug_in)}; it has {', '.join(sorted(plug_in.options)) or 'none'}"
        )
    return Plugged(
        devices=[_chosen(name, plug_in, offered, options)],
        options={**plug_in.defaults, **options},
    )


def _offered(engine: Any, engine_name: str) -> list[Any]:
    """The provider's devices that ONNX Runtime knows; a program may have registered it itself."""
    if not hasattr(engine, "get_ep_devices"):
        return []
    with native_call():
        return [each for each in engine.get_ep_devices() if each.ep_name == engine_name]


def _register(name: str, plug_in: PlugIn, engine: Any) -> None:
    if not hasattr(engine, REGISTER):
        raise ProviderUnavailableError(
            f"provider {name!r} is here as the plug-in {_version(plug_in)}, which needs ONNX "
            f"Runtime {FIRST_ENGINE}, this is {engine.__version__}; pip install -U onnxruntime"
        )
    try:
        library = import_module(plug_in.module).get_library_path()
        with native_call():
            getattr(engine, REGISTER)(plug_in.distribution, library)
    except Exception as error:  # neither ONNX Runtime's nor the packages' share a narrower base
        from edgebert_runtime.engine.provider_errors import quoted

        raise ProviderUnavailableError(
            f"provider {name!r} did not start: ONNX Runtime {engine.__version__} cannot register "
            f"{_version(plug_in)}; {quoted(str(error))}install versions that fit: pip install -U "
            f"onnxruntime {plug_in.distribution}"
        ) from error


def _chosen(name: str, plug_in: PlugIn, offered: Sequence[Any], options: Mapping[str, str]) -> Any:
    """The device that is asked for; else the first, which is the CPU where it is one."""
    wanted = options.get(plug_in.device_option or "")
    if wanted is None:
        return offered[0]
    names = [str(each.ep_metadata.get(plug_in.device_key, "")) for each in offered]
    for device, found in zip(offered, names, strict=True):
        if found.upper() == wanted.upper():
            return device
    raise ConfigError(
        f"provider {name!r} has no {plug_in.device_option} {wanted!r} here; "
        f"{_version(plug_in)} offers {', '.join(names)}"
    )


def _version(plug_in: PlugIn) -> str:
    """The distribution and its version, as it is installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"{plug_in.distribution} {version(plug_in.distribution)}"
    except PackageNotFoundError:  # the module lies on the path without having been installed
        return plug_in.distribution
