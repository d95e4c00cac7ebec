"""The process that reads one page of a PDF for `pdf.Document`. PDFium is its only heavy import.

    python pdf_child.py ORDER < PDF

ORDER is JSON: {"page": index or null, "scale": pixels per point, "draw": whether to draw it, "max_pixels": limit,
"memory_bytes": limit, "cpu_s": limit}. The answer is one line of JSON, {"count": pages, "size": [width, height] in
pixels, "stride": bytes per row}, and then the rows of pixels in BGR order, if the page was drawn. "error" is PDFium's
error message.
"""

from __future__ import annotations

import contextlib
import json
import math
import resource
import sys

import pypdfium2


def main() -> None:
    """Carry out the order."""
    order = json.loads(sys.argv[1])
    # A second line of defence, because the parent checks the memory only at intervals. macOS lacks this limit.
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (order["memory_bytes"],) * 2)
    # If the parent is gone, only this limit ends a drawing that never finishes.
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(order["cpu_s"]) + 1, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    answer: dict[str, object] = {}
    pixels = b""
    try:
        pdf = pypdfium2.PdfDocument(sys.stdin.buffer.read())
        pdf.init_forms()  # to draw what people typed into a form
        answer["count"] = len(pdf)
        if order["page"] is not None:
            page = pdf[order["page"]]
            width, height = (round(side * order["scale"]) for side in page.get_size())
            answer["size"] = width, height
            if order["draw"] and width * height <= order["max_pixels"]:
                bitmap = page.render(scale=order["scale"])
                answer |= {"size": (bitmap.width, bitmap.height), "stride": bitmap.stride}
                pixels = bitmap.buffer
    except pypdfium2.PdfiumError as error:
        answer["error"] = str(error)
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    sys.stdout.buffer.write(pixels)


if __name__ == "__main__":
    main()
