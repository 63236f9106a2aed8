"""Lists of a foreign API as they must be: of the known shape, and with an end."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from backstage_py.errors import ForeignError
from backstage_py.integrations.web.http import Answer
from backstage_py.model.json import Json, JsonObject

MOST_PAGES = 10_000
_MOST_BYTES = 512 * 1024 * 1024


@dataclass(slots=True)
class Pages:
    """The pages of one list, counted: a host that goes on without end fills no memory.

    Attributes:
        url: of the first one.
    """

    url: str
    _count: int = 0
    _size: int = 0
    _last: bytes = b""

    def counted(self, answer: Answer) -> Answer:
        """Return a page, unless it is one too many.

        Raises:
            ForeignError: it is, or the same page has come twice.
        """
        self._count += 1
        self._size += len(answer.body)
        if self._count > MOST_PAGES or self._size > _MOST_BYTES:
            bound = f"{MOST_PAGES:,} pages or {_MOST_BYTES // (1024 * 1024)} MiB"
            raise ForeignError(f"The list {self.url} has more than {bound}, the most that is read")
        if answer.body == self._last:
            raise ForeignError(f"The list {self.url} has the same page again and again")
        self._last = answer.body
        return answer

    def check_total(self, told: str | None, found: int) -> None:
        """Compare what has come with what the host says there is, where it does.

        Raises:
            ForeignError: some is missing.
        """
        if told and told.isdecimal() and int(told) > found:
            raise ForeignError(f"The list {self.url} has {told} entries and ended after {found}")

    def following(self, url: str) -> str:
        """Return the address of the next page, as the host gave it.

        Raises:
            ForeignError: it is elsewhere, or without TLS where the first had it; the token would go there.
        """
        here, there = urlsplit(self.url), urlsplit(url)
        if (here.scheme, here.netloc) != (there.scheme, there.netloc):
            raise ForeignError(f"The next page of {self.url} is elsewhere: {there.scheme}://{there.netloc}")
        return url


def onward(cursor: Json, before: str | None, what: str) -> str:
    """Return the cursor of the next page, where a page says that there is one.

    Raises:
        ForeignError: it is that of the page itself, which would come again and again.
    """
    if not isinstance(cursor, str) or not cursor or cursor == before:
        raise ForeignError(f"{what} has the same page again and again")
    return cursor


def objects(value: Json, url: str) -> list[JsonObject]:
    """Return a list of objects, as a host gave it.

    Raises:
        ForeignError: it is something else, such as a message beside a status of 200.
    """
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise ForeignError(f"{url} was answered with something else than a list")
    return value


def member(value: Json, name: str, url: str) -> list[JsonObject]:
    """Return the list of objects that a page has in a member.

    Raises:
        ForeignError: it has none.
    """
    return objects(value.get(name) if isinstance(value, dict) else None, url)
