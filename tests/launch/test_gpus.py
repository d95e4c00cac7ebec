"""GPUs found in every output format of the tools, in a synthetic /sys, and on this machine."""

import json

import pytest

from vlnb.launch.gpus import gpus
from vlnb.launch.smi import mib, rows, run_tool

MI300X = {"market_name": "AMD Instinct MI300X", "target_graphics_version": "gfx942"}
STATIC = [{"gpu": i, "asic": MI300X, "vram": {"size": {"value": 196592 - i, "unit": "MB"}}} for i in range(2)]
LIST = [{"gpu": 0, "hip_id": 1, "bdf": "0000:05:00.0"}, {"gpu": 1, "hip_id": 0, "bdf": "0000:26:00.0"}]
TOTAL, IN_USE = "VRAM Total Memory (B)", "VRAM Total Used Memory (B)"
ROCM = {
    "card1": {
        "Card Series": "AMD Instinct MI355X",
        "GFX Version": "gfx950",
        TOTAL: "309220868096",
        IN_USE: "298172416",
    },
    "card0": {"series": "MI355X", "GFX Version": "gfx950", TOTAL: "309220868096", IN_USE: "N/A"},
    "system": {"Driver version": "6.12"},
}
WARNING = "WARNING: User is missing the following required groups: render, video. Please add user to these groups.\n"


def tools(**answers):
    """Return a runner whose tools print the given answers; other tools are not installed."""

    def run(command):
        return answers.get("_".join(word.strip("-") for word in command[:2]).replace("-", "_"))

    return run


def amd_smi(static, **more):
    return tools(amd_smi_static=static, **more)


@pytest.mark.parametrize(
    "static",
    [json.dumps(STATIC), json.dumps({"gpu_data": STATIC}), WARNING + json.dumps(STATIC), json.dumps(STATIC) + "\nbye"],
    ids=["array", "gpu_data", "warning before", "text after"],
)
def test_the_output_of_amd_smi_is_read_in_every_format(static, tmp_path):
    found = gpus(run=amd_smi(static, amd_smi_list=json.dumps(LIST)), root=tmp_path)
    assert found.source == "amd-smi"
    assert [(gpu.index, gpu.name, gpu.arch, gpu.memory_mib) for gpu in found.gpus] == [
        (0, "MI300X", "gfx942", 196591),
        (1, "MI300X", "gfx942", 196592),
    ], "in HIP's order, not in amd-smi's"
    assert bool(found.problem) == static.startswith("WARNING")


@pytest.mark.parametrize(
    "warning",
    [
        "ERROR: 2 GPU[0]: ras: RSMI_STATUS_NOT_SUPPORTED",
        'WARNING: {"gpu": {"code": 2}}',
        '{"card0": {"Card Series": "N/A"}}',
        f'ERROR {{"detail": {{"message": "{"m" * 3000}"}}}}',
    ],
)
def test_the_output_of_rocm_smi_is_read_after_warnings_with_brackets(tmp_path, warning):
    printed = f"{warning}\n{json.dumps(ROCM)}"
    found = gpus(run=tools(rocm_smi_showproductname=printed), root=tmp_path)
    assert [gpu.name for gpu in found.gpus] == ["MI355X", "MI355X"]
    assert {gpu.arch for gpu in found.gpus} == {"gfx950"}
    for key in ("Card Series", "Card series", "series"):
        cards = {"card0": {key: "MI308X", TOTAL: "206141652992"}, "card1": {TOTAL: "N/A"}, "system": {TOTAL: "1"}}
        (gpu,) = gpus(run=tools(rocm_smi_showproductname=json.dumps(cards)), root=tmp_path).gpus
        assert (gpu.name, gpu.arch) == ("MI308X", "")


def test_unavailable_values_are_not_a_failure(tmp_path):
    row = {"gpu": 0, "asic": {"market_name": "N/A", "target_graphics_version": "gfx942"}, "vram": {"size": "255.98 GB"}}
    (gpu,) = gpus(run=amd_smi(json.dumps([row, {"gpu": 1, "vram": "N/A"}])), root=tmp_path).gpus
    assert (gpu.name, gpu.memory_mib) == ("MI325X", 262124)


@pytest.mark.parametrize(
    ("asic", "mib", "name"),
    [
        ({"market_name": "AMD Instinct MI308X", "target_graphics_version": "gfx942"}, 196592, "MI308X"),
        (
            {"market_name": "AMD Radeon RX 7900 XTX", "target_graphics_version": "gfx1100"},
            24560,
            "AMD Radeon RX 7900 XTX",
        ),
        ({"market_name": "N/A", "target_graphics_version": "gfx1100"}, 24560, "gfx1100"),
        ({"target_graphics_version": "gfx1100"}, 24560, "gfx1100"),
        ({"market_name": "AMD Radeon"}, 24560, "AMD Radeon"),
        ("N/A", 24560, ""),
    ],
)
def test_a_gpu_has_its_short_name_or_what_the_tool_calls_it(asic, mib, name, tmp_path):
    row = {"gpu": 0, "asic": asic, "vram": {"size": {"value": mib, "unit": "MB"}}}
    (gpu,) = gpus(run=amd_smi(json.dumps([row]), amd_smi_list='[{"gpu": 0, "hip_id": "N/A"}]'), root=tmp_path).gpus
    assert (gpu.index, gpu.name) == (0, name)


