"""Search while you type: a window that never waits, the model in a thread of its own.

Usage: python -m examples.desktop FOLDER BUNDLE
"""

import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from edgebert_runtime import load
from examples.search import Index, Paragraph

Answer = Future[list[tuple[float, Paragraph]]]
Callback = Callable[[Answer], None]


class Worker:
    """Owns a model and its thread; all methods are for the interface's, and only `close` waits."""

    def __init__(self, folder: Path, bundle: Path) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._opened = ExitStack()
        self._pending: list[tuple[Answer, Callback]] = []
        self._index = self._thread.submit(self._open, folder, bundle)

    def submit(self, text: str, callback: Callback) -> Answer:
        """Ask for what is nearest to a text, in place of who waits; RuntimeError after `close`."""
        for waiting, _ in self._pending:
            waiting.cancel()  # one that runs already goes on
        answer = self._thread.submit(lambda: self._index.result().search(text))
        self._pending.append((answer, callback))
        return answer

    def poll(self) -> None:
        """Call back with what is done; an answer's `result()` raises what went wrong."""
        done = [each for each in self._pending if each[0].done()]
        self._pending = [each for each in self._pending if each not in done]
        for answer, callback in done:
            if not answer.cancelled():
                callback(answer)

    def close(self) -> None:
        """Drop what waits, let the run under way end, give the memory back."""
        self._pending.clear()
        self._thread.shutdown(cancel_futures=True)
        self._opened.close()

    def _open(self, folder: Path, bundle: Path) -> Index:
        return Index(self._opened.enter_context(load(bundle, task="embed")), folder)


def main(folder: str, bundle: str) -> None:
    """Open the window."""
    import tkinter  # not in every Python; nothing else here needs it

    def show(answer: Answer) -> None:
        error = answer.exception()
        found = [] if error else answer.result()
        lines = [f"{score:.3f}  {paragraph.text}" for score, paragraph in found]
        results.config(text=str(error or "\n\n".join(lines)))

    def tick() -> None:
        window.after(20, tick)
        worker.poll()

    window, worker = tkinter.Tk(), Worker(Path(folder), Path(bundle))
    entry, results = tkinter.Entry(window, width=80), tkinter.Label(window, wraplength=600)
    entry.bind("<KeyRelease>", lambda _: worker.submit(entry.get(), show))
    entry.pack()
    results.pack()
    tick()
    window.mainloop()
    worker.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
