"""Decode the bytes of a file to an upright RGB picture, or raise an error that says what is wrong with the file."""

from __future__ import annotations

import contextlib
import io
import math
import re
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast, overload

from vlnb.errors import BadInput
from vlnb.images.pdf import Document
from vlnb.images.picture import Picture
from vlnb.images.sizing import check_pixels
from vlnb.terminal import printable

if TYPE_CHECKING:
    from PIL import Image

# The formats that Pillow may open. Excluded are those that start another program (EPS) and those that are not pictures.
_FORMATS = ("PNG", "JPEG", "MPO", "GIF", "WEBP", "BMP", "DIB", "TIFF", "AVIF", "HEIF", "PPM", "ICO", "JPEG2000", "TGA")
_WEAK = ("PPM", "DIB")
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"hevm", b"mif1", b"msf1")
# The errors that Pillow's decoders raise on broken data.
_BROKEN = (
    OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, RuntimeError, struct.error, zlib.error,
)  # fmt: skip
# Pillow's error messages for intact files that it cannot decode.
_UNSUPPORTED = re.compile(
    r"unsupported|not (yet )?supported|cannot handle|unknown|unable to determine|not available", re.IGNORECASE
)
# The start of a lossless, hierarchical or JPEG-LS frame, which the decoder reports as broken.
_RARE_JPEG = re.compile(rb"\xff[\xc3\xc5-\xc7\xcb\xcd-\xcf\xf7]\0.[\x02-\x10]", re.DOTALL)
_PNG = b"\x89PNG\r\n\x1a\n"
_END_OF_JPEG, _SCAN_OF_JPEG = b"\xff\xd9", b"\xff\xda"
_MOST_NAMES = 5
_BITS_PER_SAMPLE, _PHOTOMETRIC, _TIFF_TAGS = 258, 262, range(254, 600)
_FEW_GREYS = 0.25  # of the range: a picture that uses less of it is stretched
_MIN_DPI, _MAX_DPI = 10, 1200
_MOST_FRAMES = 1000  # of a TIFF
_WHITE_NOTE = "transparency laid on white"
_SMALLER = "Load a smaller copy, or pass max_pixels to images.load."


def open_pages(data: bytes, name: str, *, dpi: int, max_pixels: int, timeout_s: float) -> Pages:
    """Return all pages of a PDF, or all frames of a picture, each decoded when it is used.

    Messages call the file `name`. Raises `BadInput` if it is empty, broken, too large, too slow, or not a picture.
    """
    if _is_pdf(data):
        document = _document(data, name, dpi, max_pixels=max_pixels, timeout_s=timeout_s)
        count = document.count()
        return Pages(name, count, partial(_page, document, dpi, count))
    data, notes = _without_damaged_chunks(data)
    with _open(data, name, max_pixels=max_pixels) as image, _reported(data, name):
        # The further frames of an MPO are a phone's depth map, not pictures.
        count = 1 if image.format == "MPO" else _frame_count(image)
    return Pages(name, count, partial(_frame, data, name, notes, count, max_pixels))


def _frame_count(image: Image.Image) -> int:
    """Count the frames, in a TIFF at most `_MOST_FRAMES`: Pillow's own count can take hours."""
    if image.format != "TIFF":
        return getattr(image, "n_frames", 1)
    for number in range(1, _MOST_FRAMES):
        try:
            image.seek(number)
        except EOFError:
            return number
    return _MOST_FRAMES


def peek(
    data: bytes, name: str, *, dpi: int, max_pixels: int, timeout_s: float, watch: Callable[[], object]
) -> tuple[tuple[int, int], Callable[[], Picture]]:
    """Return the (width, height) in pixels of the first page or frame, and a function that decodes it.

    The size comes from the header. `watch()` is called regularly while a PDF is read; an exception from it ends the
    reading. Both raise `BadInput` as `open_pages` does.
    """
    if _is_pdf(data):
        document = _document(data, name, dpi, max_pixels=max_pixels, timeout_s=timeout_s, watch=watch)
        return document.size(0, dpi), partial(_page, document, dpi, 1, 0)
    data, notes = _without_damaged_chunks(data)
    with _open(data, name, max_pixels=max_pixels) as image:
        return image.size, partial(_frame, data, name, notes, 1, max_pixels, 0)


