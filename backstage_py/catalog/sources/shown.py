"""What a source shows, and whether that can be all."""

from collections.abc import Collection

from backstage_py.errors import ForeignError


def must_show(host: str, what: str, several: Collection[object]) -> None:
    """Take an answer with nothing at all for what a token without rights gets.

    Raises:
        ForeignError: there is nothing.
    """
    if not several:
        raise ForeignError(
            f"{host} shows no {what} at all, which is what a token that has lost its rights is shown, too"
        )
