"""JavaScript's numbers: doubles, held as ``int`` where integral and safe, else as ``float``.

Arithmetic on two ``int`` is exact and rounds to a double as soon as the result leaves the safe range, which is what
IEEE 754 does for the same operands. Negative zero is always a ``float``.
"""

import math
import re
from collections.abc import Callable

from backstage_py.js.errors import Failure
from backstage_py.js.text import WHITESPACE

Number = int | float

SAFE = 2**53
NAN = math.nan
INFINITY = math.inf
_DECIMAL = re.compile(r"[+-]?(?:Infinity|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)", re.ASCII)
_RADIX = {
    "0x": (16, re.compile(r"[0-9a-f]+", re.IGNORECASE)),
    "0o": (8, re.compile(r"[0-7]+")),
    "0b": (2, re.compile("[01]+")),
}
_DIGITS_OF_A_DOUBLE = 1200
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def normal(value: Number) -> Number:
    """The number as this module holds it: an integral float in the safe range becomes an int."""
    if isinstance(value, int):
        return value if -SAFE <= value <= SAFE else _to_float(value)
    if value.is_integer() and -SAFE <= value <= SAFE and (value or math.copysign(1.0, value) > 0):
        return int(value)
    return value


def whole(value: Number) -> Number:
    """The number as JSON data hold it: an int where a double is exact, also for negative zero."""
    return int(value) if isinstance(value, float) and value.is_integer() and -SAFE <= value <= SAFE else value


def _to_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return INFINITY if value > 0 else -INFINITY


def from_text(text: str) -> Number:
    """What ``Number(text)`` gives."""
    text = text.strip(WHITESPACE)
    if not text:
        return 0
    if text.isascii() and text.isdigit() and len(text) < 16:  # noqa: PLR2004 - fifteen digits are always safe
        return int(text)
    prefixed = _RADIX.get(text[:2].lower())
    if prefixed is not None:
        base, pattern = prefixed
        return normal(_long_int(text[2:], base)) if pattern.fullmatch(text[2:]) else NAN
    if _DECIMAL.fullmatch(text) is None:
        return NAN
    return normal(float(text))


def _long_int(digits: str, base: int) -> int:
    """An integer of any length in a base that is a power of two, which Python does not bound."""
    return int(digits[:400], base) if len(digits) <= 400 else 1 << 2000  # noqa: PLR2004 - more digits overflow a double


def parse_float(text: str) -> Number:
    """What ``parseFloat(text)`` gives."""
    match = _DECIMAL.match(text.lstrip(WHITESPACE))
    return NAN if match is None else normal(float(match[0]))


def parse_int(text: str, radix: int) -> Number:
    """What ``parseInt(text, radix)`` gives; ``radix`` is already a 32-bit integer."""
    text = text.lstrip(WHITESPACE)
    negative = text[:1] == "-"
    if text[:1] in {"+", "-"}:
        text = text[1:]
    if radix not in range(2, 37) and radix != 0:
        return NAN
    if radix in {0, 16} and text[:2].lower() == "0x":
        text, radix = text[2:], 16
    radix = radix or 10
    allowed = _DIGITS[:radix]
    end = 0
    while end < len(text) and text[end].lower() in allowed and text[end].isascii():
        end += 1
    if end == 0:
        return NAN
    value = _parse_digits(text[:end], radix)
    if value == 0 and negative:
        return -0.0
    return -value if negative else value


def _parse_digits(digits: str, radix: int) -> Number:
    if radix == 10:  # noqa: PLR2004 - decimal digits go through the exact decimal reader
        return normal(float(digits))
    significant = digits.lstrip("0")
    if len(significant) > 1100:  # noqa: PLR2004 - beyond the range of a double in every base
        return INFINITY
    return normal(int(significant or "0", radix))


def to_int32(value: Number) -> int:
    """What ``ToInt32`` gives."""
    if not math.isfinite(value):
        return 0
    wrapped = math.trunc(value) & 0xFFFFFFFF
    return wrapped - 0x100000000 if wrapped >= 0x80000000 else wrapped  # noqa: PLR2004 - the sign bit


def to_integer(value: Number) -> Number:
    """What ``ToIntegerOrInfinity`` gives."""
    if type(value) is int:
        return value
    if value != value:  # noqa: PLR0124 - NaN
        return 0
    return math.trunc(value) if math.isfinite(value) else value


def _digits_and_exponent(value: float) -> tuple[str, int]:
    """The shortest decimal digits d1d2... and the exponent n with value = 0.d1d2... * 10**n."""
    mantissa, _, exponent = f"{value!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    if fraction == "0":
        fraction = ""
    point = len(whole) + (int(exponent) if exponent else 0)
    digits = whole + fraction
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    return stripped.rstrip("0") or "0", point


