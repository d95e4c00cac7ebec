"""`vlnb video cost`."""

from __future__ import annotations

from cyclopts import App

from vlnb.commands import say, show, show_json

app = App(name="video", help="Say what a video costs, before it is sent.")


@app.command
def cost(path: str, /, *, json: bool = False) -> int:
    """Say what a video will cost, before it is sent: as frames, as vlnb ask sends it, and by video_url to each server.

    Parameters
    ----------
    path
        Path or address of a video.
    json
        Print the costs as JSON.
    """
    from dataclasses import asdict

    from vlnb import video

    found = video.header(path)
    costs = [video.cost(found), *(video.cost(found, "video_url", server) for server in video.SERVERS)]
    say(f"{found.name}: {found.duration_s:.2f} s, {len(found.times):,} frames, {found.size[0]} x {found.size[1]} px")
    if json:
        show_json([asdict(one) for one in costs])
    else:
        show("\n".join(map(str, costs)))
    return 0
