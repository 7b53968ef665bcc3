"""Without edgebert-native, or without kernels for this CPU, test_installed.py alone says so."""

from tests.support.native.installed import why_not

collect_ignore_glob = [] if not why_not() else ["test_[!i]*.py"]