def to_text(value: Number) -> str:
    """How JavaScript prints the number."""
    if type(value) is int and -SAFE <= value <= SAFE:
        return str(value)
    value = float(value)
    if value != value:  # noqa: PLR0124 - NaN
        return "NaN"
    if value in {INFINITY, -INFINITY}:
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "0"
    if value < 0:
        return "-" + to_text(-value)
    digits, point = _digits_and_exponent(value)
    count = len(digits)
    if count <= point <= 21:  # noqa: PLR2004 - where ECMAScript changes to the exponent form
        return digits + "0" * (point - count)
    if 0 < point <= 21:  # noqa: PLR2004 - as above
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:  # noqa: PLR2004 - as above
        return "0." + "0" * -point + digits
    return _exponent_form(digits, point - 1)


def _exponent_form(digits: str, exponent: int) -> str:
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}e{'+' if exponent >= 0 else '-'}{abs(exponent)}"


def as_python(value: Number) -> int | float | None:
    """The number for JSON: None for NaN and infinities, an int for what JavaScript prints without point."""
    if isinstance(value, int):
        return value
    if value - value != 0:
        return None
    return int(to_text(value)) if value.is_integer() and abs(value) < 1e21 else value  # noqa: PLR2004 - see to_text


def add(left: Number, right: Number) -> Number:
    """``left + right``."""
    if type(left) is int and type(right) is int:
        total = left + right
        return total if -SAFE <= total <= SAFE else float(total)
    return normal(float(left) + float(right))


def subtract(left: Number, right: Number) -> Number:
    """``left - right``."""
    if type(left) is int and type(right) is int:
        total = left - right
        return total if -SAFE <= total <= SAFE else float(total)
    return normal(float(left) - float(right))


def multiply(left: Number, right: Number) -> Number:
    """``left * right``; a zero keeps the sign that IEEE 754 gives it."""
    if type(left) is int and type(right) is int:
        product = left * right
        if product == 0 and (left < 0 or right < 0):
            return -0.0
        return product if -SAFE <= product <= SAFE else float(product)
    return normal(float(left) * float(right))


def divide(left: Number, right: Number) -> Number:
    """``left / right``, with JavaScript's results for zero."""
    if right == 0:
        if left == 0 or left != left:  # noqa: PLR0124 - NaN
            return NAN
        return math.copysign(INFINITY, left) * math.copysign(1.0, right)
    if left == 0 and right < 0 and type(left) is int:
        return -0.0
    return normal(float(left) / float(right))


def remainder(left: Number, right: Number) -> Number:
    """``left % right`` with the sign of the left side."""
    if right == 0 or not math.isfinite(left) or right != right:  # noqa: PLR0124 - NaN
        return NAN
    if type(left) is int and type(right) is int and left >= 0:
        return left % abs(right)
    if not math.isfinite(right):
        return left
    return normal(math.fmod(left, right))


def power(base: Number, exponent: Number) -> Number:
    """``base ** exponent``; unlike C, 1 ** Infinity is NaN."""
    if exponent != exponent or (abs(base) == 1 and not math.isfinite(exponent)):  # noqa: PLR0124 - NaN
        return NAN
    try:
        return normal(math.pow(base, exponent))
    except OverflowError:
        return -INFINITY if base < 0 and exponent % 2 == 1 else INFINITY
    except ValueError:
        return _power_of_zero_or_negative(base, exponent)


def _power_of_zero_or_negative(base: Number, exponent: Number) -> Number:
    if base != 0:
        return NAN
    odd = math.isfinite(exponent) and exponent % 2 == 1
    return math.copysign(INFINITY, base) if odd else INFINITY


def negate(value: Number) -> Number:
    """-value."""
    return -0.0 if value == 0 and math.copysign(1.0, value) > 0 else normal(-value)


def floor(value: Number) -> Number:
    """What ``Math.floor`` gives."""
    return _integral(math.floor, value)


def ceil(value: Number) -> Number:
    """What ``Math.ceil`` gives; -0.5 becomes negative zero."""
    result = _integral(math.ceil, value)
    return -0.0 if result == 0 and value < 0 else result


def round_half_up(value: Number) -> Number:
    """What ``Math.round`` gives: halves go towards positive infinity."""
    if type(value) is int or not math.isfinite(value) or abs(value) >= SAFE:
        return value
    lower = math.floor(value)
    result = lower + 1 if value - lower >= 0.5 else lower  # noqa: PLR2004 - one half
    return -0.0 if result == 0 and (value < 0 or math.copysign(1.0, value) < 0) else result


