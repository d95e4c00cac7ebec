"""GPUs found in a made-up /sys, and on this machine."""

import pytest

from vlnb.launch.gpus import gpus

NODES = ((0, 0, 0), (1, 90402, 206141652992), (2, 90402, 274856935424), (10, 90500, 309220868096), (11, 110000, 2**34))


@pytest.fixture
def sysfs(tmp_path):
    nodes = tmp_path / "sys/class/kfd/kfd/topology/nodes"
    for number, version, size in NODES:
        bank = nodes / str(number) / "mem_banks" / "0"
        bank.mkdir(parents=True)
        (bank / "properties").write_text(f"heap_type 1\nsize_in_bytes {size}\n")
        (nodes / str(number) / "properties").write_text(f"cpu_cores_count 0\ngfx_target_version {version}\n")
    return tmp_path


def test_the_kernel_names_them_in_order(sysfs):
    found = gpus(root=sysfs)
    assert [gpu.name for gpu in found.gpus] == ["MI300X", "MI325X", "MI355X", "gfx1100"]
    assert [gpu.memory_mib for gpu in found.gpus] == [196592, 262124, 294896, 16384]
    said = "4 AMD GPU(s): 0: MI300X (192 GiB), 1: MI325X (256 GiB), 2: MI355X (288 GiB), 3: gfx1100 (16 GiB)."
    assert str(found) == said


def test_files_that_make_no_sense_are_no_gpu(sysfs):
    for path in sysfs.glob("sys/class/kfd/kfd/topology/nodes/*/properties"):
        path.write_text("gfx_target_version many\nand more\n")
    assert "No AMD GPU was found" in gpus(root=sysfs).problem


def test_no_permission_is_not_no_gpu(sysfs, monkeypatch):
    (sysfs / "dev").mkdir()
    (sysfs / "dev" / "kfd").touch()
    monkeypatch.setattr("os.access", lambda *_: False)
    found = gpus(root=sysfs)
    assert len(found.gpus) == len(NODES) - 1
    assert "may not open /dev/kfd" in found.problem
    assert "usermod -aG render,video" in str(found)


def test_a_driver_without_a_gpu(tmp_path):
    (tmp_path / "sys/module/amdgpu").mkdir(parents=True)
    assert "driver is loaded" in gpus(root=tmp_path).problem


def test_this_machine_answers():
    found = gpus()
    assert found.gpus or found.problem
    assert str(found)
