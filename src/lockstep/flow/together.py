"""Many steps side by side: what all of them want at one moment is asked at once, and each gets its own answer.

Which wants are asked together, and in which order, follows from the steps alone: the same steps over the same world
ask the same. A step that is alone asks just what it yields, in its order.

What nobody foresaw, an exception that is no LockstepError, is one step's where it can be told whose: it ends there, and
the others go on. A step acts only through what it yields, so what it leaves behind is what was answered to it: stored,
or sent after it was stored.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from lockstep.domain.errors import LeaseLost, LockstepError, StepFailed
from lockstep.flow.wants import Steps, Want

__all__ = ["AskAll", "together"]

Result = TypeVar("Result")

AskAll = Callable[[type[Want[Any]], Sequence[Want[Any]]], Sequence[Any]]
"""Answers wants of one kind, in their order. A LockstepError in place of an answer is raised where it was wanted;
one that is raised holds for all that were asked, but for LeaseLost, which ends everything. After any other exception
they are asked again in halves, as their next look would, until it is one's alone."""


Begin = Callable[[type[Want[Any]], Sequence[Want[Any]]], Callable[[], Sequence[Any]] | None]
"""Begins to ask, where that is done beside: then what it returns waits for the answers. As `AskAll` else."""


def together(
    steps: Sequence[Steps[Result]],
    ask: AskAll,
    ends: Callable[[Exception], bool] = lambda _: False,
    begin: Begin = lambda *_: None,
) -> list[Result | LockstepError]:
    """What became of each step, in the order given: what it returned, or the error that it let through; StepFailed
    where that was no LockstepError.

    Raises LeaseLost where `ask` does: then nothing goes on; nor does it after an error of which `ends` says so, or
    after what is no Exception.

    What `begin` takes is under way while the other wants of its moment are asked, and answered after them.
    """
    results: dict[int, Result | LockstepError] = {}
    waiting: dict[int, Want[Any]] = {}
    begun: dict[type[Want[Any]], Callable[[], Sequence[Any]]] = {}

    def go_on(place: int, answer: Any) -> None:
        step = steps[place]
        try:
            waiting[place] = step.throw(answer) if isinstance(answer, Exception) else step.send(answer)
        except StopIteration as end:
            results[place] = end.value
        except LockstepError as error:
            results[place] = error
        except Exception as error:
            if ends(error):
                raise
            results[place] = StepFailed(error)

    try:
        for place in range(len(steps)):
            go_on(place, None)
        while waiting:
            first = min(want.rank for want in waiting.values())
            kinds: dict[type[Want[Any]], list[int]] = {}
            for place in sorted(place for place, want in waiting.items() if want.rank == first):
                kinds.setdefault(type(waiting[place]), []).append(place)
            asked = [(kind, places, [waiting.pop(place) for place in places]) for kind, places in kinds.items()]
            for kind, _, wants in asked:
                if (answers_of := begin(kind, wants)) is not None:
                    begun[kind] = answers_of
            for kind, places, wants in sorted(asked, key=lambda one: one[0] in begun):
                answers = _asked(begun.pop(kind, None), ask, kind, wants, ends)
                for place, answer in zip(places, answers, strict=True):
                    go_on(place, answer)
    finally:
        for answers_of in begun.values():  # nothing goes on, and nothing is left alone with a neighbour either
            with suppress(Exception):
                answers_of()
        for step in steps:
            step.close()
    return [results[place] for place in range(len(steps))]


def _asked(
    begun: Callable[[], Sequence[Any]] | None,
    ask: AskAll,
    kind: type[Want[Any]],
    wants: Sequence[Want[Any]],
    ends: Callable[[Exception], bool],
) -> Sequence[Any]:
    """An answer, or what is to be raised instead of one, for each. Raises LeaseLost, and what ends everything."""
    try:
        return ask(kind, wants) if begun is None else begun()
    except LeaseLost:
        raise
    except LockstepError as error:
        return [error] * len(wants)
    except Exception as error:
        if ends(error):
            raise
        if len(wants) == 1:
            return [error]
    half = len(wants) // 2
    return [*_asked(None, ask, kind, wants[:half], ends), *_asked(None, ask, kind, wants[half:], ends)]
