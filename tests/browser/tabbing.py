"""Tab through a panel as a person without a mouse does."""

from playwright.sync_api import expect

IN_ORDER = """() => {
  const panel = document.querySelector(".vlnb-panel");
  const each = [...panel.querySelectorAll("select, input, textarea, button, a[href], summary, [tabindex='0']")];
  const seen = each.filter((one) => !one.disabled && one.checkVisibility() && one.getBoundingClientRect().width);
  const places = seen.map((one) => one.getBoundingClientRect());
  window.controls = seen;
  const backwards = (b, i) => i && b.bottom <= places[i - 1].top + 1;
  return [seen.length, seen.filter((_, i) => backwards(places[i], i)).map((one) => one.outerHTML.slice(0, 80))];
}"""
FOCUSED = "() => window.controls.indexOf(document.activeElement)"


def unfold(place):
    """Open every folded section with the keyboard."""
    folded = place.get_by_role("button", name="▸")
    for remaining in reversed(range(folded.count())):
        folded.first.press("Enter")
        expect(folded).to_have_count(remaining)


def tab_through(page):
    """Press Tab from the first control to the last: each is reached, in reading order, and the panel can be left."""
    unfold(page.locator(".vlnb-panel").first)
    count, backwards = page.evaluate(IN_ORDER)
    assert count > 20
    assert backwards == []
    page.evaluate("() => window.controls[0].focus()")
    reached = [page.evaluate(FOCUSED)]
    for _ in range(count):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(FOCUSED))
    assert reached == [*range(count), -1], page.evaluate("() => document.activeElement.outerHTML.slice(0, 200)")
    page.evaluate("() => window.controls.at(-1).focus()")
    for number in reversed(range(count - 1)):
        page.keyboard.press("Shift+Tab")
        assert page.evaluate(FOCUSED) == number
