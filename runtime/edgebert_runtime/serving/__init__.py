"""An HTTP server of bundles, without torch: `edgebert-run serve`, or an ASGI application."""
