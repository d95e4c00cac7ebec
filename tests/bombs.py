"""Small files that demand a lot of memory, time or pixels."""

import io
import struct
import zlib

from PIL import Image


def pdf_bomb(depth=9, times=10):
    """Return 2 kB of PDF whose forms draw each other `times`-fold, `depth` deep."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Contents 4 0 R/Resources<</XObject<</F 5 0 R>>>>>>",
        _stream(b"/F Do "),
    ]
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 300 300]"
    inner = form + b"/Resources<</XObject<</F %d 0 R>>>>"
    objects += [_stream(b"/F Do " * times, inner % number) for number in range(6, 5 + depth)]
    objects.append(_stream(b"0 0 9 9 re f", form))
    file, offsets = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(file)
    file += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    file += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    file += b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, table)
    return bytes(file)


def _stream(data, head=b""):
    return b"<<%s/Length %d>>stream\n%s\nendstream" % (head, len(data), data)


def blank(width, height, form="PNG", mode="1", **options):
    """Return a blank picture, which packs to almost nothing."""
    buffer = io.BytesIO()
    Image.new(mode, (width, height)).save(buffer, form, **options)
    return buffer.getvalue()


def png_that_promises(width, height):
    """Return a PNG whose header claims more pixels than the file holds."""
    file = bytearray(blank(8, 8))
    file[16:24] = struct.pack(">II", width, height)
    file[29:33] = struct.pack(">I", zlib.crc32(file[12:29]))
    return bytes(file)
