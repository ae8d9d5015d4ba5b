"""The filter language of subscriptions: a small recursive-descent parser over attributes.

Grammar, from https://cloud.google.com/pubsub/docs/subscription-message-filter:

    expression = term, { "AND", term } | term, { "OR", term }
    term       = ( "NOT" | "-" ), term | "(", expression, ")" | test
    test       = "attributes", ":", key
               | "attributes", ".", key, ( "=" | "!=" ), string
               | "hasPrefix", "(", "attributes", ".", key, ",", string, ")"

AND and OR stand beside each other only with parentheses between them.
"""

import ast
import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from localcloud.errors import GoogleError
from localcloud.pubsub.errors import invalid
from localcloud.pubsub.limits import MAX_FILTER_BYTES

Predicate = Callable[[Mapping[str, str]], bool]

_TOKEN = re.compile(
    r'\s*("(?:[^"\\]|\\.)*"|!=|[()=:,.]|-(?![\w])|-(?=attributes|hasPrefix)|[\w-]+)'
)


@lru_cache(maxsize=1024)
def compile_filter(expression: str) -> Predicate:
    """A predicate over a message's attributes; the empty expression lets everything pass.

    Raises
    ------
    GoogleError
        INVALID_ARGUMENT when the expression is too long or is not of the language.
    """
    if len(expression.encode()) > MAX_FILTER_BYTES:
        raise invalid(f"The filter is longer than {MAX_FILTER_BYTES} bytes.")
    if not expression.strip():
        return lambda attributes: True
    return _Parser(expression).parse()


class _Parser:
    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = self._tokenize()

    def parse(self) -> Predicate:
        predicate = self._parse_expression()
        if self._tokens:
            raise self._error()
        return predicate

    def _error(self) -> GoogleError:
        return invalid(f"Invalid filter: (filter={self._expression})")

    def _tokenize(self) -> list[str]:
        """The tokens in reverse, so that the next one is popped from the end."""
        text = self._expression.strip()
        tokens, position = [], 0
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise self._error()
            tokens.append(match[1])
            position = match.end()
        return tokens[::-1]

    def _peek(self) -> str:
        return self._tokens[-1] if self._tokens else ""

    def _pop(self) -> str:
        if not self._tokens:
            raise self._error()
        return self._tokens.pop()

    def _expect(self, *tokens: str) -> None:
        for token in tokens:
            if self._pop() != token:
                raise self._error()

    def _parse_expression(self) -> Predicate:
        terms = [self._parse_term()]
        operator = self._peek()
        if operator not in ("AND", "OR"):
            return terms[0]
        while self._peek() == operator:
            self._pop()
            terms.append(self._parse_term())
        if self._peek() in ("AND", "OR"):
            raise self._error()
        combine = all if operator == "AND" else any
        return lambda attributes: combine(term(attributes) for term in terms)

    def _parse_term(self) -> Predicate:
        word = self._pop()
        if word in ("NOT", "-"):
            term = self._parse_term()
            return lambda attributes: not term(attributes)
        if word == "(":
            expression = self._parse_expression()
            self._expect(")")
            return expression
        if word == "hasPrefix":
            return self._parse_prefix()
        if word == "attributes":
            return self._parse_comparison()
        raise self._error()

    def _parse_prefix(self) -> Predicate:
        self._expect("(", "attributes", ".")
        key = self._parse_key()
        self._expect(",")
        prefix = self._parse_string()
        self._expect(")")
        return lambda attributes: attributes.get(key, "").startswith(prefix)

    def _parse_comparison(self) -> Predicate:
        separator = self._pop()
        key = self._parse_key()
        if separator == ":":
            return lambda attributes: key in attributes
        operator = self._pop()
        value = self._parse_string()
        if separator == "." and operator == "=":
            return lambda attributes: attributes.get(key) == value
        if separator == "." and operator == "!=":
            return lambda attributes: attributes.get(key) != value
        raise self._error()

    def _parse_key(self) -> str:
        token = self._pop()
        return self._unquote(token) if token.startswith('"') else self._bare(token)

    def _parse_string(self) -> str:
        return self._unquote(self._pop())

    def _bare(self, token: str) -> str:
        if not re.fullmatch(r"[\w-]+", token):
            raise self._error()
        return token

    def _unquote(self, token: str) -> str:
        if not token.startswith('"'):
            raise self._error()
        try:
            value = ast.literal_eval(token)
        except (SyntaxError, ValueError):
            raise self._error() from None
        return str(value)
