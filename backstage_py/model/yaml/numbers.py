"""Numbers as JavaScript prints them."""

import math

_FIXED_BELOW = 21
_FIXED_ABOVE = -7


def js_number(value: float) -> str:
    """`String(value)`: the shortest digits that read back, without exponent from 1e-6 up to 1e21."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = f"{abs(value)!r}".partition("e")
    whole, _, part = mantissa.partition(".")
    digits = (whole + part).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + part) - len((whole + part).lstrip("0")))
    digits = digits.rstrip("0")
    return sign + _place(digits, point)


def _place(digits: str, point: int) -> str:
    """The decimal point after `point` digits."""
    if len(digits) <= point <= _FIXED_BELOW:
        return digits + "0" * (point - len(digits))
    if 0 < point <= _FIXED_BELOW:
        return f"{digits[:point]}.{digits[point:]}"
    if _FIXED_ABOVE < point - 1 < 0 or point == 0:
        return "0." + "0" * -point + digits
    exponent = point - 1
    head = digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
    return f"{head}e{'+' if exponent >= 0 else '-'}{abs(exponent)}"


def exponential(value: float) -> str:
    """`value.toExponential()`: the shortest digits, one of them before the point."""
    if value == 0:
        return "0e+0"
    exponent = math.floor(math.log10(abs(value)))
    for guess in (exponent - 1, exponent, exponent + 1):
        digits = f"{abs(value)!r}".partition("e")[0].replace(".", "").strip("0") or "0"
        head = digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
        text = f"{'-' if value < 0 else ''}{head}e{guess:+d}"
        if float(text) == value:
            return text
    return js_number(value)
