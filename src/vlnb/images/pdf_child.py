"""The process that draws a PDF for `pdf.Document`: it imports only PDFium, and executes one command a line.

    python pdf_child.py MEMORY_BYTES PDF_BYTES

It reads the PDF from its standard input and answers {"count": pages}. The command {"page": index, "cpu_s": limit} gets
{"size": [width, height]} in points. {"scale": pixels per point} gets {"size": [width, height], "stride": bytes} and the
rows of pixels, blue first. {"error": text} replaces an answer. The process ends with its standard input.
"""

from __future__ import annotations

import contextlib
import json
import math
import resource
import sys
import time

import pypdfium2


def main() -> None:
    """Serve until standard input ends."""
    memory_bytes, pdf_bytes = map(int, sys.argv[1:])
    # A second line of defence, because the parent checks the memory only now and then. macOS lacks this limit.
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    given, answers = sys.stdin.buffer, sys.stdout.buffer

    def tell(answer: dict[str, object]) -> None:
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()

    try:
        pdf = pypdfium2.PdfDocument(given.read(pdf_bytes))
        pdf.init_forms()  # to draw what people typed into a form
        tell({"count": len(pdf)})
        for line in given:
            command = json.loads(line)
            if "page" in command:
                # If the parent is gone, this alone ends an endless drawing.
                seconds = math.ceil(time.process_time() + command["cpu_s"]) + 1
                resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.getrlimit(resource.RLIMIT_CPU)[1]))
                page = pdf[command["page"]]
                tell({"size": page.get_size()})
            else:
                bitmap = page.render(scale=command["scale"])
                tell({"size": [bitmap.width, bitmap.height], "stride": bitmap.stride})
                answers.write(bitmap.buffer)
                answers.flush()
                bitmap.close()
                page.close()
    except pypdfium2.PdfiumError as error:
        tell({"error": str(error)})


if __name__ == "__main__":
    main()
