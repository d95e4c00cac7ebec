"""`load` turns any source into one Picture, and anything else into an error of one sentence."""

import base64
import datetime as dt
import io
import os
import pathlib
import struct
import subprocess
import sys
import time
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from tests.bombs import blank, png_that_promises
from vlnb import BadInput, images
from vlnb.commands import plain

DATA = pathlib.Path(__file__).parent.parent / "data"
BLUE, RED = (30, 90, 200), (200, 60, 40)


def halves(size=(64, 48)):
    """A picture that is blue at the left and red at the right."""
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (0, 0, size[0] // 2, size[1]))
    return image


def encoded(image, form, **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


PNG = encoded(halves(), "PNG")


def is_halves(picture, tolerance=40):
    left, right = (np.array(picture.image.getpixel((x, picture.height // 2))) for x in (8, picture.width - 8))
    return (abs(left - BLUE) < tolerance).all() and (abs(right - RED) < tolerance).all()


def test_every_kind_of_source_is_loaded(tmp_path, monkeypatch, request, web):
    path = tmp_path / "two halves.png"
    path.write_bytes(PNG)
    monkeypatch.setenv("HOME", str(tmp_path))
    web.pages["/a.png"] = (200, "image/png", PNG)
    web.pages["/moved"] = (302, "text/plain", b"/a.png")
    upload = {"name": "u.png", "type": "image/png", "size": len(PNG), "content": memoryview(PNG)}
    numbered = open(os.open(path, os.O_RDONLY), "rb")  # noqa: SIM115, PTH123 - pytest reports what stays open
    request.addfinalizer(numbered.close)
    sources = {
        "path": path,
        "text": str(path),
        "text of numpy": np.str_(path),
        "home": "~/two halves.png",
        "file": path.as_uri(),
        "http": f"{web.address}/a.png",
        "redirect": f"{web.address}/moved",
        "data": "data:image/png;base64," + base64.b64encode(PNG).decode(),
        "bytes": PNG,
        "bytearray": bytearray(PNG),
        "memoryview": memoryview(PNG),
        "stream": io.BytesIO(PNG),
        "file with a number for a name": numbered,
        "image": halves(),
        "array": np.asarray(halves()),
        "upload": upload,
        "uploads": (upload,),
        "upload without a name": {"content": PNG},
    }
    for kind, source in sources.items():
        picture = images.load(source)
        assert picture.size == picture.original_size == (64, 48), kind
        assert picture.image.mode == "RGB", kind
        assert is_halves(picture), kind
        assert isinstance(picture.source, str), kind
        assert picture.source, kind


def test_the_upload_widget_is_loaded():
    widgets = pytest.importorskip("ipywidgets")
    upload = widgets.FileUpload()
    with pytest.raises(BadInput, match="nothing is uploaded yet"):
        images.load(upload)
    upload.value = (
        {
            "name": "u.png",
            "type": "image/png",
            "size": 1,
            "content": PNG,
            "last_modified": dt.datetime.now(dt.UTC),
        },
    )
    assert images.load(upload).source == "u.png"


def test_a_loaded_picture_is_returned_as_it_is():
    picture = images.load(PNG)
    assert images.load(picture) is picture


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("JPEG", {"quality": 95, "subsampling": 0}),
        ("WEBP", {"lossless": True}),
        ("GIF", {}),
        ("TIFF", {}),
        ("BMP", {}),
        ("AVIF", {"quality": 90}),
        ("JPEG2000", {}),
        ("ICO", {"sizes": [(64, 48)]}),
        ("PPM", {}),
    ],
)
def test_every_common_format_is_loaded(form, options):
    assert is_halves(images.load(encoded(halves(), form, **options)))


def test_a_heic_photo_of_a_phone_is_loaded():
    picture = images.load(DATA / "phone.heic")
    assert picture.size == (64, 48)
    assert is_halves(picture)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_applied(orientation):
    """The stored pixels are turned so that a viewer that obeys the tag shows blue at the left, red at the right."""
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = halves().transpose(undo[orientation]) if orientation > 1 else halves()
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = images.load(encoded(stored, "PNG", exif=exif))
    assert picture.size == picture.original_size == (64, 48)
    assert is_halves(picture)
    assert ("turned upright" in " ".join(picture.notes)) == (orientation > 1)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_laid_on_white(mode):
    image = Image.new("RGBA", (10, 10), (0, 0, 0, 0)).convert(mode)
    data = encoded(image, "PNG", **({"transparency": 0} if mode == "P" else {}))
    picture = images.load(data)
    assert picture.image.getpixel((5, 5)) == (255, 255, 255)
    assert "transparency laid on white" in picture.notes


def test_an_opaque_picture_with_an_alpha_channel_has_no_note():
    assert images.load(Image.new("RGBA", (10, 10), RED)).notes == ()


def test_half_transparent_black_is_grey():
    assert images.load(Image.new("RGBA", (2, 2), (0, 0, 0, 128))).image.getpixel((0, 0)) == (127, 127, 127)


def test_sixteen_bits_are_scaled_not_clipped():
    grey = Image.fromarray(np.full((4, 4), 32768, np.uint16))
    assert images.load(encoded(grey, "PNG")).image.getpixel((0, 0)) == (128, 128, 128)


PEAK = """
import re, sys
import numpy
from vlnb import images
images.load(numpy.zeros((4, 4), numpy.uint8))
def peak_kb():
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
before = peak_kb()
images.load(sys.stdin.buffer)
print(peak_kb() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process's memory is read from /proc")
@pytest.mark.parametrize(("mode", "colour"), [("RGBA", (0, 0, 0, 0)), ("I;16", 0), ("F", 0.0), ("P", 0)])
def test_loading_a_large_picture_makes_few_copies_in_memory(mode, colour):
    """Twelve megapixels become 36 MB of RGB; an earlier version took up to 28 bytes a pixel on the way."""
    options = {"P": {"transparency": 0}, "F": {"compression": "tiff_deflate"}}.get(mode, {})
    data = encoded(Image.new(mode, (4000, 3000), colour), "TIFF" if mode == "F" else "PNG", **options)
    peak = subprocess.run([sys.executable, "-c", PEAK], input=data, capture_output=True, check=True).stdout
    assert int(peak) * 1024 < 12 * 12_000_000


def test_cmyk_is_converted_to_rgb():
    assert images.load(encoded(Image.new("CMYK", (4, 4), (0, 255, 255, 0)), "TIFF")).image.getpixel((0, 0)) == (
        255,
        0,
        0,
    )


def test_the_first_frame_of_an_animation_is_taken_and_noted():
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, BLUE, RED)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    picture = images.load(data)
    assert picture.notes == ("frame 1 of 3",)
    assert images.load(data, page=2).image.getpixel((4, 4))[2] > 150
    assert len(images.pages(data)) == 3


def pdf(count=3, **options):
    first, *rest = (Image.new("RGB", (300, 200), (40 * i, 0, 0)) for i in range(count))
    return encoded(first, "PDF", save_all=True, append_images=rest, resolution=100, **options)


@pytest.mark.parametrize("source", [Image.new("RGB", (8, 8)), np.zeros((8, 8), np.uint8)], ids=["image", "array"])
def test_a_picture_in_memory_has_one_page(source):
    (page,) = images.pages(source)
    assert page.size == (8, 8)
    assert list(images.pages(page)) == [page]
    with pytest.raises(BadInput, match="has 1 page;"):
        images.load(source, page=2)


def test_an_opened_image_is_called_by_its_file(tmp_path):
    (tmp_path / "a.png").write_bytes(PNG)
    with Image.open(tmp_path / "a.png") as image:
        assert images.load(image).source == str(tmp_path / "a.png")


def test_an_image_or_array_of_a_class_of_its_own_is_loaded(tmp_path):
    """As pi_heif's images, and arrays that lie in a file."""
    images.load(DATA / "phone.heic")  # from then on Pillow opens such files
    with Image.open(DATA / "phone.heic") as image:
        assert is_halves(images.load(image))
    array = np.memmap(tmp_path / "array", np.uint8, "w+", shape=(48, 64, 3))
    array[:] = np.asarray(halves())
    assert is_halves(images.load(array))


def test_a_page_is_a_whole_number():
    with pytest.raises(BadInput, match=r"page 2\.0 does not exist"):
        images.load(pdf(), page=2.0)


def test_a_damaged_page_of_a_pdf_is_named_and_the_others_are_drawn():
    before, kind, after = pdf().rpartition(b"/Type /Page\n")
    pages = images.pages(before + kind.replace(b"Page", b"Leaf") + after, dpi=72)
    assert [page.size for page in pages[:2]] == [(216, 144)] * 2
    with pytest.raises(BadInput, match=r"page 3, cannot be drawn \(Failed to load page\.\)\. Is the PDF damaged"):
        pages[2]


def test_the_pages_of_a_pdf_are_drawn_in_order():
    pages = images.pages(pdf(), dpi=72)
    assert len(pages) == 3
    assert [page.size for page in pages] == [(216, 144)] * 3
    assert [page.image.getpixel((100, 70))[0] for page in pages] == pytest.approx([0, 40, 80], abs=6)
    assert [page.notes for page in pages[1:]] == [
        ("page 2 of 3, drawn at 72 dpi",),
        ("page 3 of 3, drawn at 72 dpi",),
    ]
    assert images.load(pdf(), page=2, dpi=144).size == (432, 288)


def test_a_page_that_does_not_exist_raises_bad_input():
    for page in (4, 0, "1"):
        with pytest.raises(BadInput, match=f"has 3 pages; page {page!r} does not exist"):
            images.load(pdf(), page=page)


@pytest.mark.parametrize(("dpi", "words"), [(5, "out of range"), ("x", "dpi='x' is out"), (1100, "smaller dpi")])
def test_the_resolution_of_a_pdf_has_limits(dpi, words):
    with pytest.raises(BadInput, match=words):
        images.load(pdf(), dpi=dpi, max_pixels=1_000_000)


ARRAYS = [
    # an array, and the brightness of its picture
    (np.full((4, 6), 9, np.uint8), 9),
    (np.full((4, 6), 1, np.uint8), 1),
    (np.full((4, 6, 1), 9, np.uint8), 9),
    (np.full((4, 6, 3), 9, np.uint8), 9),
    (np.zeros((4, 6, 4), np.uint8), 255),
    (np.ones((4, 6), bool), 255),
    (np.ones((4, 6, 3), bool), 255),
    (np.full((4, 6), 0.4, np.float32), 102),
    (np.full((4, 6, 3), 0.4), 102),
    (np.full((4, 6), 51400, np.uint16), 200),
    (np.full((4, 6), 51400, ">u2"), 200),
    (np.full((4, 6, 3), 51400, np.uint16), 200),
    (np.full((4, 6), 200, np.int64), 200),
    (np.full((4, 6, 3), 200, np.int64), 200),
]


@pytest.mark.parametrize(("array", "value"), ARRAYS, ids=lambda value: str(getattr(value, "dtype", "")))
def test_arrays_of_common_types_are_loaded(array, value):
    picture = images.load(array)
    assert picture.size == (6, 4)
    assert picture.image.getpixel((3, 2)) == (value,) * 3


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((3, 40, 40), np.uint8), "Channels first"),
        (np.zeros((4, 4, 7), np.uint8), "shape"),
        (np.zeros(4, np.uint8), "shape"),
        (np.zeros((0, 4), np.uint8), "empty"),
        (np.full((4, 4), 2.0), "floats outside 0 to 1"),
        (np.full((4, 4), np.nan), "floats outside 0 to 1"),
        (np.full((4, 4), -1), "integers outside 0 to 255"),
        (np.zeros((4, 4), complex), "complex"),
    ],
)
def test_arrays_that_are_not_pictures_are_refused(array, words):
    with pytest.raises(BadInput, match=words):
        images.load(array)


@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20), st.just(3))))
def test_pixels_are_preserved(array):
    assert (np.asarray(images.load(array).image) == array).all()
    assert (np.asarray(images.load(encoded(Image.fromarray(array), "PNG")).image) == array).all()


