"""Which key goes to which server: the rule that all requests of vlnb follow.

1. A key that is passed for an address goes to that address.
2. `VLNB_API_KEY` goes to the server that `VLNB_BASE_URL` names. If that is not set, it goes to the address typed for
   this call, or to a server that was launched from here and is still alive.
3. No key goes anywhere else: not to an address read from a file, and not to the target of a redirect.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from vlnb.errors import BadInput

NO_KEY = "EMPTY"  # stands for no key, as in openai's own examples
_SHORT = 5  # characters: a shorter key is no secret
# Keys that the documentation of servers without keys asks for.
_NO_SECRETS = frozenset(
    "ollama lm-studio not-needed no-key-required sk-no-key-required no-key nokey dummy unused".split()
)
_PORTS = {"http": 80, "https": 443}


def key_for(base_url: str, *, typed: bool = False) -> str:
    """Return the key in the environment if it belongs to `base_url`, else `NO_KEY`.

    `typed` says that the user gave the address for this very call, or that the server was launched from here.
    """
    return (os.environ.get("VLNB_API_KEY", "").strip() if belongs(base_url, typed=typed) else "") or NO_KEY


def belongs(base_url: str, *, typed: bool = False) -> bool:
    """Return whether the key in the environment, if there is one, belongs to `base_url`; `typed` as in `key_for`."""
    named = os.environ.get("VLNB_BASE_URL", "").strip()
    return same_server(named, base_url) if named else typed


def withheld(base_url: str) -> str:
    """Return a sentence if `VLNB_API_KEY` is set but does not go to `base_url`, else ""."""
    if not os.environ.get("VLNB_API_KEY") or key_for(base_url) != NO_KEY:
        return ""
    return f"VLNB_API_KEY is not sent to {base_url}: set VLNB_BASE_URL to this address if the key belongs there."


def redacted(text: str, key: str) -> str:
    """Return a text without `key`, which some servers repeat in their errors.

    A documented placeholder, such as "ollama", is no secret, and part of honest names, addresses and answers.

    >>> redacted("wrong key sk-12345", "sk-12345"), redacted("ollama/qwen2.5vl", "ollama")
    ('wrong key …', 'ollama/qwen2.5vl')
    """
    key = key.strip()
    return text if len(key) <= _SHORT or key.lower() in _NO_SECRETS else text.replace(key, "…")


def same_server(first: str, second: str) -> bool:
    """Return whether two addresses have the same scheme, host and port.

    >>> same_server("http://host", "http://host:80/v1"), same_server("http://host", "https://host")
    (True, False)
    """
    return _origin(first) == _origin(second) is not None


def bearer(key: str) -> dict[str, str]:
    """Return the header that carries `key`, empty without a key.

    Raises:
        BadInput: The key cannot be sent.
    """
    if not (key.isascii() and key.isprintable()):
        raise BadInput("The API key contains characters that cannot be sent. Copy it again.")
    return {} if key in {"", NO_KEY} else {"authorization": f"Bearer {key}"}


def _origin(address: str) -> tuple[str, str, int | None] | None:
    text = address.strip()
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        return (parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)) if parts.hostname else None
    except ValueError:  # a port that is not a number
        return None
