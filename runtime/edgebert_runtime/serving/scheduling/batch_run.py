"""What becomes of one micro-batch: outputs of its rows, and answers to the items they end."""

from collections.abc import Sequence
from typing import Any

from edgebert_runtime.engine.session import Session
from edgebert_runtime.errors import EngineError
from edgebert_runtime.inference.arrays import Outputs
from edgebert_runtime.serving.scheduling.job import Part, Row
from edgebert_runtime.serving.scheduling.row_queue import Batch
from edgebert_runtime.tasks.base import TaskModel

Result = Outputs | Exception
"""What a row gave, or why it gave nothing."""


def run_rows(model: TaskModel[Any], batch: Batch, session: Session) -> list[Result]:
    """Run the rows of a micro-batch; where it fails, each alone, so that only bad ones fail.

    Args:
        model: whose graph runs.
        batch: the rows.
        session: on that graph.
    """
    try:
        return list(_run(model, batch.rows, batch.options, session))
    except EngineError as error:
        if len(batch.rows) == 1:
            return [error]
        return [_run_alone(model, row, batch.options, session) for row in batch.rows]
    except Exception as error:  # whatever it is, the worker goes on
        return [error] * len(batch.rows)


def _run_alone(model: TaskModel[Any], row: Row, options: Any, session: Session) -> Result:
    try:
        return _run(model, [row], options, session)[0]
    except Exception as error:
        return error


def _run(
    model: TaskModel[Any], rows: Sequence[Row], options: Any, session: Session
) -> list[Outputs]:
    return model.run_rows(
        [row.encoded for row in rows],
        options,
        session=session,
        items=[row.part.number for row in rows],
    )


def decode_parts(model: TaskModel[Any], parts: Sequence[Part], options: Any) -> list[Any]:
    """The answers to items whose rows have all run; where one has none, its error.

    Items of one row and of several are decoded apart: an answer then does not depend on what it is
    decoded with.

    Args:
        model: whose task it is.
        parts: the items; of a job that decodes nothing, the answer is what its rows gave.
        options: of the task's method.
    """
    found: dict[Part, Any] = {part: part.ran for part in parts if not part.job.decodes}
    for several in (False, True):
        group = [part for part in parts if part.job.decodes and (len(part.ran) > 1) is several]
        found.update(zip(group, _decode(model, group, options), strict=True))
    return [found[part] for part in parts]


def _decode(model: TaskModel[Any], parts: Sequence[Part], options: Any) -> Sequence[Any]:
    if not parts:
        return []
    try:
        answers: Sequence[Any] = model.decode(
            [part.item for part in parts], [part.ran for part in parts], options
        )
    except Exception as error:
        if len(parts) == 1:
            return [error]
        return [_decode(model, [part], options)[0] for part in parts]
    return answers