def bad_sources(tmp_path):
    """Return sources that people really pass, and words that the error message must contain."""
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("I am no picture")
    (tmp_path / "page.png").write_text("<!DOCTYPE html><html>")
    (tmp_path / "drawing.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    (tmp_path / "cut.jpg").write_bytes(encoded(halves((400, 300)), "JPEG")[:900])
    (tmp_path / "cut.png").write_bytes(encoded(Image.effect_noise((90, 90), 90), "PNG")[:2000])
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7 nothing follows")
    closed = io.BytesIO(PNG)
    closed.close()
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    (tmp_path / "film.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(100))
    return [
        (tmp_path / "receit.png", r"There is no file .*receit\.png"),
        (tmp_path / "emty.png", r"did you mean .*empty\.png"),
        (tmp_path / "no" / "such.png", "folder .* does not exist either"),
        (tmp_path, "is a folder"),
        ("/dev/null", "device or a pipe"),
        (tmp_path / "empty.png", r"is empty \(0 bytes\)"),
        (tmp_path / "text.png", "not a picture that can be read"),
        (tmp_path / "page.png", "web page"),
        (tmp_path / "drawing.svg", "SVG.*Export it as PNG"),
        (tmp_path / "cut.jpg", "broken or cut-off"),
        (tmp_path / "cut.png", "broken or cut-off"),
        (tmp_path / "broken.pdf", "broken PDF"),
        (tmp_path / "pictures.zip", "ZIP"),
        (tmp_path / "film.mp4", "video"),
        ("a\0b.png", "There is no file|cannot be opened"),
        ("x" * 5000, "^'x{199} cannot be opened: .*too long"),
        ("file://elsewhere/a.png", "host 'elsewhere'"),
        ("data:image/png", "no comma"),
        ("data:image/png;base64,%%%", "not valid base64"),
        ("http://", "cannot be (fetched|reached)"),
        ("http://[::1", "cannot be fetched"),
        ("http://127.0.0.1:1/a.png", "cannot be reached"),
        ("", "is empty"),
        (None, "NoneType is neither a file nor an address"),
        (42, "int is neither a file nor an address"),
        ([], "nothing is uploaded"),
        ([PNG], "list is neither a file nor an address"),
        ([7], "list is neither a file nor an address"),
        (io.StringIO("text"), "binary mode"),
        (io.TextIOWrapper(io.BytesIO(PNG), encoding="utf-8"), "cannot be read .*codec.*binary mode"),
        (io.BufferedWriter(io.BytesIO()), "cannot be read .*binary mode"),
        (closed, "cannot be read .*closed file"),
        ({"content": None}, "dict is neither a file nor an address"),
        (blank(10_000, 10_000), "100 megapixels"),
    ]


def test_bad_sources_raise_bad_input(tmp_path):
    for source, words in bad_sources(tmp_path):
        with pytest.raises(BadInput, match=words):
            images.load(source)


def test_a_file_without_read_permission_raises_bad_input(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(PNG)

    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pathlib.Path, "read_bytes", refuse)
    with pytest.raises(BadInput, match="this user has no permission"):
        images.load(path)


@pytest.mark.parametrize(
    ("start", "kind", "advice"),
    [
        (b"<!DOCTYPE html><p>Log in", "a web page", "(right click, copy image address)."),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing", "Export it as PNG and load that."),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS", "Fetch it with `git lfs pull`."),
        (b"PK\3\4", "a ZIP or office file", "as PDF or PNG and load those."),
        (b"\0\0\0\x18ftypmp42", "a video", "Pass a video as vlnb.video.frames(…), and save a photo as JPEG or PNG."),
    ],
)
def test_a_file_that_is_not_a_picture_is_named_with_advice(tmp_path, start, kind, advice):
    path = tmp_path / "a.png"
    path.write_bytes(start + bytes(600))
    with pytest.raises(BadInput) as caught:
        images.load(path)
    assert f"a.png is {kind}" in str(caught.value)
    assert str(caught.value).endswith(advice)


def test_a_decompression_bomb_is_refused():
    with pytest.raises(BadInput, match="decompression bomb"):
        images.load(png_that_promises(60_000, 60_000))


@pytest.mark.parametrize(
    ("size", "options", "words"),
    [
        ((13_000, 13_000), {}, r"169 megapixels\); the limit is 89"),
        ((20_000, 10_000), {}, r"200 megapixels\); the limit is 89"),
        ((20_000, 10_000), {"max_pixels": 10**9}, "decompression bomb"),
    ],
)
def test_the_limit_on_pixels_holds_for_every_page_of_a_tiff(size, options, words):
    rest = [Image.new("1", size)]
    data = encoded(Image.new("1", (10, 10)), "TIFF", compression="group4", save_all=True, append_images=rest)
    assert images.load(data, **options).size == (10, 10)
    with pytest.raises(BadInput, match=words):
        images.load(data, page=2, **options)


def test_pillows_own_limit_is_lifted_as_its_error_says(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(BadInput, match=r"decompression bomb .*set PIL.Image.MAX_IMAGE_PIXELS = None") as caught:
        images.load(PNG, max_pixels=10**9)
    assert plain(caught.value).endswith("Load a smaller copy."), "the command line cannot set it"
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert is_halves(images.load(PNG, max_pixels=10**9))


def test_limits_can_be_changed():
    with pytest.raises(BadInput, match="limit is 0 MB"):
        images.load(PNG, max_bytes=100)
    with pytest.raises(BadInput, match="megapixels"):
        images.load(PNG, max_pixels=100)
    address = "data:image/png;base64," + base64.b64encode(PNG).decode()
    assert images.load(address, max_bytes=len(PNG)).size == (64, 48)
    with pytest.raises(BadInput, match="The data URI is too large"):
        images.load(address, max_bytes=100)


def test_urls_that_return_no_picture_raise_bad_input(web):
    web.pages["/html"] = (200, "text/html", b"<html><body>Log in</body></html>")
    web.pages["/login.png"] = (401, "text/plain", b"")
    web.pages["/secret.png"] = (403, "text/plain", b"")
    web.pages["/deleted.png"] = (410, "text/plain", b"")
    web.pages["/busy.png"] = (503, "text/plain", b"")
    web.pages["/slow"] = (200, "image/png", lambda: time.sleep(1) or PNG)
    web.pages["/large"] = (200, "image/png", bytes(200_000))
    cases = [
        ("/nothing.png", {}, "404 Not Found.*Check the address"),
        ("/html", {}, "web page, not a picture"),
        ("/login.png", {}, "401.*requires a login"),
        ("/secret.png", {}, "403.*requires a login"),
        ("/deleted.png", {}, "410 Gone.*Check the address"),
        ("/busy.png", {}, "503.*Try again later"),
        ("/slow", {"timeout_s": 0.2}, "within 0.2 s"),
        ("/large", {"max_bytes": 100_000}, "limit is 0 MB"),
    ]
    for path, options, words in cases:
        with pytest.raises(BadInput, match=words):
            images.load(web.address + path, **options)


SECRET = [
    # a URL with secrets, words that the error message must contain
    ("{user}/nothing.png?signature=hunter3", "404"),
    ("{user}/loop?X-Amz-Signature=hunter3", "more than 10 times"),
    ("{user}/html#hunter3", "web page"),
    ("http://user:hunter2@127.0.0.1:1/a.png?sig=hunter3", "cannot be reached"),
    ("http://user:hunter2@[::1/a.png?sig=hunter3", "cannot be fetched"),
    ("http://user:hunter2@127.0.0.1:99999/?sig=hunter3", "cannot be"),
    ("http://user:hunter2/3@127.0.0.1/a.png", "cannot be fetched"),  # a slash in a password
    ("https:/user:hunter2@127.0.0.1/a.png", "cannot be reached"),
    ("http://user:hunter2@a..b/a.png?sig=hunter3", "cannot be fetched"),
    ("http://user:hunter2@a\n/a.png?sig=hunter3", "cannot be fetched"),
    (" http://user:hunter2@127.0.0.1:1/?sig=hunter3", "cannot be reached"),
    ("s3://user:hunter2@bucket/a.png?sig=hunter3", "pictures come from http"),
]


@pytest.mark.parametrize(("address", "words"), SECRET)
def test_secrets_in_a_url_are_not_shown(web, address, words):
    web.pages["/html#hunter3"] = web.pages["/html"] = (200, "text/html", b"<html>")
    loop = "/loop?X-Amz-Signature=hunter3"
    web.pages[loop] = (302, "text/plain", loop.encode())
    with pytest.raises(BadInput, match=words) as caught:
        images.load(address.format(user=web.address.replace("http://", "http://user:hunter2@")))
    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n"])
def test_a_slowly_dripping_server_does_not_extend_the_deadline(raw_server, start):
    def drip(connection):
        connection.sendall(start)
        while True:
            time.sleep(0.1)
            connection.sendall(b"x-a: b\r\n")

    began = time.monotonic()
    with pytest.raises(BadInput, match=r"within 0.5 s"):
        images.load(raw_server(drip), timeout_s=0.5)
    assert time.monotonic() - began < 20


def test_a_public_url_may_not_redirect_into_the_local_network(web, monkeypatch):
    async def is_public(host):
        return host == "localhost"

    monkeypatch.setattr("vlnb.fetch._is_public", is_public)
    web.pages["/a.png"] = (302, "text/plain", f"{web.address}/b.png".encode())
    web.pages["/b.png"] = (200, "image/png", PNG)
    with pytest.raises(BadInput, match="redirects to an address inside this network"):
        images.load(web.address.replace("127.0.0.1", "localhost") + "/a.png")
    assert is_halves(images.load(f"{web.address}/a.png"))


GOOD = {form: encoded(halves((40, 30)), form) for form in ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "AVIF")}


@settings(max_examples=150)
@given(st.sampled_from(sorted(GOOD)), st.data())
def test_damaged_files_raise_nothing_but_bad_input(form, data):
    damaged = bytearray(GOOD[form])
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    damaged = damaged[: data.draw(st.integers(0, len(damaged)))]
    try:
        assert images.load(bytes(damaged)).image.mode == "RGB"
    except BadInput as error:
        assert str(error)


def test_the_frames_of_a_tiff_are_counted_up_to_a_limit():
    first = Image.new("L", (1, 1))
    data = encoded(first, "TIFF", save_all=True, append_images=[first] * 1500)
    began = time.thread_time()
    assert len(images.pages(data)) == 1000
    assert images.load(data).original_size == (1, 1)
    assert time.thread_time() - began < 5


# -- carelessly written sources ------------------------------------------------------------------------------------

TEXT = base64.b64encode(PNG).decode()
CARELESS = {
    "capitals": "DATA:image/png;BASE64," + TEXT,
    "URL-safe alphabet": "data:image/png;base64," + base64.urlsafe_b64encode(PNG).decode(),
    "no padding": "data:image/png;base64," + TEXT.rstrip("="),
    "half of the padding": "data:image/png;base64," + base64.b64encode(PNG + bytes(-len(PNG) % 3 + 1)).decode()[:-1],
    "percent encoding": "data:image/png;base64," + TEXT.replace("/", "%2F").replace("+", "%2B").replace("=", "%3D"),
    "lines of 76 characters": "data:image/png;base64,\n" + base64.encodebytes(PNG).decode(),
    "spaces": " data:image/png; base64 , " + TEXT + " \n",
    "a parameter": "data:image/png;charset=utf-8;base64," + TEXT,
    "quotes": f'"data:image/png;base64,{TEXT}"',
    "only the base64": TEXT,
    "only the base64, URL-safe": base64.urlsafe_b64encode(PNG).decode(),
    "a no-break space": "\xa0data:image/png;base64," + TEXT,
    "as JSON writes it": "data:image\\/png;base64,"
    + base64.encodebytes(PNG).decode().replace("/", "\\/").replace("\n", "\\n"),
    "no type, a colon": "data:base64," + TEXT,
    "a semicolon at the end": f"data:image/png;base64,{TEXT};",
}


@pytest.mark.parametrize("kind", CARELESS)
def test_data_uris_are_read_as_browsers_read_them(kind):
    assert is_halves(images.load(CARELESS[kind]))


@pytest.mark.parametrize("name", ["", "  ", '""'])
def test_an_empty_name_is_refused(name):
    with pytest.raises(BadInput, match="name of the picture is empty"):
        images.load(name)


def test_a_truncated_data_uri_is_refused():
    with pytest.raises(BadInput, match="not valid base64"):
        images.load("data:image/png;base64," + TEXT.rstrip("=")[:21])


@pytest.mark.parametrize(
    "pasted",
    [
        "{} ",
        "\n{}",
        "'{}'",
        '"{}"',
        "“{}”",
        "<{}>",
        "\u202a{}",
        " 'file://{}' ",
        "file://localhost{}",
        "{}\r\n",
        "\xa0{}\xa0",
        "\u3000{}",
        "„{}“",
        "「{}」",
        "\u2066{}\u2069",
        "\u2060{}\u200f",
    ],
)
def test_a_path_may_be_pasted_with_surrounding_characters(tmp_path, pasted):
    (tmp_path / "a.png").write_bytes(PNG)
    assert is_halves(images.load(pasted.format(tmp_path / "a.png")))


def test_a_path_with_shell_escapes_is_opened(tmp_path):
    (tmp_path / "my own.png").write_bytes(PNG)
    assert is_halves(images.load(str(tmp_path / "my own.png").replace(" ", "\\ ")))


def test_a_name_that_really_ends_in_a_space_is_opened(tmp_path):
    (tmp_path / "'a.png' ").write_bytes(PNG)
    assert is_halves(images.load(str(tmp_path / "'a.png' ")))


# -- grey of more than eight bits ----------------------------------------------------------------------------------

RAMP = np.linspace(0, 1, 64).reshape(8, 8)
GREYS = [
    # values, the darkest and lightest afterwards, whether a note reports stretching
    ((RAMP * 65535).astype(np.uint16), (0, 255), False),
    ((RAMP * 30000).astype(np.uint16), (0, 117), False),
    ((RAMP * 4095).astype(np.uint16), (0, 255), True),
    ((RAMP * 600 + 31000).astype(np.uint16), (0, 255), True),
    (np.full((8, 8), 32768, np.uint16), (128, 128), False),
    (RAMP.astype(np.float32), (0, 255), False),
    ((RAMP * 0.02 + 0.7).astype(np.float32), (0, 255), True),
    ((RAMP * 900 - 200).astype(np.float32), (0, 255), True),
    ((RAMP * 255).astype(np.float32), (0, 255), False),
    ((RAMP * 200).astype(np.int32), (0, 200), False),
    ((RAMP * 30000).astype(np.int32), (0, 117), False),
    ((RAMP * 200_000).astype(np.int32), (0, 255), False),
]


@pytest.mark.parametrize(("values", "ends", "stretched"), GREYS, ids=lambda value: str(getattr(value, "dtype", value)))
def test_a_narrow_range_of_grey_is_stretched_and_noted(values, ends, stretched):
    picture = images.load(encoded(Image.fromarray(values), "TIFF"))
    assert picture.image.getextrema()[0] == ends
    assert any("stretched" in note for note in picture.notes) == stretched
    if values.dtype == np.uint16:
        assert images.load(values).notes == picture.notes


@pytest.mark.parametrize("clear", [0, 65535])
def test_a_transparent_value_of_sixteen_bits_becomes_white_and_the_others_keep_their_grey(clear):
    values = (np.arange(4096) * 16).reshape(64, 64).astype(np.uint16)
    values[63, 63] = 65535
    picture = images.load(encoded(Image.fromarray(values), "PNG", transparency=clear))
    expected = np.round(values / 257)
    expected[values == clear] = 255
    assert np.abs(np.asarray(picture.image)[:, :, 0] - expected).max() <= 1
    assert picture.notes == ("transparency laid on white",)


def test_nan_and_infinity_are_ignored_in_grey_values():
    values = RAMP.astype(np.float32)
    values[0, :2] = np.nan, np.inf
    assert images.load(encoded(Image.fromarray(values), "TIFF")).image.getextrema()[0] == (0, 255)


def test_a_tiff_of_twelve_bits_is_scaled_by_its_own_range():
    """Two pixels in three bytes; the directory is written by hand, because Pillow does not write this kind."""
    pixels = bytes.fromhex("000fff") * 32
    tags = [(256, 8), (257, 8), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1), (278, 8), (279, len(pixels))]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", tag, 3, 1, value) for tag, value in tags)
    data = struct.pack("<2sHI", b"II", 42, 8 + len(pixels)) + pixels + directory + bytes(4)
    for source in (data, Image.open(io.BytesIO(data))):
        picture = images.load(source)
        assert picture.image.getextrema()[0] == (0, 255)
        assert picture.notes == ()


