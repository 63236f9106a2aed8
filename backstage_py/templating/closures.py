"""Closures that the compilers put around others."""

from backstage_py.js.convert import printed
from backstage_py.js.errors import Failure, LimitFailure
from backstage_py.js.values import UNDEFINED, Value
from backstage_py.templating.filters.json_text import dump
from backstage_py.templating.runtime import Cells, Emit, Evaluate, Execute


def located(evaluate: Evaluate, pos: int) -> Evaluate:
    """The closure with its failures placed at an offset of its expression."""

    def evaluate_at(cells: Cells) -> Value:
        try:
            return evaluate(cells)
        except Failure as failure:
            raise failure.at(pos)  # noqa: B904 - the same failure

    return evaluate_at


def placed(evaluate: Evaluate, base: int) -> Evaluate:
    """The closure of an expression with its failures placed in the source, where it starts at ``base``."""

    def evaluate_within(cells: Cells) -> Value:
        try:
            return evaluate(cells)
        except Failure as failure:
            raise failure.within(base)  # noqa: B904 - the same failure

    return evaluate_within


def sequence(steps: list[Execute], cost: int) -> Execute:
    """Runs steps in a row and counts their work once."""

    def run(cells: Cells, emit: Emit) -> None:
        state = cells[0]
        state.work -= cost
        if state.work < 0:
            raise LimitFailure("work", state.limits.work)
        for step in steps:
            step(cells, emit)

    if len(steps) != 1:
        return run
    only = steps[0]

    def run_only(cells: Cells, emit: Emit) -> None:
        state = cells[0]
        state.work -= cost
        if state.work < 0:
            raise LimitFailure("work", state.limits.work)
        only(cells, emit)

    return run_only


def simple_if(base: int, test: Evaluate, body: Execute, otherwise: Execute | None) -> Execute:
    """``if`` with one condition, by far the most common."""

    def choose(cells: Cells, emit: Emit) -> None:
        try:
            chosen = test(cells)
        except Failure as failure:
            raise failure.within(base)  # noqa: B904 - the same failure
        if chosen:
            body(cells, emit)
        elif otherwise is not None:
            otherwise(cells, emit)

    return choose


def encoded_output(value: Evaluate, base: int) -> Execute:
    """Writes a value, and as JSON too if it goes to the root's output."""

    def write(cells: Cells, emit: Emit) -> None:
        state = cells[0]
        try:
            result = value(cells)
            emit(printed(result))
            if emit is state.root_emit:
                encoded = dump(state, result, [])
                state.encoded.append("" if encoded is UNDEFINED else encoded)
        except Failure as failure:
            raise failure.within(base)  # noqa: B904 - the same failure

    return write
