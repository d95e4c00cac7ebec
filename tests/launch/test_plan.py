"""Plans: the twelve commands of the cookbook exactly, and impossible plans refused with the numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlnb import BadInput, catalog
from vlnb.launch import memory, plan

COOKBOOK = {
    "3B": "python -m sglang.launch_server --model Qwen/Qwen2.5-VL-3B-Instruct",
    "7B": "python -m sglang.launch_server --model Qwen/Qwen2.5-VL-7B-Instruct",
    "32B": "python -m sglang.launch_server --model Qwen/Qwen2.5-VL-32B-Instruct --tp 2",
    "72B": "python -m sglang.launch_server --model Qwen/Qwen2.5-VL-72B-Instruct --tp 8 --context-length 128000",
}


@pytest.mark.parametrize("gpu", ["MI300X", "MI325X", "MI355X"])
@pytest.mark.parametrize("size", COOKBOOK)
def test_the_twelve_plans_of_the_cookbook_match_its_commands(gpu, size):
    chosen = plan(gpu, size)
    assert " ".join(chosen.argv()) == COOKBOOK[size]
    assert chosen.verified
    assert chosen.mark == "verified by the cookbook"
    assert chosen.warnings == () or size in {"3B", "7B"}


OTHERS = [
    # arguments, tensor parallel, replicas, how it differs
    (("MI300X", "72B", {"gpus": 4}), 4, 1, "--tp 4 instead of 8"),
    (("MI300X", "72B", {"gpus": 8, "goal": "throughput"}), 2, 4, "--tp 2 instead of 8; with --dp-size 4"),
    (("MI355X", "72B", {"gpus": 8, "goal": "throughput"}), 1, 8, "without --tp 8; with --dp-size 8"),
    (("MI300X", "7B", {"gpus": 8}), 4, 2, "with --tp 4; with --dp-size 2"),
    (("MI300X", "7B", {"gpus": 4, "goal": "throughput"}), 1, 4, "with --dp-size 4"),
    (("MI300X", "32B", {"gpus": 1}), 1, 1, "without --tp 2"),
    (("mi300x", "72b", {"context_length": 32000}), 8, 1, "--context-length 32000 instead of 128000"),
    (("MI300X", "72B", {"mem_fraction": 0.9}), 8, 1, "with --mem-fraction-static 0.9"),
    (("MI300X", "3B", {"tp": 2}), 2, 1, "with --tp 2"),
    # Using every GPU comes before a wider replica: 6 GPUs are 3 x 2, not 4 and 2 idle ones.
    (("MI300X", "3B", {"gpus": 3}), 1, 3, "with --dp-size 3"),
    (("MI300X", "7B", {"gpus": 6}), 2, 3, "with --tp 2; with --dp-size 3"),
    (("MI300X", "72B", {"gpus": 6}), 2, 3, "--tp 2 instead of 8; with --dp-size 3"),
    (("MI355X", "72B", {"gpus": 3}), 1, 3, "without --tp 8; with --dp-size 3"),
    # But a replica must hold the weights: 72B does not start on one MI300X.
    (("MI300X", "72B", {"gpus": 3}), 2, 1, "--tp 2 instead of 8"),
    (("MI300X", "72B", {"gpus": 5}), 4, 1, "--tp 4 instead of 8"),
    (("MI300X", "72B", {"gpus": 7, "goal": "throughput"}), 2, 3, "--tp 2 instead of 8; with --dp-size 3"),
    # A context of 8,192 tokens leaves room for the weights, but for throughput there must be some for the cache, too.
    (
        ("MI300X", "72B", {"gpus": 3, "context_length": 8192}),
        1, 3, "without --tp 8; --context-length 8192 instead of 128000; with --dp-size 3",
    ),
    (
        ("MI300X", "72B", {"gpus": 8, "context_length": 8192, "goal": "throughput"}),
        2, 4, "--tp 2 instead of 8; --context-length 8192 instead of 128000; with --dp-size 4",
    ),
    (
        ("MI300X", "72B", {"gpus": 3, "mem_fraction": 0.95}),
        1, 3, "without --tp 8; with --dp-size 3; with --mem-fraction-static 0.95",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("choice", "tp", "replicas", "differs"), OTHERS)
def test_other_plans_are_unverified_and_say_how_they_differ(choice, tp, replicas, differs):
    gpu, size, options = choice
    chosen = plan(gpu, size, **options)
    assert (chosen.tensor_parallel, chosen.replicas) == (tp, replicas)
    assert not chosen.verified
    assert chosen.mark == f"ours, not verified: {differs}"
    assert all(flag.reason for flag in chosen.flags)


def test_a_gpu_missing_from_the_cookbook_is_planned_like_its_sibling():
    chosen = plan(" mi350x ", "72b ")
    assert chosen.gpu.name == "MI355X"
    assert chosen.argv() == plan("MI355X", "72B").argv()
    assert chosen.mark == "ours, not verified: MI350X is planned as MI355X, which has the same memory and image"


REFUSED = [
    (("MI300X", "7B", {"tp": 8}), "28 text heads and 16 vision heads.*1, 2, 4"),
    (("MI300X", "72B", {"tp": 3}), "64 text heads"),
    (("MI300X", "72B", {"tp": 16}), "size 16: a node has at most 8 GPUs.*leaderworkerset"),
    (("MI300X", "72B", {"tp": 8, "gpus": 4}), "needs 8 GPUs, and the plan has 4"),
    (("H100", "72B", {}), "'H100'.*Choose MI300X, MI325X, MI355X"),
    (("MI300X", "14B", {}), "'14B'.*3B, 7B, 32B, 72B"),
    (("MI300X", "72B", {"gpus": 0}), "1 to 8"),
    (("MI300X", "72B", {"gpus": 16}), "several nodes"),
    (("MI300X", "72B", {"context_length": 200_000}), "1 to 128,000"),
    (("MI300X", "72B", {"mem_fraction": 85}), "between 0 and 1"),
    (("MI300X", "72B", {"goal": "fun"}), "latency, throughput"),
]


@pytest.mark.parametrize(("choice", "words"), REFUSED)
def test_an_impossible_plan_is_refused_with_its_numbers(choice, words):
    gpu, size, options = choice
    with pytest.raises(BadInput, match=words):
        plan(gpu, size, **options)


def test_one_model_over_several_nodes_is_a_plan_of_its_own():
    spread = plan("MI350X", "72B").over(2)
    assert [flag.words for flag in spread.flags] == [
        ("--tp", "16"), ("--context-length", "128000"), ("--nnodes", "2"),
    ]  # fmt: skip
    assert not spread.verified
    assert spread.mark.endswith("same memory and image; --tp 16 instead of 8; with --nnodes 2")
    assert "with 16 GPUs each is stored 2 times" in " ".join(spread.warnings)
    assert plan("MI300X", "72B", gpus=4).over(2).differs == ("with --nnodes 2",)
    for size, gpus, nodes in (("72B", 8, 4), ("7B", 4, 2)):  # 32 do not divide the vision heads, 8 not the text heads
        with pytest.raises(BadInput, match="do not divide its heads"):
            plan("MI300X", size, gpus=gpus).over(nodes)


def test_a_flag_and_the_path_of_the_model_are_as_asked():
    assert "the model's own limit" in plan("MI300X", "72B").flags[1].reason
    assert plan("MI300X", "72B", context_length=32_000).flags[1].reason == "as you asked"
    assert plan("MI300X", "72B").argv(model_path="/models/72b")[4] == "/models/72b"


def test_doubtful_plans_carry_warnings():
    assert "1 of 3 GPUs stay idle" in " ".join(plan("MI300X", "72B", tp=2, gpus=3).warnings)
    assert "each replica takes 2 MI300X here" in " ".join(plan("MI300X", "72B", gpus=3).warnings)
    assert "28 heads" in " ".join(plan("MI300X", "7B", gpus=8).warnings)
    assert "stored 4 times" in " ".join(plan("MI300X", "3B", tp=8).warnings)
    assert "A memory fraction of 0.96 leaves little" in " ".join(plan("MI300X", "72B", mem_fraction=0.96).warnings)
    assert plan("MI300X", "72B", mem_fraction=0.95).warnings == ()
    assert plan("MI300X", "72B", gpus=8, goal="throughput").warnings == ()
    assert plan("MI300X", "7B", gpus=4, goal="throughput").warnings == ()


@given(
    st.sampled_from(sorted(catalog.GPUS)),
    st.sampled_from(sorted(catalog.MODELS)),
    st.integers(1, 8),
    st.sampled_from(["latency", "throughput"]),
    st.sampled_from([None, 0.1, 0.5, 0.9]),
    st.sampled_from([None, 8_192, 32_000]),
)
def test_every_plan_is_possible_or_names_its_problem(gpu, size, gpus, goal, mem_fraction, context):
    chosen = plan(gpu, size, gpus=gpus, goal=goal, mem_fraction=mem_fraction, context_length=context)
    tp = chosen.tensor_parallel
    assert tp in chosen.model.tensor_parallel
    assert tp * chosen.replicas <= gpus
    assert chosen.verified == (" ".join(chosen.argv()) == COOKBOOK[size])

    def fits(tp):
        return memory(plan(gpu, size, tp=tp, mem_fraction=mem_fraction, context_length=context)).fits

    if not fits(tp):
        assert "does not start" in memory(chosen).sentence, "a plan that cannot start says so"
        assert not any(fits(other) for other in chosen.model.tensor_parallel if other <= gpus), "and no other size fits"
    if tp * chosen.replicas < gpus:
        assert any("stay idle" in warning for warning in chosen.warnings)
        assert goal == "throughput" or not any(
            gpus % other == 0 and fits(other) for other in chosen.model.tensor_parallel if other <= gpus
        ), "an even split is preferred"
