"""Find the fastest of several plans on this machine: start, measure and stop one server after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vlnb.bench import report, runner
from vlnb.endpoint import connect
from vlnb.errors import LaunchFailed
from vlnb.launch.server import start
from vlnb.records import folder_for

if TYPE_CHECKING:
    import pandas as pd

    from vlnb.bench.store import Stored
    from vlnb.bench.workload import Workload


def measure(
    commands: Mapping[str, Sequence[str]],
    workload: Workload,
    out: str | Path | None = None,
    *,
    port: int,
    watch: Callable[[str], None] = lambda _: None,
) -> pd.DataFrame:
    """Return a row of metrics for each command (as `Plan.argv` gives it), whose server listens on `port`.

    If a server does not start, the column "failed start" says why, and the next one follows. The runs are stored in
    numbered folders in `out` (default: a new folder in runs/bench). `watch` is called with each name, and then with the
    progress as text.

    Raises `BadInput`, `NoServer`, `ServerRefused` and `BadAnswer` as `connect` and `runner.run` do.
    """
    folder = folder_for("bench", out)
    runs: dict[str, Stored | dict[str, float]] = {}
    failed: dict[str, str] = {}
    for number, (name, command) in enumerate(commands.items(), 1):
        watch(name)
        try:
            server = start(command, port=port)
            try:
                server.wait(watch=lambda status, _: watch(str(status)))
                endpoint = connect(server.base_url, announce=None)
                runs[name] = runner.run(
                    workload, endpoint, folder / str(number), watch=lambda report: watch(runner.format_progress(report))
                )
            finally:
                server.stop()
        except LaunchFailed as error:
            runs[name], failed[name] = {}, str(error)
    return report.table(runs).T.assign(**{"failed start": [failed.get(name, "") for name in runs]})
