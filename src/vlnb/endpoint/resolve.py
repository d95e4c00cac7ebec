"""Find the server to use: an argument, the environment, a launched server, or the embedded engine."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

from vlnb import fetch
from vlnb.catalog import EMBEDDED_MODEL
from vlnb.endpoint import failures, record
from vlnb.endpoint.client import Endpoint
from vlnb.endpoint.keys import NO_KEY, bearer, key_for, redacted
from vlnb.errors import BadAnswer, BadInput, ServerRefused, VlnbError

_ENVIRONMENT = "VLNB_BASE_URL"
_EMBEDDED, _LAUNCHED = "embedded", "the server launched from here"
_NO_CHAT = re.compile(
    r"embed(?!ded)|rerank|minilm|bge-|clip|whisper|tts|speech|guard|moderation|dall-e|diffusion|davinci|babbage",
    re.IGNORECASE,
)
_SEES = re.compile(
    r"vl(?:m|(?![a-z]))|vision|llava|pixtral|molmo|moondream|minicpm|gemma-?[34]|omni|multimodal|ocr|\dv\b|gpt-4o",
    re.IGNORECASE,
)


def connect(
    base_url: str | None = None,
    *,
    api_key: str | None = None,
    model: str | None = None,
    first_token_s: float = 120.0,
    total_s: float = 600.0,
    announce: Callable[[str], object] | None = print,
) -> Endpoint:
    """Return the `Endpoint` to use, once it has answered, and announce it in one line.

    The order: `base_url`; the variables VLNB_BASE_URL, VLNB_API_KEY and VLNB_MODEL; a server launched from here that
    still answers; else the embedded engine, started in this process. Without `model`, the server supplies the model's
    name. If a named server fails, `connect` raises: it never falls back to another.

    Raises:
        BadInput: The address or the key cannot be used.
        NoServer: Nothing answers at the address.
        ServerRefused: The server refuses, or does not serve the model.
        BadAnswer: What answers is not an OpenAI-compatible server.
    """
    server = resolve(base_url, api_key)
    if server is None:
        server = _embedded("No server is named, and the embedded engine that answers without one")
    endpoint = replace(server, model=served(server, model)[0], first_token_s=first_token_s, total_s=total_s)
    if announce:
        announce(endpoint.describe())
    return endpoint


def served(server: Endpoint, model: str | None = None) -> list[str]:
    """Return the names of a server's models, the one to ask first: `model`, VLNB_MODEL, or the one that fits best.

    Models that see fit best, and those that do not chat fit least.

    Raises:
        NoServer, ServerRefused, BadAnswer, BadInput: As for `connect`.
    """
    if server.origin not in {_LAUNCHED, _EMBEDDED}:
        model = model or os.environ.get("VLNB_MODEL")
    names = models(server, named=model)
    if model and model not in names:
        raise ServerRefused(
            f"{server.base_url} does not serve the model {model!r}. It serves: {', '.join(names)}."
            " Pass one of these (VLNB_MODEL), or none to let vlnb choose.",
            status=404,
        )
    return sorted(names, key=lambda name: (name != model, bool(_NO_CHAT.search(name)), not _SEES.search(name)))


def _embedded(purpose: str) -> Endpoint:
    """Start the embedded engine, unless this process has one already."""
    from vlnb import extras

    extras.require("engine", purpose)
    from vlnb import embedded

    return Endpoint(embedded.start().base_url, "", origin=_EMBEDDED)


def current_address(base_url: str, model: str) -> str:
    """Return the current address of a server used before. An embedded engine that has ended starts at a new address.

    Raises:
        BadInput: The embedded engine is not installed.
    """
    if model != EMBEDDED_MODEL:
        return base_url
    try:
        models(Endpoint(base_url, ""))
    except VlnbError:
        return _embedded("The embedded engine, which answered the rest of this run,").base_url
    return base_url


def resolve(base_url: str | None = None, api_key: str | None = None) -> Endpoint | None:
    """Return the server to use, without its model, or None for the embedded engine.

    Sends a request only to a launched server, to see whether it still answers.

    Raises:
        BadInput: The address cannot be used.
    """
    named = os.environ.get("VLNB_BASE_URL", "").strip()
    api_key = (api_key or "").strip()
    if base_url or named:
        address = normalise(base_url or named)
        key = api_key or key_for(address, typed=True)
        return Endpoint(address, "", key, "argument" if base_url else _ENVIRONMENT)
    for launched in record.live()[:1]:
        server = Endpoint(launched.base_url, "", api_key or key_for(launched.base_url, typed=True), _LAUNCHED)
        with contextlib.suppress(VlnbError):  # a stale record, or a server that has died since
            models(server)
            return server
    return None


def normalise(address: str) -> str:
    """Return `address` as a base URL with a scheme, and with the path /v1 if it has none.

    >>> normalise("host:30000"), normalise("https://host.example/openai/v1/chat/completions")
    ('http://host:30000/v1', 'https://host.example/openai/v1')

    Raises:
        BadInput: It is not the address of a server, or contains a password.
    """
    text = address.strip()
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        valid = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0 and " " not in text
    except ValueError:  # brackets that do not close, a port that is not a number or over 65535
        valid = False
    if not valid:
        safe = fetch.shown_url(text)
        raise BadInput(f"{safe!r:.200} is not the address of a server. It looks like http://127.0.0.1:30000/v1.")
    if parts.username is not None:
        raise BadInput("The server's address contains a user or password. Pass a key as VLNB_API_KEY instead.")
    path = parts.path.rstrip("/").removesuffix("/chat/completions").removesuffix("/models")
    return urlunsplit((parts.scheme, parts.netloc, path or "/v1", "", ""))


def models(server: Endpoint, *, named: str | None = None) -> list[str]:
    """Return the names of a server's models, its default first.

    If the server lists none, assume that it serves the model `named`: the first question shows whether it does.

    Raises:
        NoServer, ServerRefused, BadAnswer, BadInput: As for `connect`.
    """
    address, key = server.base_url, server.api_key
    hint = ""
    if server.origin == _ENVIRONMENT:
        hint = "VLNB_BASE_URL names it: correct it, or unset it to use the embedded engine."
    elif server.origin == "argument":
        hint = "Start one (notebook 02_launch), or leave the address out to use the embedded engine."
    answer = look_up(address, "/models", key=key, hint=hint)
    if named and (300 <= answer.status < 400 or answer.status in {404, 405, 501}):
        return [named]
    if answer.status != 200:
        raise failures.refused(address, answer, secret=key)
    try:
        listed = json.loads(answer.body)
        listed = listed if isinstance(listed, list) else listed["data"] if "data" in listed else listed["models"]
        ids = (entry if isinstance(entry, str) else entry.get("id") or entry["name"] for entry in listed or ())
        names = [redacted(str(name), key) for name in ids]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadAnswer(
            f"Something answers at {address}, but it is not an OpenAI-compatible server (its /models lists no models)."
            " Is the port right, and does the address end in /v1?"
        ) from error
    if not names and named:
        return [named]
    if not names:
        raise BadAnswer(f"{address} answers, but serves no model. Load one first.")
    return names


def look_up(server: str, path: str, *, key: str = NO_KEY, hint: str = "") -> fetch.Fetched:
    """Send a GET request to `server` and return its answer, of at most 1 MB and within 5 s.

    Raises:
        NoServer: The server does not answer.
        BadAnswer: The answer is larger.
        BadInput: The key cannot be sent.
    """
    import httpx2

    try:
        return fetch.get(f"{server}{path}", headers=bearer(key), total_s=fetch.LOOKUP_S)
    except fetch.TooLarge as error:
        raise BadAnswer(
            f"{server} sends {error} in answer to {path}: that is not an OpenAI-compatible server. Is the port right?"
        ) from error
    except (TimeoutError, httpx2.HTTPError, httpx2.InvalidURL, ValueError, ExceptionGroup) as error:
        raise failures.unreachable(server, error, hint=hint, secret=key) from None
