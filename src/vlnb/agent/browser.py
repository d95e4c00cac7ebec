"""A Chromium that only reaches what it is allowed to reach, and does one checked action at a time.

Four layers keep it in. Chromium itself resolves no name and no address; every request goes through `_route`, which
fetches it for the page and follows no redirect by itself; WebSockets are closed; there are no service workers, no
downloads and no WebRTC. Addresses are compared by scheme, host and port. Nothing on a page can change any of this.

Playwright runs on the event loop of `fetch.background`, because a notebook has a loop of its own. A person is asked in
the thread that waits for the action.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import queue
import re
import shutil
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from concurrent.futures import Future
from importlib import resources
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import quote, urljoin, urlsplit
from urllib.request import url2pathname

from playwright.async_api import Dialog, Error, Page, Route, async_playwright

from vlnb import images
from vlnb.agent.actions import WORDS, Action, Point
from vlnb.errors import BadInput
from vlnb.fetch import background
from vlnb.images.sources import missing

Rect = tuple[float, float, float, float]
"""(left, top, width, height) in pixels of the page (CSS pixels)."""

Outcome = tuple[str, str]
"""(status, words): whether an action is "done", "failed", or "refused" by a person, and what came of it."""

Kind = TypeVar("Kind")
_Questions = queue.SimpleQueue[tuple[str, Future[bool]] | None]
_PORTS = {"http": 80, "https": 443}
_NO_WEBRTC = "for (const name of ['RTCPeerConnection', 'webkitRTCPeerConnection', 'WebTransport']) delete window[name];"
_LOOK = resources.files("vlnb.agent").joinpath("look.js").read_text("utf-8")
_LIMIT_S = 30.0  # of an action
_PAUSE_S, _LOOKS = 0.15, 33  # after an action: how long, and how often at most, while requests are on their way
_RISKY = re.compile(rf"\b({'|'.join(WORDS['confirm']['risky'].split())})\b", re.IGNORECASE)
_BREAK = re.compile(r"[\r\n\t]")  # a tab goes to a button, and a blank then presses it


class Browser:
    """One page in a browser of its own, from `with` until its end.

    `address` is an http(s) address or an HTML file. Its own origin (of a file: the file alone) is allowed; `allow` adds
    others: "host" or "host:port" with the scheme of `address`, "https://host:port", or "file:///folder". `size` is the
    page's (width, height) in CSS pixels, `scale` the pixels of a screenshot for each of them. With `touch` the page
    believes that it is on a phone. `trace` is a file for Playwright's own trace.
    """

    def __init__(self, address: str | Path, *, allow: Iterable[str] = (), size: tuple[int, int] = (1024, 768),
                 scale: float = 1.0, touch: bool = False, trace: Path | None = None) -> None:  # fmt: skip
        path = Path(address).expanduser()
        if ":" not in str(address) and not path.is_file():
            raise BadInput(f"{path} is a folder. Name an HTML file in it.") if path.is_dir() else missing(path)
        self.address = str(address) if ":" in str(address) else path.resolve().as_uri()
        allowed = [self.address, *allow]
        self._origins = tuple(_origin(one if "://" in one else urljoin(self.address, f"//{one}")) for one in allowed)
        if "" in self._origins:
            wrong = allowed[self._origins.index("")]
            raise BadInput(f"{wrong:.300} {WORDS['chromium']['allow']}")
        self.size, self.scale, self.touch, self._trace = size, scale, touch, trace
        self.whole: Rect = (0.0, 0.0, float(size[0]), float(size[1]))  # what is in view
        self.confirm: Callable[[str], bool] | None = None
        self.asked: list[str] = []  # during the last action, with the answers
        self.notes: list[str] = []  # what happened on the page, in words
        self._questions: _Questions | None = None  # of the action that somebody waits for
        self._may_send: bool | None = True  # whether requests may send data; None: a person is asked
        self._busy = 0  # requests on their way
        self._end = contextlib.AsyncExitStack()

    def __enter__(self) -> Self:
        try:
            self.call(self._start(), limit_s=2 * _LIMIT_S)
        except BaseException as error:
            self.__exit__()
            if isinstance(error, Error):
                why = [*self.notes, _first_line(error)][0]
                hint = "" if hasattr(self, "_context") else WORDS["chromium"]["install"]
                raise BadInput(f"{self.address:.200} does not open in Chromium: {why:.300} {hint}") from None
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End the browser and everything that it started."""
        with contextlib.suppress(Error):
            self.call(self._end.aclose())

    def call(self, work: Coroutine[Any, Any, Kind], *, limit_s: float = _LIMIT_S) -> Kind:
        """Do `work` on the browser's loop, and ask the person what is to be asked meanwhile.

        Raises Playwright's `Error`, also if it takes longer than `limit_s` seconds, those of the person not counted.
        """
        questions = self._questions = _Questions()

        def end(_: object) -> None:
            self._questions = None  # from here on nobody waits
            questions.put(None)

        task = asyncio.run_coroutine_threadsafe(work, background())
        task.add_done_callback(end)
        ends = time.monotonic() + limit_s
        try:
            while asked := questions.get(timeout=max(0.0, ends - time.monotonic())):
                ends += self._put(*asked)
        except queue.Empty:
            raise Error("it took too long") from None
        finally:
            self._questions = None
            task.cancel()  # unless it is done
            with contextlib.suppress(queue.Empty):  # whoever still asks gets an answer
                while asked := questions.get_nowait():
                    if asked[1].set_running_or_notify_cancel():  # else the action that asked was cancelled first
                        asked[1].set_result(False)
        return task.result()

    def _put(self, question: str, answer: Future[bool]) -> float:
        """Put a question to the person; return the seconds that it took. Ctrl-C is a no."""
        agreed, begun = False, time.monotonic()
        try:
            agreed = self.confirm is not None and bool(self.confirm(question))
        finally:
            answer.set_result(agreed)
        return time.monotonic() - begun

    @property
    def page(self) -> Page:
        """The tab that opened last, and is open. Raises Playwright's `Error` if every tab was closed."""
        if not self._context.pages:
            raise Error("no tab is open any more")
        return self._context.pages[-1]

    async def _start(self) -> None:
        playwright = await self._end.enter_async_context(async_playwright())
        root = hasattr(os, "geteuid") and os.geteuid() == 0  # Chromium's sandbox does not work for root
        path = next(filter(None, map(shutil.which, WORDS["chromium"]["names"])), None)  # else Playwright's own
        browser = await playwright.chromium.launch(
            executable_path=path, args=WORDS["chromium"]["flags"], chromium_sandbox=not root, handle_sigint=False
        )
        self._context = await browser.new_context(
            viewport={"width": self.size[0], "height": self.size[1]}, device_scale_factor=self.scale,
            has_touch=self.touch, is_mobile=self.touch, service_workers="block", accept_downloads=False,
        )  # fmt: skip
        await self._context.add_init_script(_NO_WEBRTC)
        await self._context.route("**/*", self._route)
        await self._context.route_web_socket("**/*", lambda socket: socket.close())
        self._context.on("dialog", self._answer)
        if self._trace:
            await self._context.tracing.start(screenshots=True, snapshots=True)
            self._end.push_async_callback(self._context.tracing.stop, path=self._trace)
        await self._context.new_page()
        self._context.on("page", lambda _: self.notes.append("A new tab opened, and the picture shows it."))
        await self.page.goto(self.address)
        await self._settle()

    # What the page may reach

    async def _route(self, route: Route) -> None:
        request, there = route.request, route.request.url
        moves, self._busy = request.is_navigation_request(), self._busy + 1
        try:
            if self._reaches(there) and await self._sends(request.method, request.resource_type):
                if there.startswith("file:"):
                    return await route.continue_()
                answer = await route.fetch(max_redirects=0)
                if "location" not in answer.headers or not 300 <= answer.status < 400:
                    return await route.fulfill(response=answer)
                # Quoted first, so that nobody reads another host in it than `_origin` does: evil\@host is evil/@host.
                there = quote(urljoin(there, answer.headers["location"]), safe=WORDS["chromium"]["marks"])
                if moves and self._reaches(there):  # it comes back here as a request of its own
                    return await route.fulfill(content_type="text/html", headers={"refresh": f"0; url={there}"})
                if not moves and _origin(there) == _origin(request.url):
                    return await route.fulfill(response=await route.fetch(url=there, method="GET", max_redirects=0))
            if moves:
                self.notes.append(f"The page wanted to go to {there:.200}, which is not allowed.")
            await route.abort("blockedbyclient")
        except (Error, ValueError, RuntimeError) as error:  # the server or the page is gone, or an address is none
            if moves:
                self.notes.append(f"{there:.200} does not answer: {_first_line(error).removeprefix('Route.fetch: ')}")
            with contextlib.suppress(Error):
                await route.abort()
        finally:
            self._busy -= 1

    def _reaches(self, url: str) -> bool:
        """Whether the page may ask for an address: by scheme, host and port, or for a file by its folder."""
        return _origin(url).startswith(self._origins)

    async def _sends(self, method: str, kind: str) -> bool:
        """Whether a request may go out: one that sends data needs a person who agreed to the action behind it."""
        if method in ("GET", "HEAD", "OPTIONS"):
            return True
        if self._may_send is None and kind != "ping":
            self._may_send = await self._ask(f"The page wants to send data ({method}). Allow it?")
        return bool(self._may_send) and kind != "ping"

    # What happens on the page

    async def _ask(self, question: str) -> bool:
        """Ask the person, in the thread that waits for the action."""
        agreed = False
        if questions := self._questions:  # else nobody waits
            answer = Future[bool]()
            questions.put((question, answer))
            agreed = await asyncio.wrap_future(answer)
        self.asked.append(f"{question} {'yes' if agreed else 'no' if self.confirm else '(nobody was there to agree)'}")
        return agreed

    async def _answer(self, dialog: Dialog) -> None:
        said = f"dialog ({dialog.type}) “{dialog.message:.200}”"
        agreed = dialog.type == "alert" or (dialog.type == "confirm" and await self._ask(f"Say OK to the {said}?"))
        self.notes.append(f"The page showed a {said}. It was {'accepted' if agreed else 'dismissed'}.")
        with contextlib.suppress(Error):
            await (dialog.accept() if agreed else dialog.dismiss())

    async def _settle(self) -> None:
        """Wait until what the page asked for has arrived, at most some seconds."""
        for _ in range(_LOOKS):
            await asyncio.sleep(_PAUSE_S)
            if not self._busy:
                break

    def picture(self, view: Rect) -> images.Picture:
        """Return a screenshot; of the part `view` alone, it is drawn anew at the size of the whole.

        Raises:
            BadInput: The page shows nothing any more: it crashed, hangs, or was closed.
        """
        try:
            return images.load(self.call(self._shot(view)))
        except Error as error:
            raise BadInput(f"The page cannot be shown any more ({_first_line(error):.200}). Open it again.") from None

    async def _shot(self, view: Rect) -> bytes:
        if view == self.whole:
            return await self.page.screenshot(animations="disabled")
        session = await self._context.new_cdp_session(self.page)
        seen = (await session.send("Page.getLayoutMetrics"))["cssVisualViewport"]
        x, y, scale = seen["pageX"] + view[0], seen["pageY"] + view[1], self.size[0] / view[2]
        clip = {"x": x, "y": y, "width": view[2], "height": view[3], "scale": scale}
        return base64.b64decode((await session.send("Page.captureScreenshot", {"clip": clip}))["data"])

    # What the model does

    def act(self, action: Action, points: Sequence[Point]) -> Outcome:
        """Do one action at `points` of the page (CSS pixels), and return what came of it."""
        try:
            return self.call(self._act(action, points))
        except Error as error:
            return "failed", f"It failed: {_first_line(error):.200}"

    async def _act(self, action: Action, points: Sequence[Point]) -> Outcome:
        self._may_send = None
        # A page can lie about itself here; what it sends is held back by `_sends` all the same.
        there: dict[str, Any] = await self.page.evaluate(_LOOK, points[-1] if points else None)
        if question := _risk(action, there):
            if not await self._ask(question):
                return "refused", question
            self._may_send = True
        outcome = await self._do(action, points, there)
        await self._settle()
        return outcome

    async def _do(self, action: Action, points: Sequence[Point], there: dict[str, Any]) -> Outcome:  # noqa: C901, PLR0912
        page, mouse, options = self.page, self.page.mouse, there["options"]
        for point in points[:-1] if action.kind == "drag" else points:  # Qwen's drag begins where the pointer is
            await mouse.move(*point)
        match action.kind:
            case "click" if options:  # the open list would not be in the picture
                await page.evaluate("at => document.elementFromPoint(...at).focus()", points[0])
                return "done", f"This is a list. To choose, type one of: {'; '.join(options):.200}"
            case "click" if self.touch:
                await page.touchscreen.tap(*points[0])
            case "click" | "press":
                how = {"delay": 1000 * action.time} if action.kind == "press" else WORDS["clicks"].get(action.name, {})
                await mouse.click(*points[0], **how)
            case "drag" if self.touch:
                await mouse.wheel(points[0][0] - points[-1][0], points[0][1] - points[-1][1])
            case "drag":
                await mouse.down()
                await mouse.move(*points[-1], steps=10)
                await mouse.up()
            case "scroll":
                await mouse.wheel(*action.scrolled)
            case "type" if options:
                if action.text not in options:
                    return "failed", f"The list has no such entry. It has: {'; '.join(options):.200}"
                await page.locator("*:focus").select_option(label=action.text)
            case "type" if there["edits"]:
                await page.keyboard.type(action.text)
            case "type":
                return "failed", "No field has the focus. Click one first, or go to it with the Tab key."
            case "key" if "Back" in action.keys:
                await page.go_back()
            case "key":
                await page.keyboard.press("+".join(action.keys))
            case "wait":
                await asyncio.sleep(action.time)
        return "done", "done"


