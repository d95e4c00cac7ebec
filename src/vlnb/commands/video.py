"""`vlnb video cost`."""

from __future__ import annotations

from cyclopts import App

from vlnb.commands import say, show, show_json

app = App(name="video", help="Compute what a video costs, before it is sent.")


@app.command
def cost(path: str, /, *, json: bool = False) -> int:
    """Print what a video will cost, before it is sent: as frames (as vlnb ask does), and by video_url to each server.

    For example: vlnb video cost clip.mp4

    Parameters
    ----------
    path
        Path or address of a video.
    json
        Print the costs as JSON.
    """
    from dataclasses import asdict

    from vlnb import video
    from vlnb.video.clip import counted

    clip = video.header(path)
    costs = [video.cost(clip), *(video.cost(clip, "video_url", server) for server in video.SERVERS)]
    say(f"{clip.name}: {clip.duration_s:.2f} s, {counted(len(clip.times))}, {clip.size[0]} x {clip.size[1]} px")
    if json:
        show_json([asdict(estimate) for estimate in costs])
    else:
        show("\n".join(map(str, costs)))
    return 0
