"""Finding the server that answers: an argument, the environment, a launched server, or the embedded engine."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit, urlunsplit

from vlnb.endpoint import failures, record
from vlnb.endpoint.client import Endpoint
from vlnb.errors import BadAnswer, BadInput, ServerRefused, VlnbError

NO_KEY = "EMPTY"  # what servers without keys are sent: openai wants one
_ASK_S = 5.0  # a server that lists its models is quick; a dead address should not hold a person up
_ENVIRONMENT = "VLNB_BASE_URL"
_LAUNCHED = "the server launched from here"


@dataclass(frozen=True)
class Candidate:
    """An address that may answer, and where it came from."""

    base_url: str
    api_key: str
    origin: str


def connect(
    base_url: str | None = None,
    *,
    api_key: str | None = None,
    model: str | None = None,
    first_token_s: float = 120.0,
    total_s: float = 600.0,
    announce: Callable[[str], object] | None = print,
) -> Endpoint:
    """Return the `Endpoint` to use, after it has answered, and announce it in one line.

    In this order: `base_url`; the variables VLNB_BASE_URL, VLNB_API_KEY and VLNB_MODEL; a server launched from here
    that still answers; else the embedded engine, started in this process. The model's name is asked of the server.
    Raises `NoServer`, `ServerRefused`, `BadAnswer` or `BadInput` where the server that was named does not answer well:
    another is not taken in its place.
    """
    candidate = resolve(base_url, api_key)
    if candidate is None:
        from vlnb import embedded

        candidate = Candidate(embedded.start().base_url, NO_KEY, "embedded")
    elif candidate.origin != _LAUNCHED:
        model = model or os.environ.get("VLNB_MODEL") or None
    names = models(candidate)
    if model and model not in names:
        raise ServerRefused(
            f"{candidate.base_url} does not serve the model {model!r}. It serves: {', '.join(names)}."
            " Name one of these (VLNB_MODEL), or none to take the first.",
            status=404,
        )
    endpoint = Endpoint(
        candidate.base_url, model or names[0], candidate.api_key, candidate.origin, first_token_s, total_s
    )
    if announce:
        announce(endpoint.describe())
    return endpoint


def resolve(base_url: str | None = None, api_key: str | None = None) -> Candidate | None:
    """Return the server to use, or None for the embedded engine. Asks only a launched server whether it answers."""
    named = os.environ.get("VLNB_BASE_URL", "").strip()
    if base_url or named:
        address = normalise(base_url or named)
        # The key in the environment belongs to the server named there: no other host gets to see it.
        own = not base_url or not named or urlsplit(normalise(named)).netloc == urlsplit(address).netloc
        key = api_key or (os.environ.get("VLNB_API_KEY") if own else None) or NO_KEY
        return Candidate(address, key, "argument" if base_url else _ENVIRONMENT)
    for launched in record.live()[:1]:
        candidate = Candidate(launched.base_url, api_key or os.environ.get("VLNB_API_KEY") or NO_KEY, _LAUNCHED)
        try:
            models(candidate)
        except VlnbError:
            return None  # a stale record, or a server that has died since
        return candidate
    return None


def normalise(address: str) -> str:
    """Return `address` as a base URL: with a scheme, ending in /v1 where no path was given. Raises `BadInput`."""
    text = address.strip()
    parts = urlsplit(text if "://" in text else f"http://{text}")
    if parts.scheme not in {"http", "https"} or not parts.hostname or " " in text or not _port_is_valid(parts):
        raise BadInput(f"{address!r:.200} is not the address of a server. It looks like http://127.0.0.1:30000/v1.")
    if parts.username or parts.password:
        raise BadInput("The server's address holds a user or password; pass a key as VLNB_API_KEY instead.")
    path = parts.path.rstrip("/").removesuffix("/chat/completions").removesuffix("/models")
    return urlunsplit((parts.scheme, parts.netloc, path or "/v1", "", ""))


def models(candidate: Candidate) -> list[str]:
    """Return the names of the models a server has, the first its default. Raises a `VlnbError` with a sentence."""
    import httpx2

    server = candidate.base_url
    hint = ""
    if candidate.origin == _ENVIRONMENT:
        hint = "VLNB_BASE_URL names it: correct it, or unset it to use the embedded engine."
    elif candidate.origin == "argument":
        hint = "Start one (notebook 02_launch), or leave the address out to use the embedded engine."
    try:
        response = httpx2.get(
            f"{server}/models", headers={"authorization": f"Bearer {candidate.api_key}"}, timeout=_ASK_S
        )
    except (httpx2.TransportError, httpx2.InvalidURL) as error:
        raise failures.unreachable(server, error, hint=hint) from error
    except UnicodeEncodeError as error:
        raise BadInput("The API key holds characters that cannot be sent; copy it again.") from error
    if response.status_code != httpx2.codes.OK:
        raise failures.explain_response(server, response, secret=candidate.api_key)
    try:
        names = [str(entry["id"]) for entry in response.json()["data"]]
    except (ValueError, KeyError, TypeError) as error:
        raise BadAnswer(
            f"Something answers at {server}, but it is no OpenAI-compatible server (its /models lists no models)."
            " Is the port right, and does the address end in /v1?"
        ) from error
    if not names:
        raise BadAnswer(f"{server} answers, but serves no model. Load one on it first.")
    return names


def _port_is_valid(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:  # no number, or over 65535
        return False