class Pages(Sequence[Picture]):
    """The `count` pages of a document. `draw(index)` decodes one on each use: even a long document fits in memory."""

    def __init__(self, name: str, count: int, draw: Callable[[int], Picture]) -> None:
        self.name, self._count, self._draw = name, count, draw

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Picture: ...
    @overload
    def __getitem__(self, index: slice) -> list[Picture]: ...
    def __getitem__(self, index: int | slice) -> Picture | list[Picture]:
        if isinstance(index, slice):
            return [self._draw(i) for i in range(self._count)[index]]
        return self._draw(range(self._count)[index])

    def __repr__(self) -> str:
        return printable(f"<Pages {self.name}: {len(self)} page{'s' * (len(self) > 1)}>")


def _is_pdf(data: bytes) -> bool:
    return b"%PDF-" in data[:1024] and not any(_kinds(data))  # the text in a picture may contain these letters


def _document(data: bytes, name: str, dpi: int, **limits: Any) -> Document:  # noqa: ANN401 - `Document` has the types
    if dpi not in range(_MIN_DPI, _MAX_DPI + 1):
        least, most = _MIN_DPI, _MAX_DPI
        raise BadInput(f"dpi={dpi!r} is out of range for {name}: choose a whole number from {least} to {most}.")
    return Document(data, name, **limits)


def _page(document: Document, dpi: int, count: int, index: int) -> Picture:
    notes = (f"page {index + 1} of {count}, drawn at {dpi} dpi",)
    return from_pil(document.draw(index, dpi), document.name, notes=notes)


def _frame(data: bytes, name: str, notes: tuple[str, ...], count: int, max_pixels: int, index: int) -> Picture:
    if count > 1:
        notes = (f"frame {index + 1} of {count}", *notes)
    with _open(data, name, max_pixels=max_pixels) as image, _reported(data, name):
        if image.format == "JPEG" and (ended := _with_end(data)):
            notes = (*notes, "its end marker is missing, but the picture is whole")
            return _frame(ended, name, notes, 1, max_pixels, 0)
        image.seek(index)
        check_pixels(name, *image.size, max_pixels, cure=_SMALLER)  # each frame of a TIFF has its own size
        image.load()
        return from_pil(image, name, notes=notes)


def _open(data: bytes, name: str, *, max_pixels: int) -> Image.Image:
    from PIL import Image, UnidentifiedImageError

    if not data:
        raise BadInput(f"{name} is empty (0 bytes). Was its download or copy cut off?")
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS and b"avif" not in data[8:32]:
        import pi_heif  # only when a file needs it, because its import takes time

        pi_heif.register_heif_opener()
    try:
        with _reported(data, name):
            image = Image.open(io.BytesIO(data), formats=_formats())
    except UnidentifiedImageError as error:
        raise BadInput(_not_a_picture(data, name)) from error
    check_pixels(name, *image.size, max_pixels, cure=_SMALLER)
    return image


