"""The hierarchy of errors, and how a notebook shows an error."""

import subprocess
import sys

import pytest

from vlnb import errors


@pytest.mark.parametrize("name", ["BadInput", "NoServer", "ServerRefused", "BadAnswer", "LaunchFailed"])
def test_every_error_is_a_vlnb_error_and_in_the_documented_tree(name):
    assert issubclass(getattr(errors, name), errors.VlnbError)
    assert f"── {name} " in errors.__doc__


def test_a_notebook_shows_only_the_error_message():
    script = "from IPython.core.interactiveshell import InteractiveShell as S\nimport vlnb\n"
    script += "s = S.instance(); s.user_ns['vlnb'] = vlnb; s.run_cell(\"vlnb.images.load('no-such.png')\")"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert shown.startswith("There is no file no-such.png"), "without the name of a class"
    assert "Traceback" not in shown
    assert "site-packages" not in shown
    assert len(shown.splitlines()) <= 2