def test_a_row_that_is_no_gpu_is_skipped(tmp_path):
    size = {"vram": {"size": {"value": 196592, "unit": "MB"}}}
    assert gpus(run=amd_smi(json.dumps({"system": size})), root=tmp_path).gpus == ()


def test_the_gpu_name_in_a_virtual_machine_is_recognised(tmp_path):
    row = {**STATIC[0], "asic": {"market_name": "AMD Instinct MI300X VF", "target_graphics_version": "gfx942"}}
    assert gpus(run=amd_smi(json.dumps([row])), root=tmp_path).gpus[0].name == "MI300X"


def test_rocm_smi_is_used_where_amd_smi_is_not_installed(tmp_path):
    found = gpus(run=tools(rocm_smi_showproductname=json.dumps(ROCM)), root=tmp_path)
    assert found.source == "rocm-smi"
    assert [(gpu.index, gpu.name, gpu.memory_mib) for gpu in found.gpus] == [
        (0, "MI355X", 294896),
        (1, "MI355X", 294896),
    ]


@pytest.mark.parametrize("broken", ["", "{", "[1, 2]", "null", "Segmentation fault", '{"gpu_data": 3}'])
def test_a_tool_that_prints_nonsense_is_ignored(broken, tmp_path):
    found = gpus(run=amd_smi(broken, rocm_smi_showproductname=broken), root=tmp_path)
    assert found.gpus == ()
    assert "No AMD GPU was found" in found.problem


@pytest.fixture
def sysfs(tmp_path):
    nodes = tmp_path / "sys/class/kfd/kfd/topology/nodes"
    for number, version, size in ((0, 0, 0), (1, 90402, 206141652992), (2, 90500, 309220868096)):
        bank = nodes / str(number) / "mem_banks" / "0"
        bank.mkdir(parents=True)
        (bank / "properties").write_text(f"heap_type 1\nsize_in_bytes {size}\n")
        (nodes / str(number) / "properties").write_text(
            f"cpu_cores_count 0\nname\nunique_id 0x1f\ncaps 1 2\ngfx_target_version {version}\n"
        )
    return tmp_path


def test_gpus_are_read_from_sysfs_where_no_tool_is_installed(sysfs):
    found = gpus(run=tools(), root=sysfs)
    assert [(gpu.name, gpu.arch) for gpu in found.gpus] == [("MI300X", "gfx942"), ("MI355X", "gfx950")]
    assert str(found) == "2 AMD GPUs by the kernel (/sys): 0: MI300X (192 GiB), 1: MI355X (288 GiB)."


def test_missing_permission_is_not_reported_as_a_missing_gpu(sysfs, monkeypatch):
    (sysfs / "dev").mkdir()
    (sysfs / "dev" / "kfd").touch()
    assert gpus(run=tools(), root=sysfs).problem == ""
    monkeypatch.setattr("os.access", lambda *_: False)
    found = gpus(run=tools(), root=sysfs)
    assert len(found.gpus) == 2
    assert "may not open /dev/kfd" in found.problem
    for answers in (
        {"amd_smi_list": "Permission denied"},
        {"amd_smi_static": "Operation not permitted"},
        {"rocm_smi_showproductname": WARNING},
    ):
        nothing = gpus(run=tools(**answers), root=sysfs / "nowhere")
        assert str(nothing).startswith("This user may not use the GPUs"), answers
    assert "usermod -aG render,video" in gpus(run=amd_smi(WARNING), root=sysfs / "nowhere").problem
    (sysfs / "sys").rename(sysfs / "hidden")
    assert "may not open /dev/kfd" in gpus(run=tools(), root=sysfs).problem


def test_a_warning_of_a_tool_counts_where_only_the_kernel_finds_the_gpus(sysfs):
    assert "may not use the GPUs" in gpus(run=amd_smi(WARNING), root=sysfs).problem


def test_a_loaded_driver_without_a_gpu_is_reported(tmp_path):
    (tmp_path / "sys/module/amdgpu").mkdir(parents=True)
    assert "driver is loaded" in gpus(run=tools(), root=tmp_path).problem


def test_this_machine_has_gpus_or_a_reported_problem():
    found = gpus()
    assert found.gpus or found.problem
    assert str(found)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("196592 MB", 196592),
        (" 5 mib ", 5),
        ("191.5 GB", 196096),
        ({"value": 206141652992, "unit": "B"}, 196592),
        ({"value": 5}, 5),
        ("N/A", None),
        ("5 furlongs", None),
        (None, None),
    ],
)
def test_sizes_are_read_in_every_unit(value, expected):
    assert mib(value) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"gpu_data": {"card0": {"use": 1}}}', {"card0": {"use": 1}}),
        ('[{"use": 1}, {"gpu": 0, "use": 2}]', {0: {"gpu": 0, "use": 2}}),
        ('{"version": 1, "card0": {"use": 1}}', {"card0": {"use": 1}}),
    ],
)
def test_only_rows_of_gpus_are_read(text, expected):
    assert rows(text) == expected


def test_a_tool_that_fails_is_read_and_a_missing_one_is_none():
    assert run_tool(["sh", "-c", "echo out; echo wrong >&2; exit 3"]) == "out\nwrong\n"
    assert run_tool(["vlnb-no-such-tool"]) is None