def _without_damaged_chunks(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Return a PNG without the ancillary chunks (text, times, …) with a wrong checksum, and a note that names them."""
    damaged, start = [], 8
    while data.startswith(_PNG) and (end := start + 12 + int.from_bytes(data[start : start + 4])) <= len(data):
        name, checksum = data[start + 4 : start + 8], int.from_bytes(data[end - 4 : end])
        if name[:1].islower() and zlib.crc32(data[start + 4 : end - 4]) != checksum:
            damaged.append((start, end, name.decode("ascii", "replace")))
        start = end
    if not damaged:
        return data, ()
    edges = [0, *(edge for start, end, _ in damaged for edge in (start, end)), len(data)]
    kept = b"".join(data[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))
    names = ", ".join(sorted({name for _, _, name in damaged})[:_MOST_NAMES])
    return kept, (f"left out damaged chunks that are not part of the picture: {names}",)


def _with_end(data: bytes) -> bytes | None:
    """Append the end marker to a JPEG that lacks nothing else. Return None if it lacks pixels too, or nothing.

    If pixels are missing, the decoder makes them up from the bytes that follow, and different padding gives different
    pixels. Padding after the last pixel changes nothing.
    """
    from PIL import Image

    if data.rfind(_END_OF_JPEG) > data.rfind(_SCAN_OF_JPEG):
        return None
    data = data.rstrip(b"\xff")

    def checksum(padding: bytes) -> int:
        return zlib.crc32(Image.open(io.BytesIO(data + padding + _END_OF_JPEG), formats=["JPEG"]).tobytes())

    restarts = b"".join(bytes((255, 208 + number)) + b"Zu" * 64 for number in range(8))  # each might be the next one
    checksums = {checksum(padding) for padding in (b"", b"Zu" * 64, bytes(range(254, 0, -1)), restarts)}
    return data + _END_OF_JPEG if len(checksums) == 1 else None


@contextlib.contextmanager
def _reported(data: bytes, name: str) -> Iterator[None]:
    """Report data that Pillow cannot decode as `BadInput`, and hide its warnings (broken EXIF, large pictures)."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UnidentifiedImageError:
        raise
    except Image.DecompressionBombError as error:
        raise BadInput(
            f"{name} unpacks to far too many pixels: refused as a decompression bomb ({error}). Load a smaller copy."
            " If you trust it, set PIL.Image.MAX_IMAGE_PIXELS = None and pass max_pixels to images.load."
        ) from error
    except _BROKEN as error:
        raise BadInput(_decoding_error(data, name, error)) from error


def _decoding_error(data: bytes, name: str, error: BaseException) -> str:
    """Return a sentence that says whether a file is broken, or intact but of a kind that Pillow cannot decode."""
    kind = next(_kinds(data), "picture")
    cause = error.__cause__
    if (
        _UNSUPPORTED.search(str(error))
        or (kind == "JPEG" and _RARE_JPEG.search(data))
        or (isinstance(cause, KeyError) and cause.args[0] not in _TIFF_TAGS)  # a TIFF's compression
    ):
        return f"{name} is a {kind} of a kind that cannot be read here ({error}). Save it as PNG and load that."
    return f"{name} is a broken or cut-off {kind} ({error}). Copy or download it again."


def _kinds(data: bytes) -> Iterator[str]:
    """Yield the formats whose signature the file has, but no weak ones: two letters that any text can begin with."""
    from PIL import Image

    for form in _formats():
        accept = Image.OPEN[form][1]
        if accept and form not in _WEAK and accept(data[:16].ljust(16, b"\0")) is True:
            yield form


def copy_of(image: Image.Image, name: str, *, max_pixels: int) -> Picture:
    """Return a copy of a Pillow image as a `Picture`. Raises `BadInput` if it is empty, broken or too large."""
    if 0 in image.size:
        raise BadInput(f"{name} has {image.width} x {image.height} pixels: it is empty.")
    check_pixels(name, *image.size, max_pixels, cure=_SMALLER)
    with _reported(b"", name):
        return from_pil(image.copy(), name, tags=getattr(image, "tag_v2", {}))


def from_pil(
    image: Image.Image, name: str, *, notes: tuple[str, ...] = (), tags: Mapping[int, Any] | None = None
) -> Picture:
    """Return any Pillow image as a `Picture`: turned upright by its EXIF, laid on white, eight bits per channel.

    The picture owns the image from then on: pass a copy if you still use it, and with it the `tags` of a TIFF, which
    Pillow does not copy.
    """
    from PIL import ExifTags, ImageOps

    if image.getexif().get(ExifTags.Base.Orientation, 1) in range(2, 9):
        image = ImageOps.exif_transpose(image)
        notes = (*notes, "turned upright as its EXIF says")
    if image.mode.startswith(("I", "F")):
        image, changes = _eight_bit(image, tags or getattr(image, "tag_v2", {}))
        notes += changes
    elif image.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in image.info:
        opaque, image = _on_white(image)
        notes = notes if opaque else (*notes, _WHITE_NOTE)
    if image.mode != "RGB":
        image = image.convert("RGB")
    image.info = {}
    return Picture(image, name, image.size, notes)


def _on_white(image: Image.Image) -> tuple[bool, Image.Image]:
    """Return whether the image is opaque, and the image laid on white."""
    from PIL import Image

    colour = image if image.mode == "RGBA" else image.convert("RGBA")
    alpha = colour.getchannel("A")
    result = Image.new("RGB", image.size, "white")
    result.paste(colour, mask=alpha)
    return alpha.getextrema() == (255, 255), result


def _eight_bit(image: Image.Image, tags: Mapping[int, Any]) -> tuple[Image.Image, tuple[str, ...]]:
    """Scale a grey picture of more than 8 bits to 8. Stretch one that uses few of its values, and add a note.

    Pillow's own conversion would clip it to white. A value that stands for transparency becomes white.
    """
    import numpy as np
    from PIL import Image

    grey = image if image.mode == "F" else image.convert("F")
    mean = cast("float", grey.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0)))
    if not math.isfinite(mean):  # a NaN or infinite pixel; `numpy` only then, as its array is a second copy in memory
        grey = Image.fromarray(np.nan_to_num(np.asarray(image), posinf=0.0, neginf=0.0))
    low, high = cast("tuple[float, float]", grey.getextrema())
    if image.mode.startswith("I;16"):
        white = 2.0 ** tags.get(_BITS_PER_SAMPLE, (16,))[0] - 1
    else:
        white = next((top for top in (1.0, 255.0, 65535.0) if high <= top and (top > 1 or image.mode == "F")), high)
    black, notes = 0.0, tuple[str, ...]()
    if low < high and (low < 0 or high - low < _FEW_GREYS * white):
        black, white, notes = low, high, (f"its greys run from {low:g} to {high:g} and were stretched",)
    if tags.get(_PHOTOMETRIC) == 0:  # 0 is white; Pillow inverts such a TIFF file only at 8 bits
        black, white = white, black
    scale = 255 / (white - black)
    clear = grey.info.pop("transparency", None)
    result = grey.point(lambda value: value * scale + (0.5 - black * scale)).convert("L")
    if clear is not None:
        result.paste(255, mask=Image.fromarray(np.asarray(image) == clear))
        notes = (*notes, _WHITE_NOTE)
    return result, notes


