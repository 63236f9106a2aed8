"""The conditions of an AnalysisTemplate, such as ``len(result) > 0 && result[0] < 0.05``.

They are in the language of expr-lang/expr; this has of it what such conditions are made of.
"""

import ast
import math
import operator
import re
from collections.abc import Callable
from typing import Any

_COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_COUNTED: dict[type[ast.operator], Callable[[Any, Any], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "len": len,
    "isNaN": math.isnan,
    "isInf": math.isinf,
    "asFloat": float,
    "asInt": int,
}
_NAMES = {"true": True, "false": False, "nil": None}


def holds(condition: str, result: Any) -> bool:
    """Return whether a condition is true of ``result``.

    Raises:
        LookupError, ValueError, TypeError: it cannot be said, as with ``result[0]`` of an empty answer.
    """
    text = condition.replace("||", " or ").replace("&&", " and ")
    text = re.sub(r"!(?!=)", " not ", text)
    return bool(_value(ast.parse(text.strip(), mode="eval").body, {**_NAMES, "result": result}))


def _value(node: ast.expr, names: dict[str, Any]) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return names[name]
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_value(one, names) for one in parts)
        case ast.BoolOp(op=ast.Or(), values=parts):
            return any(_value(one, names) for one in parts)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _value(operand, names)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, names)
        case ast.BinOp(left=left, op=op, right=right):
            return _COUNTED[type(op)](_value(left, names), _value(right, names))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _COMPARED[type(op)](_value(left, names), _value(right, names))
        case ast.Subscript(value=listed, slice=index):
            return _value(listed, names)[_value(index, names)]
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _FUNCTIONS[name](*(_value(one, names) for one in arguments))
    message = f"{ast.unparse(node)} is nothing that conditions of the tests are made of"
    raise ValueError(message)
