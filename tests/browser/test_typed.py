"""The view of a typed answer: hovering a field marks its place, hovering a place marks its field, in a notebook."""

from tests.browser.test_launch_panel import notebook

CELL = """
import vlnb
schema = {"type": "object", "properties": {"grand_total": {"type": "number"}, "shop": {"type": "string"}}}
vlnb.connect(announce=None).ask("Extract.", vlnb.samples.receipt().picture, schema=schema)
"""
MARKED = "element => getComputedStyle(element).outlineColor"
ORANGE = "rgb(213, 94, 0)"


def test_hovering_a_field_or_its_box_marks_the_other(open_notebook):
    page = open_notebook("typed.ipynb", notebook(CELL))
    field, place = page.locator("tr[data-v='0']"), page.locator("[role=note][data-v='0']")
    place.wait_for(timeout=60_000)
    other = page.locator("[role=note][data-v='1']")
    assert place.get_attribute("title") == "grand_total: 17,000"
    assert place.evaluate(MARKED) != ORANGE
    field.hover()
    assert place.evaluate(MARKED) == ORANGE
    assert other.evaluate(MARKED) != ORANGE
    place.hover()
    assert field.evaluate(MARKED) == ORANGE
    other.focus()
    page.mouse.move(5, 5)
    assert other.evaluate(MARKED) == ORANGE, "focus by keyboard marks it too"
