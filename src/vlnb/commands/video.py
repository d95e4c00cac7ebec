"""`vlnb video cost`."""

from __future__ import annotations

from cyclopts import App

from vlnb.commands import Count, Rate, say, show, show_json
from vlnb.errors import BadInput

app = App(name="video", help="Say what a video costs, before it is sent.")


@app.command
def cost(
    path: str,
    /,
    *,
    fps: Rate = 2.0,
    max_frames: Count = 64,
    budget_tokens: Count = 16_384,
    json: bool = False,
) -> int:
    """Say what a video will cost, before it is sent: as frames, and by video_url to each kind of server.

    Parameters
    ----------
    path
        Path or address of a video.
    fps
        Frames a second, where they are sent as pictures.
    max_frames
        Most frames to send as pictures.
    budget_tokens
        Most tokens that they may cost together.
    json
        Print the costs as JSON.
    """
    from dataclasses import asdict

    from vlnb import video

    found = video.header(path)
    costs = [video.cost(found, fps=fps, max_frames=max_frames, budget_tokens=budget_tokens)]
    refused = ""
    try:
        costs += (video.cost(found, "video_url", server) for server in video.SERVERS)
    except BadInput as error:  # one frame is a picture, and no video to a server
        refused = str(error)
    say(f"{found.name}: {found.duration_s:.2f} s, {len(found.times):,} frames, {found.size[0]} x {found.size[1]} px")
    if refused:
        say(refused)
    if json:
        show_json([asdict(one) for one in costs])
    else:
        show("\n".join(map(str, costs)))
    return 0
