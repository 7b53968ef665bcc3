"""`load` and one `embed`, as an app does it. Usage: edgebert_runtime_start.py BUNDLE TEXT."""

import sys

from edgebert_runtime import load

bundle, text = sys.argv[1:]
print(load(bundle, variant="int8").embed([text])[0, :4].tolist())
if "torch" in sys.modules:
    raise SystemExit("torch was imported")
