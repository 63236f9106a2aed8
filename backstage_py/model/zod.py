"""Messages of the npm package ``zod``, with which Backstage checks predicates and the parameters of rules."""


def invalid_type(expected: str, received: str) -> str:
    """Return the message for a value of another type; both are named as ``typeof`` does, or ``array``, ``null``."""
    return "Required" if received == "undefined" else f"Expected {expected}, received {received}"