@pytest.mark.parametrize("source", [bytes, lambda data: Image.open(io.BytesIO(data))], ids=["file", "image"])
@pytest.mark.parametrize("values", [np.full((4, 4), 9999, np.uint16), np.full((4, 4), 0.25, np.float32)])
def test_a_tiff_in_which_0_is_white_is_not_inverted(values, source):
    usual, inverted = (
        images.load(source(encoded(Image.fromarray(values), "TIFF", tiffinfo={262: zero_is}))).image.getpixel((0, 0))[0]
        for zero_is in (1, 0)
    )
    assert usual < 100
    assert abs(usual + inverted - 255) <= 1


# -- damaged, and unsupported --------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_blocks": 4}])
@pytest.mark.parametrize("ending", [b"", b"\xff", bytes(30)])
def test_a_jpeg_that_lacks_only_its_end_marker_is_loaded(options, ending):
    whole = encoded(Image.effect_noise((90, 60), 60).convert("RGB"), "JPEG", **options)
    picture = images.load(whole[:-2] + ending)
    assert (np.asarray(picture.image) == np.asarray(images.load(whole).image)).all()
    assert picture.notes == ("its end marker is missing, but the picture is whole",)
    with pytest.raises(BadInput, match="broken or cut-off JPEG"):
        images.load(whole[:-400])


