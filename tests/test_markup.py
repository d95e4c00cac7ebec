"""Words become HTML in one way: what was not built as HTML is escaped, wherever it stands."""

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
    """The tags and the text that a browser would find."""

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
def test_no_text_becomes_a_tag_and_none_is_lost(name, text):
    found, empty = Tags(), Tags()
    found.feed(BUILT[name](text))
    empty.feed(BUILT[name]("x"))
    found.close()
    assert found.tags == empty.tags
    assert text in found.text + "".join(found.titles)


def test_what_is_built_is_not_escaped_again():
    inner = element("b", NASTY)
    assert str(inner) in str(element("p", inner))
    assert element("img", alt="a") == '<img alt="a">'
    assert isinstance(joined([inner, "x"]), Html)


def test_nothing_to_list_is_nothing():
    assert listed([]) == ""
    assert "width:45px" in bar(0.5, "red")
