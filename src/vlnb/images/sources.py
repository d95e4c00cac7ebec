"""Get the bytes of a picture from a path, an address, an open file, an array or an upload."""

from __future__ import annotations

import base64
import difflib
import os
import re
import urllib.parse
import urllib.request
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from vlnb import fetch
from vlnb.errors import BadInput
from vlnb.images.sizing import check_pixels
from vlnb.local import expanded

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

_REDIRECTS = 10
# Characters that are often copied along with a path.
_AROUND_PATHS = " \t\r\n\xa0\u3000\u202f\"'`“”„‘’«»<>「」\ufeff\u200b\u200e\u200f\u202a\u202c\u2060\u2066\u2068\u2069"
_BASE64 = re.compile(r"(?:iVBORw0KGgo|/9j/|R0lGOD|UklGR|JVBERi)[\w+/=\s-]{100}")  # the file itself, without "data:"


def from_text(text: str, *, max_bytes: int, timeout_s: float) -> tuple[bytes, str]:
    """Return (bytes, display name) of a path or a `file://`, `http(s)://` or `data:` address.

    Ignores white space and quotes around it. Raises `BadInput`.
    """
    if os.path.exists(text):  # noqa: PTH110 - False also for a text that cannot be a path
        return from_path(Path(text), max_bytes=max_bytes)
    text = text.strip(_AROUND_PATHS)
    if not text:
        raise BadInput("The name of the picture is empty: pass a path or an address.")
    if _BASE64.match(text):
        text = f"data:;base64,{text}"
    scheme = text.partition(":")[0].lower()
    if scheme in {"http", "https"}:
        return _from_url(text, max_bytes=max_bytes, timeout_s=timeout_s)
    if scheme == "data":
        return from_data_uri(text, max_bytes=max_bytes), "the picture in the data URI"
    return from_path(_path(text, scheme), max_bytes=max_bytes)


def _path(text: str, scheme: str) -> Path:
    """Return the path that a text or a `file://` address names. Raises `BadInput`."""
    if scheme == "file":
        try:
            parts = urllib.parse.urlsplit(text)
        except ValueError as error:
            raise BadInput(f"{text:.200} is not a valid address ({error}). Check it.") from error
        if parts.netloc not in {"", "localhost"}:
            raise BadInput(
                f"{text} names a file on the host {parts.netloc!r}; only this machine's files can be opened."
            )
        text = urllib.request.url2pathname(parts.path)
    elif "://" in text:
        raise BadInput(f"{fetch.shown_url(text)} cannot be fetched: pictures come from http://, https:// and file://.")
    elif os.name == "posix":  # as a shell and the terminal of macOS write spaces
        text = re.sub(r"\\(.)", r"\1", text)
    return Path(text)


def from_path(path: Path, *, max_bytes: int) -> tuple[bytes, str]:
    """Return (bytes, name) of a file. Raises `BadInput`."""
    try:
        path = expanded(path)
        if path.is_dir():
            raise BadInput(f"{path} is a folder. Name a picture in it.")
        if not path.exists():
            raise missing(path)
        if not path.is_file():
            raise BadInput(f"{path} is a device or a pipe, not a file with a picture in it.")
        if path.stat().st_size > max_bytes:
            raise _too_many_bytes(str(path), max_bytes)
        return path.read_bytes(), str(path)
    except PermissionError as error:
        raise BadInput(f"{path} cannot be read: this user has no permission. Check it with ls -l.") from error
    except (OSError, ValueError) as error:
        raise BadInput(f"{str(path)!r:.200} cannot be opened: {getattr(error, 'strerror', None) or error}.") from error


def from_stream(stream: IO[bytes], name: str, *, max_bytes: int) -> bytes:
    """Return the rest of an open stream. Raises `BadInput` if it cannot be read, is open as text, or is too long."""
    try:
        data = stream.read(max_bytes + 1)
    except (OSError, ValueError) as error:  # also of bytes that are not text
        raise BadInput(f"{name} cannot be read ({error}). Open it in binary mode: open(path, 'rb').") from error
    if not isinstance(data, bytes):
        raise BadInput(f"{name} is open as text; open it in binary mode: open(path, 'rb').")
    return limited(data, name, max_bytes)


def limited(data: bytes, name: str, max_bytes: int) -> bytes:
    """Return `data`. Raises `BadInput` if it is too long."""
    if len(data) > max_bytes:
        raise _too_many_bytes(name, max_bytes)
    return data


def from_upload(value: Any) -> tuple[bytes, str] | None:  # noqa: ANN401 - ipywidgets is not imported for a type
    """Return (bytes, name) of an ipywidgets `FileUpload`, its `.value`, or one entry of it; None for anything else.

    Raises `BadInput` for an upload of no file, or of several.
    """
    if hasattr(value, "value") and hasattr(value, "accept"):  # the widget itself
        value = value.value
    if isinstance(value, tuple | list) and all(isinstance(item, dict) and "content" in item for item in value):
        if len(value) != 1:
            problem = "nothing is uploaded yet" if not value else f"it holds {len(value)} files"
            raise BadInput(f"The upload must hold one picture, and {problem}. Load one: images.load(upload.value[0]).")
        value = value[0]
    if isinstance(value, dict) and isinstance(content := value.get("content"), bytes | bytearray | memoryview):
        return bytes(content), str(value.get("name") or "the uploaded picture")
    return None


