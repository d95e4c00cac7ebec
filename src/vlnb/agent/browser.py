"""A sandboxed Chromium that reaches only allowed addresses and performs one checked action at a time.

Four layers enforce this. Chromium itself resolves no names and no addresses; `_route` fetches every request for the
page and follows no redirect by itself; WebSockets are closed; service workers, downloads and WebRTC are off. Addresses
are compared by scheme, host and port. Nothing on a page can change any of this.

Playwright runs on the event loop of `fetch.background`, because a notebook has its own loop. The person is asked in the
thread that waits for the action.
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
from vlnb.local import expanded

Rect = tuple[float, float, float, float]
"""(left, top, width, height) in pixels of the page (CSS pixels)."""

Outcome = tuple[str, str]
"""(status, message): an action is "done", "failed", or "refused" by a person; the message says what happened."""

Kind = TypeVar("Kind")
_Questions = queue.SimpleQueue[tuple[str, Future[bool]] | None]
_PORTS = {"http": 80, "https": 443}
_NO_WEBRTC = "for (const name of ['RTCPeerConnection', 'webkitRTCPeerConnection', 'WebTransport']) delete window[name];"
_LOOK = resources.files("vlnb.agent").joinpath("look.js").read_text("utf-8")
_LIMIT_S = 30.0  # timeout of an action
_PAUSE_S, _LOOKS = 0.15, 33  # after an action: interval and most polls while requests are pending
_RISKY = re.compile(rf"\b({'|'.join(WORDS['confirm']['risky'].split())})\b", re.IGNORECASE)
_BREAK = re.compile(r"[\r\n\t]")  # a tab moves the focus to a button, which a space then presses


class Browser:
    """One page in its own browser, which is open during a `with` block.

    `address` is an http(s) address or an HTML file. Its own origin (of a file: the file alone) is allowed; `allow` adds
    others: "host" or "host:port" with the scheme of `address`, "https://host:port", or "file:///folder". `size` is the
    page's (width, height) in CSS pixels, `scale` the pixels of a screenshot for each of them. `touch` emulates a
    phone. `trace` is a file for Playwright's trace.
    """

    def __init__(self, address: str | Path, *, allow: Iterable[str] = (), size: tuple[int, int] = (1024, 768),
                 scale: float = 1.0, touch: bool = False, trace: Path | None = None) -> None:  # fmt: skip
        path = expanded(address)
        if ":" not in str(address) and not path.is_file():
            raise BadInput(f"{path} is a folder. Name an HTML file in it.") if path.is_dir() else missing(path)
        self.address = str(address) if ":" in str(address) else path.resolve().as_uri()
        allowed = [self.address, *allow]
        self._origins = tuple(_origin(url if "://" in url else urljoin(self.address, f"//{url}")) for url in allowed)
        if "" in self._origins:
            wrong = allowed[self._origins.index("")]
            raise BadInput(f"{wrong:.300} {WORDS['chromium']['allow']}")
        self.size, self.scale, self.touch, self._trace = size, scale, touch, trace
        self.whole: Rect = (0.0, 0.0, float(size[0]), float(size[1]))  # the visible part of the page
        self.confirm: Callable[[str], bool] | None = None
        self.decisions: list[str] = []  # questions during the last action, with the answers
        self.notes: list[str] = []  # events on the page, as sentences
        self._questions: _Questions | None = None  # to the thread that waits for the action; None: no thread waits
        self._may_send: bool | None = True  # whether requests may send data; None: ask the person
        self._busy = 0  # pending requests
        self._end = contextlib.AsyncExitStack()

    def __enter__(self) -> Self:
        try:
            self.call(self._start(), limit_s=2 * _LIMIT_S)
        except BaseException as error:
            self.__exit__()
            if isinstance(error, Error):
                reason = [*self.notes, _first_line(error)][0]
                hint = "" if hasattr(self, "_context") else WORDS["chromium"]["install"]
                raise BadInput(f"{self.address:.200} does not open in Chromium: {reason:.300} {hint}") from None
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Close the browser and end everything that it started."""
        with contextlib.suppress(Error):
            self.call(self._end.aclose())

    def call(self, work: Coroutine[Any, Any, Kind], *, limit_s: float = _LIMIT_S) -> Kind:
        """Run `work` on the browser's event loop, and meanwhile put its questions to the person.

        Raises Playwright's `Error`, also after `limit_s` seconds, not counting the time that the person takes.
        """
        questions = self._questions = _Questions()

        def end(_: object) -> None:
            self._questions = None  # no thread waits any more
            questions.put(None)

        task = asyncio.run_coroutine_threadsafe(work, background())
        task.add_done_callback(end)
        ends = time.monotonic() + limit_s
        try:
            while item := questions.get(timeout=max(0.0, ends - time.monotonic())):
                ends += self._confirm(*item)
        except queue.Empty:
            raise Error("it took too long") from None
        finally:
            self._questions = None
            task.cancel()  # without effect if it is done
            with contextlib.suppress(queue.Empty):  # the answer to all remaining questions is no
                while item := questions.get_nowait():
                    if item[1].set_running_or_notify_cancel():  # False if the asking action was cancelled
                        item[1].set_result(False)
        return task.result()

    def _confirm(self, question: str, answer: Future[bool]) -> float:
        """Ask the person and set the answer; return the seconds that it took. Ctrl-C means no."""
        agreed, begun = False, time.monotonic()
        try:
            agreed = self.confirm is not None and bool(self.confirm(question))
        finally:
            answer.set_result(agreed)
        return time.monotonic() - begun

    @property
    def page(self) -> Page:
        """The newest open tab. Raises Playwright's `Error` if every tab was closed."""
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

    # Network access

    async def _route(self, route: Route) -> None:
        request, url = route.request, route.request.url
        moves, self._busy = request.is_navigation_request(), self._busy + 1
        try:
            if self._reaches(url) and await self._sends(request.method, request.resource_type):
                if url.startswith("file:"):
                    return await route.continue_()
                answer = await route.fetch(max_redirects=0)
                if "location" not in answer.headers or not 300 <= answer.status < 400:
                    return await route.fulfill(response=answer)
                # Quoted first, so that Chromium sees the same host as `_origin`: evil\@host is evil/@host.
                url = quote(urljoin(url, answer.headers["location"]), safe=WORDS["chromium"]["marks"])
                if moves and self._reaches(url):  # the refresh comes back here as a new request
                    return await route.fulfill(content_type="text/html", headers={"refresh": f"0; url={url}"})
                if not moves and _origin(url) == _origin(request.url):
                    return await route.fulfill(response=await route.fetch(url=url, method="GET", max_redirects=0))
            if moves:
                self.notes.append(f"The page wanted to go to {url:.200}, which is not allowed.")
                with contextlib.suppress(Error):  # the request of a new tab has no frame yet
                    if request.frame.page == self._context.pages[0]:
                        return await route.fulfill(status=204)  # the page stays where it is
            await route.abort("blockedbyclient")  # puts an error page in place: Chromium cannot show an empty tab
        except (Error, ValueError, RuntimeError) as error:  # the server or the page is gone, or an address is invalid
            if moves:
                self.notes.append(f"{url:.200} does not answer: {_first_line(error).removeprefix('Route.fetch: ')}")
            with contextlib.suppress(Error):
                await route.abort()
        finally:
            self._busy -= 1

    def _reaches(self, url: str) -> bool:
        """Whether the page may request an address, by scheme, host and port, or by the folder of a file."""
        return _origin(url).startswith(self._origins)

    async def _sends(self, method: str, kind: str) -> bool:
        """Whether a request may go out: to send data, a person must agree to the action that causes it."""
        if method in ("GET", "HEAD", "OPTIONS"):
            return True
        if self._may_send is None and kind != "ping":
            self._may_send = await self._ask(f"The page wants to send data ({method}). Allow it?")
        return bool(self._may_send) and kind != "ping"

    # Events on the page

    async def _ask(self, question: str) -> bool:
        """Ask the person, in the thread that waits for the action."""
        agreed = False
        if questions := self._questions:  # None: no thread waits for the action
            answer = Future[bool]()
            questions.put((question, answer))
            agreed = await asyncio.wrap_future(answer)
        self.decisions.append(f"{question} {'yes' if agreed else 'no' if self.confirm else '(nobody could agree)'}")
        return agreed

    async def _answer(self, dialog: Dialog) -> None:
        summary = f"dialog ({dialog.type}) “{dialog.message:.200}”"
        agreed = dialog.type == "alert" or (dialog.type == "confirm" and await self._ask(f"Say OK to the {summary}?"))
        self.notes.append(f"The page showed a {summary}. It was {'accepted' if agreed else 'dismissed'}.")
        with contextlib.suppress(Error):
            await (dialog.accept() if agreed else dialog.dismiss())

    async def _settle(self) -> None:
        """Wait until no request is pending, at most a few seconds."""
        for _ in range(_LOOKS):
            await asyncio.sleep(_PAUSE_S)
            if not self._busy:
                break

    def picture(self, view: Rect) -> images.Picture:
        """Return a screenshot; a part `view` is rendered again at the size of the whole.

        Raises:
            BadInput: There is nothing to show: the page crashed, hangs, or was closed.
        """
        try:
            return images.load(self.call(self._stable_shot(view)))
        except Error as error:
            raise BadInput(f"The page cannot be shown any more ({_first_line(error):.200}). Open it again.") from None

    async def _stable_shot(self, view: Rect) -> bytes:
        try:
            return await self._shot(view)
        except Error:  # Chromium takes none while it moves a page to another process, such as for its error page
            await self._settle()
            return await self._shot(view)

    async def _shot(self, view: Rect) -> bytes:
        if view == self.whole:
            return await self.page.screenshot(animations="disabled")
        session = await self._context.new_cdp_session(self.page)
        seen = (await session.send("Page.getLayoutMetrics"))["cssVisualViewport"]
        x, y, scale = seen["pageX"] + view[0], seen["pageY"] + view[1], self.size[0] / view[2]
        clip = {"x": x, "y": y, "width": view[2], "height": view[3], "scale": scale}
        return base64.b64decode((await session.send("Page.captureScreenshot", {"clip": clip}))["data"])

    # Actions of the model

    def act(self, action: Action, points: Sequence[Point]) -> Outcome:
        """Perform one action at `points` of the page (CSS pixels), and return its outcome."""
        try:
            return self.call(self._act(action, points))
        except Error as error:
            return "failed", f"It failed: {_first_line(error):.200}"

    async def _act(self, action: Action, points: Sequence[Point]) -> Outcome:
        self._may_send = None
        # A page can fake this result, but `_sends` still blocks what it sends.
        target: dict[str, Any] = await self.page.evaluate(_LOOK, points[-1] if points else None)
        if question := _risk(action, target):
            if not await self._ask(question):
                return "refused", question
            self._may_send = True
        outcome = await self._do(action, points, target)
        await self._settle()
        return outcome

    async def _do(self, action: Action, points: Sequence[Point], target: dict[str, Any]) -> Outcome:  # noqa: C901, PLR0912
        page, mouse, options = self.page, self.page.mouse, target["options"]
        for point in points[:-1] if action.kind == "drag" else points:  # Qwen's drag begins at the pointer
            await mouse.move(*point)
        match action.kind:
            case "click" if options:  # a screenshot does not show an open list
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
            case "type" if target["edits"]:
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


