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


def kept(history, picture, name="receipt.png", **more):
    """Keep a picture as the panel does, and return it as it was chosen."""
    buffer = io.BytesIO()
    picture.image.save(buffer, "PNG")
    data = buffer.getvalue()
    history.keep(data)
    return Attachment(hashlib.sha256(data).hexdigest(), name, **more)


TOTALS = (60, 380, 580, 640)  # the part of the receipt with its totals: read in a tenth of the time
NOBODY = vlnb.Endpoint("http://127.0.0.1:1/v1", "nobody")
