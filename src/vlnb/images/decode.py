"""From the bytes of a file to an upright RGB picture, or to a sentence that says what is wrong."""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, overload

from vlnb.errors import BadInput
from vlnb.images.pdf import Document
from vlnb.images.picture import Picture
from vlnb.images.sizing import check_pixels
from vlnb.terminal import printable

if TYPE_CHECKING:
    from PIL import Image

# What Pillow may open. Left out are formats that start another program (EPS) and those that are not pictures.
_FORMATS = ("PNG", "JPEG", "MPO", "GIF", "WEBP", "BMP", "DIB", "TIFF", "AVIF", "HEIF", "PPM", "ICO", "JPEG2000", "TGA")
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"hevm", b"mif1", b"msf1")
# What Pillow's decoders raise on broken data, besides its own errors.
_BROKEN = (
    OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, RuntimeError, struct.error, zlib.error,
)  # fmt: skip
_MIN_DPI, _MAX_DPI = 10, 1200
_MOST_FRAMES = 1000  # of a TIFF
_STRIP_PIXELS = 1 << 20


def open_pages(data: bytes, name: str, *, dpi: int, max_pixels: int, timeout_s: float) -> Pages:
    """Return all pages of a PDF, or all frames of a picture, each decoded when it is used.

    `name` stands for the file in messages. Raises `BadInput` if it is empty, broken, too large, too slow, or not a
    picture.
    """
    if _is_pdf(data):
        document = _document(data, name, dpi, max_pixels=max_pixels, timeout_s=timeout_s)
        count = document.count()
        return Pages(name, count, partial(_page, document, dpi, count))
    with _open(data, name, max_pixels=max_pixels) as image, _reported(name):
        # An MPO's further frames are a phone's depth map, not pictures.
        count = 1 if image.format == "MPO" else _frames(image)
    return Pages(name, count, partial(_frame, data, name, count, max_pixels))


def _frames(image: Image.Image) -> int:
    """Count the frames, of a TIFF at most `_MOST_FRAMES`: Pillow's own count can take hours."""
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

    The size comes from the header. While a PDF is read, `watch()` is called; an exception from it ends the reading.
    Both raise `BadInput` as `open_pages` does.
    """
    if _is_pdf(data):
        document = _document(data, name, dpi, max_pixels=max_pixels, timeout_s=timeout_s, watch=watch)
        return document.size(0, dpi), partial(_page, document, dpi, 1, 0)
    with _open(data, name, max_pixels=max_pixels) as image:
        return image.size, partial(_frame, data, name, 1, max_pixels, 0)


class Pages(Sequence[Picture]):
    """The `count` pages of a document. `draw(index)` decodes one when it is used, so a long document fits in memory."""

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
        return printable(f"<Pages {self.name}: {len(self)} page(s)>")


def _is_pdf(data: bytes) -> bool:
    return b"%PDF-" in data[:1024]


def _document(data: bytes, name: str, dpi: int, **limits: Any) -> Document:  # noqa: ANN401 - `Document` has the types
    if not _MIN_DPI <= dpi <= _MAX_DPI:
        raise BadInput(f"dpi={dpi} is out of range for {name}: choose {_MIN_DPI} to {_MAX_DPI}; 150 reads well.")
    return Document(data, name, **limits)


def _page(document: Document, dpi: int, count: int, index: int) -> Picture:
    notes = (f"page {index + 1} of {count}, drawn at {dpi} dpi",)
    return from_pil(document.draw(index, dpi), document.name, notes=notes)


def _frame(data: bytes, name: str, count: int, max_pixels: int, index: int) -> Picture:
    with _open(data, name, max_pixels=max_pixels) as image, _reported(name):
        image.seek(index)
        image.load()
        return from_pil(image, name, notes=(f"frame {index + 1} of {count}",) if count > 1 else ())


def _open(data: bytes, name: str, *, max_pixels: int) -> Image.Image:
    from PIL import Image, UnidentifiedImageError

    if not data:
        raise BadInput(f"{name} is empty (0 bytes). Was its download or copy cut off?")
    _register_heif(data, name)
    try:
        with _reported(name):
            image = Image.open(io.BytesIO(data), formats=_formats())
    except UnidentifiedImageError as error:
        raise BadInput(_what_else(data, name)) from error
    except Image.DecompressionBombError as error:
        raise BadInput(f"{name} unpacks to far too many pixels: refused as a decompression bomb ({error}).") from error
    check_pixels(name, *image.size, max_pixels, cure="Save a smaller copy and load that.")
    return image


@contextlib.contextmanager
def _reported(name: str) -> Iterator[None]:
    """Report broken data as `BadInput`, and hide Pillow's warnings (broken EXIF, large pictures)."""
    from PIL import UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UnidentifiedImageError:
        raise
    except _BROKEN as error:
        raise BadInput(f"{name} is a broken or cut-off picture ({error}). Copy or download it again.") from error