def _risk(action: Action, target: dict[str, Any]) -> str:
    """Return the question to ask before an action, or ""."""
    if _BREAK.search(action.text):
        return f"Type text with a line break or a tab, which may submit a form: “{action.text:.200}”?"
    if "Enter" in action.keys:
        return "Press Enter, which may submit a form?"
    presses = action.kind in ("click", "press", "drag") or "Space" in action.keys
    if presses and target["submits"]:
        return f"Press “{target['text']}”, which submits a form?"
    return f"Press “{target['text']}”?" if presses and target["button"] and _RISKY.search(target["text"]) else ""


def _first_line(error: Exception) -> str:
    """Return Playwright's message without its call log."""
    return next(iter(str(error).splitlines()), "")


def _origin(url: str) -> str:
    """Return scheme://host:port/ of an http(s) address, the path of a file as file:///folder/name/, else ""."""
    with contextlib.suppress(ValueError):  # the port is invalid
        parts = urlsplit(url)
        if parts.scheme == "file" and parts.path and not parts.netloc:  # a host alone would open the current folder
            return f"{Path(url2pathname(parts.path)).resolve().as_uri().rstrip('/')}/"
        if parts.scheme in _PORTS and parts.hostname:
            return f"{parts.scheme}://{parts.hostname}:{parts.port or _PORTS[parts.scheme]}/"
    return ""