def _integral(operation: Callable[[float], int], value: Number) -> Number:
    if type(value) is int or not math.isfinite(value):
        return value
    if value == 0:
        return value
    return normal(operation(value))


def to_fixed(value: Number, places: Number) -> str:
    """What ``toFixed`` gives."""
    count = _bounded(places, 0, 100, "toFixed() digits")
    if not math.isfinite(value) or abs(value) >= 1e21:  # noqa: PLR2004 - where ECMAScript gives the plain text
        return to_text(value)
    from decimal import ROUND_HALF_UP, Context, Decimal

    context = Context(_DIGITS_OF_A_DOUBLE, ROUND_HALF_UP)
    exact = Decimal(value).copy_abs().quantize(Decimal(1).scaleb(-count), context=context)
    return ("-" if value < 0 else "") + format(exact, "f")


def to_exponential(value: Number, places: Number | None) -> str:
    """What ``toExponential`` gives; None is the shortest form."""
    if not math.isfinite(value):
        return to_text(value)
    count = None if places is None else _bounded(places, 0, 100, "toExponential()")
    sign = "-" if value < 0 else ""
    if count is None:
        digits, point = ("0", 1) if value == 0 else _digits_and_exponent(abs(float(value)))
    else:
        digits, point = _rounded_digits(value, count + 1)
    return sign + _exponent_form(digits, point - 1)


def to_precision(value: Number, precision: Number | None) -> str:
    """What ``toPrecision`` gives."""
    if precision is None or not math.isfinite(value):
        return to_text(value)
    count = _bounded(precision, 1, 100, "toPrecision()")
    sign = "-" if value < 0 else ""
    digits, point = _rounded_digits(value, count)
    exponent = point - 1
    if exponent < -6 or exponent >= count:  # noqa: PLR2004 - where ECMAScript changes to the exponent form
        return sign + _exponent_form(digits, exponent)
    if exponent == count - 1:
        return sign + digits
    if exponent >= 0:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    return f"{sign}0.{'0' * -point}{digits}"


def _rounded_digits(value: Number, count: int) -> tuple[str, int]:
    """Exactly ``count`` digits of the absolute value, halves away from zero, and the position of the point."""
    if value == 0:
        return "0" * count, 1
    from decimal import ROUND_HALF_UP, Context, Decimal

    context = Context(_DIGITS_OF_A_DOUBLE, ROUND_HALF_UP)
    exact = Decimal(value).copy_abs()
    exponent = exact.adjusted()
    rounded = exact.quantize(Decimal(1).scaleb(exponent - count + 1), context=context)
    if rounded.adjusted() > exponent:
        exponent += 1
    return format(rounded.scaleb(count - 1 - exponent, context=context), "f").split(".")[0][:count], exponent + 1


def _bounded(value: Number, lowest: int, highest: int, what: str) -> int:
    integer = to_integer(value)
    if not lowest <= integer <= highest:
        raise Failure(f"{what} must be between {lowest} and {highest}")
    return int(integer)


def to_radix(value: Number, radix: Number) -> str:
    """What ``toString(radix)`` gives."""
    base = to_integer(radix)
    if not 2 <= base <= 36:  # noqa: PLR2004 - the bases ECMAScript allows
        raise Failure("toString() radix must be between 2 and 36")
    if base == 10 or not math.isfinite(value):  # noqa: PLR2004 - decimal
        return to_text(value)
    if value < 0:
        return "-" + to_radix(-value, radix)
    whole = math.floor(value)
    return _whole_digits(whole, int(base)) + _fraction_digits(float(value) - whole, float(value), int(base))


def _whole_digits(whole: int, base: int) -> str:
    digits = ""
    while True:
        whole, digit = divmod(whole, base)
        digits = _DIGITS[digit] + digits
        if whole == 0:
            return digits


def _fraction_digits(fraction: float, value: float, base: int) -> str:
    """The fewest digits that tell the double apart from its neighbours."""
    if fraction == 0:
        return ""
    delta = max(0.5 * (math.nextafter(value, INFINITY) - value), math.nextafter(0.0, 1.0))
    digits: list[int] = []
    while fraction >= delta:
        fraction *= base
        delta *= base
        digit = int(fraction)
        digits.append(digit)
        fraction -= digit
        if (fraction > 0.5 or (fraction == 0.5 and digit & 1)) and fraction + delta > 1:  # noqa: PLR2004 - half
            _carry(digits, base)
            break
    return "." + "".join(_DIGITS[digit] for digit in digits) if digits else ""


def _carry(digits: list[int], base: int) -> None:
    while digits and digits[-1] + 1 >= base:
        digits.pop()
    if digits:
        digits[-1] += 1