def test_a_jpeg_cut_where_its_decoder_can_restart_is_refused():
    whole = encoded(Image.effect_noise((90, 60), 60), "JPEG", restart_marker_blocks=4)
    ends = [at for at in range(len(whole) // 2, len(whole) - 2) if whole[at : at + 2] in (b"\xff\xd0", b"\xff\xd5")]
    assert ends
    for end in ends:
        for cut in range(end - 2, end + 3):
            with pytest.raises(BadInput, match="broken or cut-off JPEG"):
                images.load(whole[:cut])


def test_a_picture_whose_text_names_a_pdf_is_a_picture():
    start = PNG.index(b"IDAT") - 4
    assert is_halves(images.load(PNG[:start] + png_chunk(b"tEXt", b"Title\0made from %PDF-1.7") + PNG[start:]))


def png_chunk(name, content, error=0):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content) ^ error)


@pytest.mark.parametrize("name", [b"tEXt", b"tIME", b"gAMA", b"eXIf"])
def test_a_wrong_checksum_outside_the_pixels_is_noted_and_ignored(name):
    start = PNG.index(b"IDAT") - 4
    picture = images.load(PNG[:start] + png_chunk(name, b"Title\0x", error=1) + PNG[start:])
    assert is_halves(picture)
    assert name.decode() in picture.notes[0]