def _formats() -> list[str]:
    from PIL import Image

    Image.init()
    return [form for form in _FORMATS if form in Image.OPEN]


def _not_a_picture(data: bytes, name: str) -> str:
    """Return a sentence that says what a file is, if it is not a picture. Raises `BadInput` for a broken picture."""
    start = data[:512].lstrip().lower()
    if start.startswith(b"<!doctype html") or b"<html" in start:
        return f"{name} is a web page, not a picture. Use the picture's own address (right click, copy image address)."
    if b"<svg" in start:
        return f"{name} is an SVG drawing, which has no pixels yet. Export it as PNG and load that."
    if start.startswith(b"version https://git-lfs"):
        return f"{name} is a pointer of Git LFS, not the file itself. Fetch it with `git lfs pull`."
    if data[:2] == b"PK":
        return f"{name} is a ZIP or office file, not a picture. Save its pages as PDF or PNG and load those."
    from PIL import Image

    for kind in _kinds(data):
        with _reported(data, name):  # call the plugin itself: `Image.open` hides why it failed
            Image.OPEN[kind][0](io.BytesIO(data), "")
    if data[4:8] == b"ftyp":
        return (
            f"{name} is a video or a photo format that cannot be read here. Pass a video as vlnb.video.frames(…), and"
            " save a photo as JPEG or PNG."
        )
    return f"{name} is not a picture that can be read here (PNG, JPEG, WebP, GIF, TIFF, BMP, HEIC, AVIF and PDF can)."
