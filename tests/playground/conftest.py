import hashlib
import io

import pytest

import vlnb
from vlnb.playground import Asker, Attachment, History


@pytest.fixture
def history(tmp_path):
    return History(tmp_path / "history")


@pytest.fixture
def asker(history):
    return Asker(history)


def keep_picture(history, picture, name="receipt.png", **more):
    """Store a picture as the panel does, and return its attachment."""
    buffer = io.BytesIO()
    picture.image.save(buffer, "PNG")
    data = buffer.getvalue()
    history.keep(data)
    return Attachment(hashlib.sha256(data).hexdigest(), name, **more)


TOTALS = (60, 380, 580, 640)  # the part of the receipt with the totals, which is read in a tenth of the time
UNREACHABLE = vlnb.Endpoint("http://127.0.0.1:1/v1", "nobody")