def from_pil(image: Image.Image, name: str, *, notes: tuple[str, ...] = ()) -> Picture:
    """Return any Pillow image as a `Picture`: turned upright by its EXIF, laid on white, eight bits a colour.

    The picture takes the image over: pass a copy if you go on using it.
    """
    from PIL import ExifTags, ImageOps

    if image.getexif().get(ExifTags.Base.Orientation, 1) in range(2, 9):
        image = ImageOps.exif_transpose(image)
        notes = (*notes, "turned upright as its EXIF says")
    if image.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in image.info:
        opaque, image = _on_white(image)
        notes = notes if opaque else (*notes, "transparency laid on white")
    elif image.mode.startswith(("I", "F")):
        image = _eight_bit(image)
    if image.mode != "RGB":
        image = image.convert("RGB")
    image.info = {}
    return Picture(image, name, image.size, notes)


def _on_white(image: Image.Image) -> tuple[bool, Image.Image]:
    """Return whether the image was opaque, and the image laid on white."""
    from PIL import Image

    opaque = True

    def lay(strip: Image.Image) -> Image.Image:
        nonlocal opaque
        colour = strip.convert("RGBA")
        opaque = opaque and colour.getchannel("A").getextrema() == (255, 255)
        return Image.alpha_composite(Image.new("RGBA", colour.size, "white"), colour)

    laid = _by_strips(image, "RGB", lay)
    return opaque, laid


def _eight_bit(image: Image.Image) -> Image.Image:
    """Scale a 16-bit, 32-bit or float grey picture to eight bits; Pillow's own conversion would clip it to white."""
    import numpy as np
    from PIL import Image

    def numbers(strip: Image.Image) -> np.ndarray[Any, Any]:
        return np.nan_to_num(np.asarray(strip, dtype=np.float64))

    if image.mode.startswith("I;16"):
        full = 65535.0
    else:
        top = max(float(numbers(strip).max(initial=0)) for _, strip in _strips(image))
        full = next(
            (limit for limit in (1.0, 255.0, 65535.0) if top <= limit and (limit > 1 or image.mode == "F")), top
        )

    def scale(strip: Image.Image) -> Image.Image:
        return Image.fromarray((numbers(strip).clip(0, full) * (255 / full)).round().astype(np.uint8))

    return _by_strips(image, "L", scale)


def _by_strips(image: Image.Image, mode: str, convert: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """Convert an image strip by strip, because a large one would otherwise be in memory five times."""
    from PIL import Image

    result = Image.new(mode, image.size)
    for top, strip in _strips(image):
        result.paste(convert(strip), (0, top))
    return result


def _strips(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    rows = max(1, _STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _formats() -> list[str]:
    from PIL import Image

    Image.init()
    return [form for form in _FORMATS if form in Image.OPEN]


def _register_heif(data: bytes, name: str) -> None:
    """Register the HEIC reader only when a file needs it, because its import takes time."""
    if data[4:8] != b"ftyp" or data[8:12] not in _HEIF_BRANDS or b"avif" in data[8:32]:
        return
    try:
        import pi_heif
    except ImportError as error:
        raise BadInput(
            f"{name} is a HEIC photo, and the package pi-heif, which reads them, is missing."
            " Install it (`pip install pi-heif`) or save the photo as JPEG."
        ) from error
    pi_heif.register_heif_opener()


def _what_else(data: bytes, name: str) -> str:
    """Say what a file is if it is not a picture."""
    start = data[:512].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")) or b"<html" in start:
        return f"{name} is a web page, not a picture. Use the picture's own address (right click, copy image address)."
    if b"<svg" in start:
        return f"{name} is an SVG drawing, which has no pixels yet. Export it as PNG and load that."
    if data[4:8] == b"ftyp":
        return f"{name} is a video or a photo format that cannot be read here. Save it as JPEG or PNG."
    if data[:2] == b"PK":
        return f"{name} is a ZIP or office file, not a picture. Save its pages as PDF or PNG and load those."
    return f"{name} is not a picture that can be read here (PNG, JPEG, WebP, GIF, TIFF, BMP, HEIC, AVIF and PDF can)."
