"""The agent within JupyterLab: the film strip grows in the cell, and the Stop button ends the browser too."""

import psutil

from tests.browser.test_launch_panel import notebook

CELL = """
import time, vlnb

def confirm(question):
    print("asked:", question)
    time.sleep(600)

live = display("begin", display_id=True)
goal = 'Type "ada" into Name and press "Log in".'
vlnb.agent.run(vlnb.connect(announce=None), vlnb.agent.SHOP, goal, confirm=confirm, watch=live.update)
"""


def browsers():
    """Chromium's processes with the agent's own flag: those of the tests' own browser have none."""
    flag = "--host-resolver-rules=MAP * ~NOTFOUND"
    return [one for one in psutil.process_iter(["cmdline"]) if flag in (one.info["cmdline"] or ())]


def test_the_stop_button_leaves_no_browser(lab, chromium):
    page = chromium.new_page(viewport={"width": 1280, "height": 1500})
    page.goto(lab("agent_stop.ipynb", notebook(CELL)))
    idle = "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.kernelDisplayStatus === 'idle'"
    page.wait_for_function(idle, timeout=90_000)
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")  # not its end
    page.get_by_text("asked: Press “Log in”, which submits a form?").wait_for(timeout=90_000)
    assert page.locator(".jp-OutputArea figure").count() == 1, "the first step is shown while the second one waits"
    mine = browsers()
    assert mine
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.interrupt()")
    page.get_by_text("The agent was stopped, and its browser has ended.").first.wait_for(timeout=30_000)
    assert page.locator(".jp-OutputArea").filter(has_text="playwright").count() == 0, "no frames of others are shown"
    _, alive = psutil.wait_procs(mine, timeout=15)
    assert alive == []
    page.close()
