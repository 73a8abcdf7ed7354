"""Who may do what: tokens and the rights that they give."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from enum import StrEnum


class Right(StrEnum):
    """What a client may do."""

    READ = "read"
    INGEST = "ingest"
    ADMINISTER = "administer"


class Access:
    """The tokens that are valid. They are kept and compared as digests, in constant time."""

    def __init__(self, tokens: Mapping[Right, Iterable[str]], *, open_reads: bool) -> None:
        """`open_reads` lets clients without a token read."""
        self._rights = [
            (digest(token), _GIVES[right]) for right, secrets in tokens.items() for token in secrets
        ]
        self._open = frozenset({Right.READ}) if open_reads else frozenset[Right]()

    def rights(self, token: str | None) -> frozenset[Right] | None:
        """Return what a token allows; None if it is not valid. No token allows open reads."""
        if token is None:
            return self._open
        given, rights = digest(token), None
        for known, allowed in self._rights:
            # No early end: how long this takes must not tell which token was nearly right.
            if hmac.compare_digest(known, given):
                rights = (rights or frozenset()) | allowed
        return rights if rights is None else rights | self._open


_GIVES = {
    Right.READ: frozenset({Right.READ}),
    Right.INGEST: frozenset({Right.INGEST}),
    Right.ADMINISTER: frozenset(Right),
}


def digest(token: str) -> bytes:
    """Return what of a secret is kept and compared: of one length, whatever the secret's is."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
