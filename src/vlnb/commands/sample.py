"""`vlnb sample`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from vlnb.commands import say, show
from vlnb.errors import BadInput


def sample(
    name: Literal[
        "receipt", "till", "letter", "invoice", "form", "street", "lot", "shelf", "chart", "clip"
    ] = "receipt",
    /,
    *,
    to: str | None = None,
) -> int:
    """Write a sample picture to a file, to try out the other commands.

    Parameters
    ----------
    name
        One of receipt, till (a creased receipt), letter, invoice, form, street, lot, shelf, chart, or clip (a video).
    to
        The file to write (default: NAME.jpg, or clip.mp4, here).
    """
    from vlnb import samples
    from vlnb.video import is_video

    path = Path(to or ("clip.mp4" if name == "clip" else f"{name}.jpg"))
    if name == "clip" and not is_video(path):
        raise BadInput("The clip is a video: choose a name such as clip.mp4.")
    if path.exists():
        raise BadInput(f"{path} exists already. Choose another file with --to.")
    drawn = getattr(samples, name)()
    try:
        if isinstance(drawn, samples.SampleClip):
            path.write_bytes(drawn.data)
        else:
            drawn.picture.image.save(path, quality=92)
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be written: {getattr(error, 'strerror', None) or error}.") from error
    say(drawn.alt if isinstance(drawn, samples.SampleClip) else drawn.picture.alt)
    show(path)
    return 0
