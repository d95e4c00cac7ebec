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


def find_agent_browsers():
    """Return the Chromium processes with the flag of the agent, which the browser of the tests does not have."""
    flag = "--host-resolver-rules=MAP * ~NOTFOUND"
    return [process for process in psutil.process_iter(["cmdline"]) if flag in (process.info["cmdline"] or ())]


def test_the_stop_button_leaves_no_browser_process(lab, chromium):
    page = chromium.new_page(viewport={"width": 1280, "height": 1500})
    page.goto(lab("agent_stop.ipynb", notebook(CELL)))
    idle = "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.kernelDisplayStatus === 'idle'"
    page.wait_for_function(idle, timeout=90_000)
    # The braces keep the promise back, so that `evaluate` does not wait for the cells to end.
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")
    page.get_by_text("asked: Press “Log in”, which submits a form?").wait_for(timeout=90_000)
    assert page.locator(".jp-OutputArea figure").count() == 1, "the first step is shown while the second one waits"
    agent_browsers = find_agent_browsers()
    assert agent_browsers
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.interrupt()")
    page.get_by_text("The agent was stopped, and its browser has ended.").first.wait_for(timeout=30_000)
    assert page.locator(".jp-OutputArea").filter(has_text="playwright").count() == 0, "no frames of libraries are shown"
    _, alive = psutil.wait_procs(agent_browsers, timeout=15)
    assert alive == []
    page.close()
