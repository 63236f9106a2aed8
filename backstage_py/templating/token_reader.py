"""Reads the tokens of one piece of code from front to back; failures name the token that was found."""

from backstage_py.js.errors import Failure
from backstage_py.templating import hints
from backstage_py.templating.lexer import Token, tokenize


class TokenReader:
    """What the parser of expressions reads from."""

    __slots__ = ("_code", "_index", "_tokens")

    def __init__(self, code: str) -> None:
        self._code = code
        self._tokens = tokenize(code)
        self._index = 0

    def rest(self) -> tuple[int, str]:
        """The code that is not taken yet, with its offset."""
        start = self.peek().pos
        return start, self._code[start:]

    def peek(self, ahead: int = 0) -> Token:
        """A token that is not taken yet."""
        index = self._index + ahead
        return self._tokens[index if index < len(self._tokens) else -1]

    def advance(self) -> Token:
        """Takes a token."""
        token = self.peek()
        self._index += 1
        return token

    def take(self, operator: str) -> bool:
        """Takes the operator if it is next."""
        token = self._tokens[self._index] if self._index < len(self._tokens) else self._tokens[-1]
        if token.value != operator or token.kind != "operator":
            return False
        self._index += 1
        return True

    def take_name(self, name: str) -> bool:
        """Takes the name if it is next."""
        token = self.peek()
        if token.value != name or token.kind != "name":
            return False
        self._index += 1
        return True

    def expect(self, *operators: str) -> None:
        """Takes the last of the operators; the failure names it."""
        if not self.take(operators[-1]):
            raise self.failure(f'Expected "{operators[-1]}"{self._instead()}')

    def end(self) -> None:
        """Nothing may follow.

        Raises:
            Failure: something does.
        """
        token = self.peek()
        if token.kind != "end":
            raise self.failure(f"Expected the end of the expression{self._instead()}", token)

    def failure(self, message: str, token: Token | None = None) -> Failure:
        """A failure at a token, by default the next one."""
        place = token or self.peek()
        index = self._tokens.index(place) if place in self._tokens else 0
        before = self._tokens[index - 1].value if index else ""
        return Failure(message, pos=place.pos, hint=hints.unexpected_token(before, place.value), syntax=True)

    def _expect(self, kind: str) -> Token:
        token = self.peek()
        if token.kind != kind:
            raise self.failure(f"Expected a {kind}{self._instead()}", token)
        self._index += 1
        return token

    def _instead(self) -> str:
        token = self.peek()
        return ", but the expression ends" if token.kind == "end" else f', not "{token.value}"'
