"""`load` and one `embed`, as an app does it.

Usage: edgebert_runtime_start.py BUNDLE TEXT. Prints what bare_runtime.py prints.
"""

import sys

from edgebert_runtime import load

bundle, text = sys.argv[1:]
vectors = load(bundle, variant="int8").embed([text])
with open("/proc/self/status") as status:
    peak_kibibytes = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
print([vectors[0].tolist(), peak_kibibytes])
if "torch" in sys.modules:
    raise SystemExit("torch was imported")
