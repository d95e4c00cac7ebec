"""amd-smi's answer on how busy the GPUs are: bare or wrapped, with gaps, or none at all."""

import json

import pytest

from vlnb.launch.telemetry import Load, loads

ROW = {
    "gpu": 0,
    "usage": {"gfx_activity": {"value": 97, "unit": "%"}},
    "power": {"socket_power": {"value": 640, "unit": "W"}},
    "temperature": {"hotspot": {"value": 71, "unit": "C"}},
    "mem_usage": {"total_vram": {"value": 196592, "unit": "MB"}, "used_vram": {"value": 98304, "unit": "MB"}},
}
FULL = Load(0, 97.0, 640.0, 98304, 196592, 71.0)
GAPS = {"gpu": 1, "usage": "N/A", "power": {"socket_power": "N/A"}, "mem_usage": {"total_vram": "N/A"}}
CASES = {
    "bare": (json.dumps([ROW]), (FULL,)),
    "wrapped, with a warning before it": ("WARNING: groups\n" + json.dumps({"gpu_data": [ROW]}), (FULL,)),
    "brackets in a warning": ("ERROR: 2 GPU[0]: ras [x]: not {} here\n" + json.dumps({"gpu_data": [ROW]}), (FULL,)),
    "N/A anywhere": (json.dumps([GAPS]), (Load(1, None, None, None, None, None),)),
    "no JSON": ("Segmentation fault", ()),
    "truncated JSON": (json.dumps([ROW])[:40], ()),
    "not installed": (None, ()),
}


@pytest.mark.parametrize(("printed", "found"), CASES.values(), ids=CASES)
def test_the_output_of_amd_smi_is_parsed(printed, found):
    assert loads(run=lambda _: printed) == found


def test_a_load_prints_as_one_line():
    assert str(FULL) == "GPU 0: 97 % busy, 640 W, 96 of 192 GiB, 71 °C"
    assert str(Load(1, None, None, None, None, None)) == "GPU 1: nothing reported"