def test_a_million_damaged_chunks_are_skipped_quickly():
    start = PNG.index(b"IDAT") - 4
    data = PNG[:start] + png_chunk(b"tEXt", b"", error=1) * 1_000_000 + PNG[start:]
    began = time.thread_time()
    assert is_halves(images.load(data))
    assert time.thread_time() - began < 10


def test_a_wrong_checksum_in_the_header_is_refused():
    with pytest.raises(BadInput, match="broken or cut-off PNG"):
        images.load(PNG[:29] + bytes(4) + PNG[33:])


def patched(data, at, new):
    return data[:at] + new + data[at + len(new) :]


def unsupported():
    bmp, jpeg, tiff = (encoded(halves(), form) for form in ("BMP", "JPEG", "TIFF"))
    frame, compression = jpeg.index(b"\xff\xc0"), tiff.index(struct.pack("<HHI", 259, 3, 1)) + 8
    return {
        "BMP of 2 bits": ("BMP", patched(bmp, 28, b"\2")),
        "BMP with an unknown compression": ("BMP", patched(bmp, 30, b"\x0b")),
        "JPEG of 12 bits": ("JPEG", patched(jpeg, frame + 4, b"\x0c")),
        "lossless JPEG": ("JPEG", patched(jpeg, frame + 1, b"\xc3")),
        "TIFF with LERC": ("TIFF", patched(tiff, compression, struct.pack("<H", 34887))),
    }


