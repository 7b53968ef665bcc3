"""An HTTP server of bundles, without torch: `edgebert-run serve`, or an ASGI application.

from edgebert_runtime.serving import application

app = application("my-model")
"""

from edgebert_runtime.serving.app import Access, Application
from edgebert_runtime.serving.bundles import ServiceOptions
from edgebert_runtime.serving.keys import Keys, read_keys
from edgebert_runtime.serving.limits import Limits
from edgebert_runtime.serving.opening import application

__all__ = ["Access", "Application", "Keys", "Limits", "ServiceOptions", "application", "read_keys"]