def from_array(array: np.ndarray[Any, Any], name: str, *, max_pixels: int) -> Image.Image:
    """Return a Pillow image of an array of shape (height, width) or (height, width, 1, 3 or 4).

    Floats are from 0 to 1, 16-bit integers from 0 to 65535, others from 0 to 255. Raises `BadInput` otherwise.
    """
    import numpy as np
    from PIL import Image

    if array.size == 0:
        raise BadInput(f"{name} has the shape {array.shape}: it is empty.")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in {3, 4})):
        raise BadInput(
            f"{name} has the shape {array.shape}; a picture is (height, width), or (height, width, 3 or 4)."
            " Channels first? Use array.transpose(1, 2, 0)."
        )
    check_pixels(name, array.shape[1], array.shape[0], max_pixels, cure="Shrink it, or pass max_pixels to images.load.")
    kind = array.dtype.kind
    if kind not in "bfui":
        raise BadInput(f"{name} holds {array.dtype}, not numbers of a picture; use uint8.")
    if array.dtype.str.endswith("u2"):
        array = array.astype(np.uint16)  # in native byte order
    highest = 1 if kind in "bf" else 65535 if array.dtype == np.uint16 else 255
    if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= highest):
        values = "floats" if kind == "f" else "integers"
        raise BadInput(f"{name} holds {values} outside 0 to {highest}; scale them, or convert them to uint8.")
    if array.ndim == 2 and kind == "f":
        array = array.astype(np.float32)  # `from_pil` scales grey of more than 8 bits, as in a file
    elif array.dtype != np.uint8 and not (array.ndim == 2 and array.dtype == np.uint16):
        array = (array * (255 / highest)).round().astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(array))


def _from_url(url: str, *, max_bytes: int, timeout_s: float) -> tuple[bytes, str]:
    import httpx2

    from vlnb._version import __version__

    name = fetch.shown_url(url) if "://" in url else f"{url.partition(':')[0]}:…"
    headers = {"user-agent": f"vlnb/{__version__}", "accept": "image/*,application/pdf;q=0.9,*/*;q=0.1"}
    try:
        answer = fetch.get(url, headers=headers, max_bytes=max_bytes, total_s=timeout_s, redirects=_REDIRECTS)
    except TimeoutError as error:
        raise BadInput(
            f"{name} did not send a picture within {timeout_s:g} s. Try again, or pass a larger timeout_s."
        ) from error
    except fetch.TooLarge as error:
        raise _too_many_bytes(name, max_bytes) from error
    except fetch.BadRedirect as error:
        raise BadInput(f"{name} cannot be fetched: {error}. Download the picture and load the file.") from error
    except (httpx2.HTTPError, ExceptionGroup) as error:
        cause = getattr(error, "exceptions", [error])[0]
        raise BadInput(f"{name} cannot be reached ({cause}). Check the address and this machine's network.") from error
    except (httpx2.InvalidURL, ValueError) as error:  # not quoted: its text contains the full address
        raise BadInput(f"{name} cannot be fetched: it is not a valid address. Check its host and port.") from error
    if answer.status != httpx2.codes.OK:
        raise BadInput(f"{name} answered {answer.status} {answer.reason} instead of a picture. {_cure(answer.status)}")
    return answer.body, name


def _cure(status: int) -> str:
    if status in {401, 403}:
        return "The site requires a login: download the picture and load the file."
    if status in {404, 410}:
        return "Check the address."
    return "Try again later, or download the picture and load the file."


def from_data_uri(uri: str, *, max_bytes: int) -> bytes:
    """Decode a `data:` address as browsers do, also in the URL-safe alphabet. Raises `BadInput`.

    >>> from_data_uri("data:text/plain;BASE64, aGk", max_bytes=100)
    b'hi'
    """
    head, comma, body = re.sub(r"\\(?:[nr]|(?=/))", "", uri).partition(",")  # as JSON writes it
    if not comma:
        raise BadInput("The data URI has no comma, and so no data. It should look like data:image/png;base64,….")
    data = urllib.parse.unquote_to_bytes(body)
    is_base64 = re.search(r"[;:]\s*base64\s*$", head, re.IGNORECASE)
    if is_base64:
        data = b"".join(data.split()).translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=;")
    if len(data) > (max_bytes * 4 / 3 + 8 if is_base64 else max_bytes):
        raise _too_many_bytes("The data URI", max_bytes)
    try:
        return base64.b64decode(data + b"=" * (-len(data) % 4), validate=True) if is_base64 else data
    except ValueError as error:
        raise BadInput(f"The data URI is not valid base64 ({error}). Was it cut off?") from error


def missing(path: Path) -> BadInput:
    """Return the error for a path that does not exist, with the closest existing name."""
    folder = path.parent
    if not folder.is_dir():
        return BadInput(f"There is no file {path}: the folder {folder} does not exist either.")
    similar = difflib.get_close_matches(path.name, [entry.name for entry in folder.iterdir()], n=1, cutoff=0.6)
    hint = f"; did you mean {folder / similar[0]}?" if similar else f". (Looked in {folder.resolve()}.)"
    return BadInput(f"There is no file {path}{hint}")


def _too_many_bytes(name: str, limit: int) -> BadInput:
    return BadInput(f"{name} is too large: the limit is {limit / 1e6:.0f} MB. Use a smaller copy, or pass max_bytes.")