def _risk(action: Action, there: dict[str, Any]) -> str:
    """Return the question to ask before an action, or ""."""
    if _BREAK.search(action.text):
        return f"Type text with a line break or a tab, which may submit a form: “{action.text:.200}”?"
    if "Enter" in action.keys:
        return "Press Enter, which may submit a form?"
    presses = action.kind in ("click", "press", "drag") or "Space" in action.keys
    if presses and there["submits"]:
        return f"Press “{there['text']}”, which submits a form?"
    return f"Press “{there['text']}”?" if presses and there["button"] and _RISKY.search(there["text"]) else ""


def _first_line(error: Exception) -> str:
    """Return what Playwright says, without its log of calls."""
    return next(iter(str(error).splitlines()), "")


def _origin(url: str) -> str:
    """Return scheme://host:port/ of an http(s) address, the path of a file as file:///folder/name/, else ""."""
    with contextlib.suppress(ValueError):  # of a port that is none
        parts = urlsplit(url)
        if parts.scheme == "file" and parts.path and not parts.netloc:  # a host alone would open the current folder
            return f"{Path(url2pathname(parts.path)).resolve().as_uri().rstrip('/')}/"
        if parts.scheme in _PORTS and parts.hostname:
            return f"{parts.scheme}://{parts.hostname}:{parts.port or _PORTS[parts.scheme]}/"
    return ""
