"""Which parameter of a module's `forward` takes which input: by name, never by chance."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any, Final

from torch import Tensor

from edgebert_runtime.errors import ExportError

IDS: Final = "input_ids"
MASK: Final = "attention_mask"
SEGMENTS: Final = "token_type_ids"

NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    IDS: (IDS, "token_ids", "ids", "tokens"),
    MASK: (MASK, "mask", "attn_mask", "input_mask"),
    SEGMENTS: (SEGMENTS, "segment_ids", "segments", "token_types"),
}
"""Input → what parameters for it are called."""

HINTS: Final[Mapping[str, tuple[str, ...]]] = {
    MASK: ("mask", "keep", "kept", "valid", "attention"),
    SEGMENTS: ("segment", "type"),
}
"""Input → parts of names that parameters for it have, if they must be given; `pad` says the
opposite of a mask."""

POSITIONAL: Final = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True, kw_only=True)
class Call:
    """How `forward` is called.

    Attributes:
        positional: input names, or values to be passed as they are, in order.
        named: parameter → input name.
        masked: whether the mask is passed; `named` if its parameter says what it is, `guessed` if
            it was told by another name or by position, `no` if there is none.
        notes: what the user should be told.
    """

    positional: tuple[tuple[str | None, Any], ...]
    named: Mapping[str, str]
    masked: str
    notes: tuple[str, ...]

    def arguments(self, inputs: Mapping[str, Tensor]) -> tuple[list[Any], dict[str, Tensor]]:
        """What `forward` is given for a batch."""
        return (
            [default if name is None else inputs[name] for name, default in self.positional],
            {parameter: inputs[name] for parameter, name in self.named.items()},
        )


def bind(forward: Callable[..., Any], inputs: Sequence[str], name: str) -> Call:
    """Find the parameter of each input.

    A parameter is known by its name, and the first one takes the ids whatever it is called.
    `**kwargs` takes inputs by name, `*args` by position.

    Args:
        forward: of the module.
        inputs: names of the inputs, in the order of the spec.
        name: of the module's class.

    Raises:
        ExportError: a parameter must be given and is no input, or takes one of several; an input
            has no parameter. Only the mask may have none.
    """
    parameters = list(signature(forward).parameters.values())
    return _Binder(parameters, inputs, name).bind()


class _Binder:
    def __init__(self, parameters: Sequence[Parameter], inputs: Sequence[str], name: str) -> None:
        variable = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
        self._single = [each for each in parameters if each.kind not in variable]
        self._kinds = {each.kind for each in parameters}
        self._inputs = inputs
        self._bound: dict[str, str] = {}  # parameter → input
        self._notes: list[str] = []
        self._call = f"{name}.forward({', '.join(each.name for each in parameters)})"
        self._given = ", ".join(inputs)

    def bind(self) -> Call:
        for number in range(max(map(len, NAMES.values()))):  # the best names first
            for item in self._missing():
                names = NAMES.get(item, (item,))[number : number + 1]
                self._bound.update({each.name: item for each in self._free() if each.name in names})
        first = self._single[0] if self._single else None
        if IDS in self._missing() and first in self._free() and first in self._by_position():
            self._guess(first.name, IDS)
        for parameter in self._required():
            hinted = [item for item in self._missing() if _hints(parameter, item)]
            if len(hinted) == 1:
                self._guess(parameter, hinted[0])
        if self._required():
            self._refuse_required(self._required())
        return self._finished()

    def _free(self) -> list[Parameter]:
        return [each for each in self._single if each.name not in self._bound]

    def _required(self) -> list[str]:
        return [each.name for each in self._free() if each.default is Parameter.empty]

    def _missing(self) -> list[str]:
        return [item for item in self._inputs if item not in self._bound.values()]

    def _by_position(self) -> list[Parameter]:
        return [each for each in self._single if each.kind in POSITIONAL]

    def _guess(self, parameter: str, item: str) -> None:
        self._bound[parameter] = item
        self._notes.append(f"{self._call}: {parameter} is given {item}")

    def _refuse_required(self, required: list[str]) -> None:
        names = ", ".join(required)
        missing = self._missing()
        if missing:
            advice = f"rename those that take {', '.join(missing)} so"
        elif SEGMENTS not in self._inputs and set(required) <= set(NAMES[SEGMENTS]):
            advice = "say so in the spec: ExportSpec(token_types=2)"
        else:
            advice = "give them defaults"
        raise ExportError(
            f"{self._call} must be given {names}, and edgebert gives {self._given} by name; "
            f"{advice}. A mask is 1 at tokens that are kept, 0 at padding"
        )

    def _finished(self) -> Call:
        missing = self._missing()
        by_name = Parameter.VAR_KEYWORD in self._kinds
        by_position = Parameter.VAR_POSITIONAL in self._kinds and not by_name and bool(missing)
        if by_position:
            self._notes.append(f"{self._call}: *args are given {', '.join(missing)}, in order")
        elif not by_name and set(missing) - {MASK}:
            self._refuse_missing([item for item in missing if item != MASK])
        kinds = POSITIONAL if by_position else POSITIONAL[:1]
        ahead = [each for each in self._single if each.kind in kinds]
        while not by_position and ahead and ahead[-1].name not in self._bound:
            ahead.pop()
        positional = [(self._bound.get(each.name), each.default) for each in ahead]
        passed = {each.name for each in ahead}
        named = {key: item for key, item in self._bound.items() if key not in passed}
        extra = [(item, None) for item in missing] if by_position else []
        return Call(
            positional=(*positional, *extra),
            named={**named, **({item: item for item in missing} if by_name else {})},
            masked=self._masked(sure=by_name),
            notes=tuple(self._notes),
        )

    def _masked(self, *, sure: bool) -> str:
        if self._bound.get(MASK) == MASK or (sure and MASK in self._missing()):
            return "named"
        there = MASK in self._bound.values() or Parameter.VAR_POSITIONAL in self._kinds
        return "guessed" if there else "no"

    def _refuse_missing(self, missing: list[str]) -> None:
        advice = "ExportSpec(token_types=0) says so" if missing == [SEGMENTS] else "add it"
        raise ExportError(
            f"{self._call} takes no {', '.join(missing)}, and edgebert gives {self._given}; "
            f"{advice}"
        )


def _hints(parameter: str, item: str) -> bool:
    return "pad" not in parameter and any(part in parameter for part in HINTS.get(item, ()))
