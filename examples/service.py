"""A bundle over HTTP, in a server of ASGI of your own.

Usage: EDGEBERT_BUNDLE=my-model uvicorn examples.service:app
`edgebert-run serve my-model` does the same, and bounds connections and headers, too.
"""

import os

from edgebert_runtime.serving import application

app = application(os.environ.get("EDGEBERT_BUNDLE", "my-model"))
