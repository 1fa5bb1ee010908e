"""Load of every kind of engine, read from its Prometheus page."""

from __future__ import annotations

from typing import get_args

import pytest

from soban.generation.engine import Reading
from soban.generation.engines.metrics import MOST_CHARACTERS, TABLES, read_metrics
from soban.runtime.model_settings import EngineKind
from unit.generation import metrics_pages as pages

PAGES = {
    "llama.cpp": ("llamacpp", pages.LLAMACPP, Reading(running=2, waiting=3)),
    "llama.cpp of 2024": ("llamacpp", pages.LLAMACPP_2024, Reading(running=1, waiting=0, kv_cache_use=0.25)),
    "vLLM 0.8": ("vllm", pages.VLLM_0_8, Reading(running=8, waiting=2, kv_cache_use=0.4)),
    "vLLM 0.10, two engines": ("vllm", pages.VLLM_0_10, Reading(running=32, waiting=72, kv_cache_use=0.7)),
    "vLLM 0.32": ("vllm", pages.VLLM_0_32, Reading(running=24, waiting=72, kv_cache_use=0.3412)),
    "SGLang": ("sglang", pages.SGLANG, Reading(running=162, waiting=2826, kv_cache_use=0.28)),
    "SGLang, all ranks": ("sglang", pages.SGLANG_RANKS, Reading(running=6, waiting=3, kv_cache_use=0.3)),
    "SGLang, priorities": ("sglang", pages.SGLANG_PRIORITIES, Reading(running=14, waiting=2)),
    "TGI": ("tgi", pages.TGI, Reading(running=4, waiting=7)),
    "TGI with llama.cpp": ("tgi", pages.TGI_LLAMACPP, Reading()),
    "OpenVINO": ("openvino", pages.OVMS, Reading(running=5)),
    "external": ("external", pages.VLLM_0_32, Reading()),
}


@pytest.mark.parametrize("name", PAGES)
def test_the_page_of_every_engine_and_version_is_read(name: str) -> None:
    kind, text, expected = PAGES[name]
    read = read_metrics(kind, text)
    assert (read.running, read.waiting) == (expected.running, expected.waiting)
    assert read.kv_cache_use == pytest.approx(expected.kv_cache_use) if expected.kv_cache_use else not read.kv_cache_use


def test_every_kind_of_engine_has_a_table() -> None:
    assert set(TABLES) == set(get_args(EngineKind))


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize(
    "text", ["", "\n", "<html>502 Bad Gateway</html>", "한글만 있다", "# vllm:num_requests_running 3\n"]
)
def test_a_missing_series_is_unknown_and_never_zero(kind: str, text: str) -> None:
    assert read_metrics(kind, text) == Reading()


def test_the_series_of_one_engine_say_nothing_of_another() -> None:
    assert read_metrics("sglang", pages.VLLM_0_32) == Reading()
    assert read_metrics("vllm", pages.SGLANG) == Reading()


@pytest.mark.parametrize("value", ["NaN", "nan", "+Inf", "-1", "many", "1.0.0"])
def test_what_is_no_number_is_unknown(value: str) -> None:
    text = f"llamacpp:requests_processing {value}\nllamacpp:requests_deferred 2\n"
    assert read_metrics("llamacpp", text) == Reading(waiting=2)


def test_a_use_of_the_cache_in_percent_is_no_ratio() -> None:
    assert read_metrics("vllm", "vllm:kv_cache_usage_perc 73.0\n").kv_cache_use is None


def test_a_new_name_without_a_number_falls_back_to_the_old_one() -> None:
    text = "vllm:kv_cache_usage_perc NaN\nvllm:gpu_cache_usage_perc 0.5\n"
    assert read_metrics("vllm", text).kv_cache_use == 0.5


def test_labels_may_hold_anything_and_samples_a_time() -> None:
    text = 'vllm:num_requests_running{model_name="a\\\\b} 9 \\" 큰 모델",engine="0"} 3 1795594150000\r\n'
    assert read_metrics("vllm", text).running == 3


def test_names_that_only_begin_alike_do_not_count() -> None:
    assert read_metrics("sglang", "sglang:num_running_reqs_total 100\n") == Reading()
    assert read_metrics("tgi", "x_tgi_queue_size 3\n") == Reading()


def test_a_page_without_end_is_not_read() -> None:
    text = pages.VLLM_0_32 + "#" * MOST_CHARACTERS
    assert read_metrics("vllm", text) == Reading()


@pytest.mark.parametrize(
    "text", ['vllm:num_requests_running{a="' + "\\" * 200_000, "vllm:num_requests_running{" * 20_000]
)
def test_a_broken_page_costs_no_more_than_a_long_one(text: str) -> None:
    assert read_metrics("vllm", text) == Reading()
