"""Text becomes HTML in one way: everything that was not built as HTML is escaped, wherever it appears."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlnb import BadInput
from vlnb.markup import Html, alert, bar, element, joined, listed, live, row, table, words

NASTY = "<img src=x onerror=alert(1)>\"'&</div><script>"
BUILT = {
    "child": lambda text: element("p", text),
    "attribute": lambda text: element("p", "a", title=text),
    "joined": lambda text: joined([text, text], text),
    "words": words,
    "row": lambda text: row(text, text),
    "alert": lambda text: alert(BadInput(text)),
    "live": live,
    "listed": lambda text: listed([text]),
    "table": lambda text: table([text], [[text]]),
}


class Tags(HTMLParser):
    """Collect the tags and the text that a browser would find."""

    def __init__(self):
        super().__init__()
        self.tags, self.text, self.titles = set(), "", []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.titles += [value for key, value in attrs if key == "title"]

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("name", BUILT)
@given(st.text(alphabet=st.sampled_from(list("<>&\"'/ab =")), max_size=30))
def test_text_never_becomes_a_tag_and_is_never_lost(name, text):
    found, empty = Tags(), Tags()
    found.feed(BUILT[name](text))
    empty.feed(BUILT[name]("x"))
    found.close()
    assert found.tags == empty.tags
    assert text in found.text + "".join(found.titles)


def test_built_html_is_not_escaped_again():
    inner = element("b", NASTY)
    assert str(inner) in str(element("p", inner))
    assert [element("img", alt="a"), element("br"), element("meta")] == ['<img alt="a">', "<br>", "<meta>"]
    assert live("a") == '<div aria-live="polite">a</div>'
    assert isinstance(joined([inner, "x"]), Html)


def test_an_empty_list_is_empty_and_a_bar_has_its_width():
    assert listed([]) == ""
    assert "width:45px" in bar(0.5, "red")