@pytest.mark.parametrize("kind", unsupported())
def test_an_unsupported_format_is_not_called_broken(kind):
    form, data = unsupported()[kind]
    with pytest.raises(BadInput, match=f"a {form} of a kind that cannot be read here .*Save it as PNG"):
        images.load(data)


def test_a_truncated_file_is_not_called_unsupported():
    """Not even if its pixels look like the start of a lossless JPEG."""
    for form in ("BMP", "TIFF", "GIF", "WEBP", "AVIF"):
        with pytest.raises(BadInput, match=f"broken or cut-off {form}"):
            images.load(encoded(Image.effect_noise((90, 60), 60).convert("RGB"), form)[:200] + b"\xff\xc3\0\x0b\x08")


def test_a_text_that_starts_like_a_picture_is_not_called_broken():
    with pytest.raises(BadInput, match="not a picture that can be read"):
        images.load(b"Python is no picture")


@pytest.mark.parametrize("source", [np.zeros((90, 95), np.uint8), Image.new("L", (95, 90))], ids=["array", "image"])
def test_a_picture_in_memory_has_the_same_limit(source):
    with pytest.raises(BadInput, match=r"95 x 90 pixels.*max_pixels"):
        images.load(source, max_pixels=8500)


def test_a_truncated_image_that_is_decoded_late_raises_bad_input():
    with pytest.raises(BadInput, match="broken or cut-off"):
        images.load(Image.open(io.BytesIO(encoded(halves((400, 300)), "JPEG")[:900])))
