"""Metrics pages of engines. Each says where it is from; histograms are cut to a line or two."""

from __future__ import annotations

LLAMACPP = """\
# HELP llamacpp:prompt_tokens_total Number of prompt tokens processed, excluding cached tokens
# TYPE llamacpp:prompt_tokens_total counter
llamacpp:prompt_tokens_total 21
# HELP llamacpp:n_decode_total Total number of llama_decode() calls, excluding speculative decoding and multimodal
# TYPE llamacpp:n_decode_total counter
llamacpp:n_decode_total 357
# HELP llamacpp:predicted_tokens_seconds Average generation throughput in tokens/s
# TYPE llamacpp:predicted_tokens_seconds gauge
llamacpp:predicted_tokens_seconds 0
# HELP llamacpp:requests_processing Number of requests processing
# TYPE llamacpp:requests_processing gauge
llamacpp:requests_processing 2
# HELP llamacpp:requests_deferred Number of requests deferred
# TYPE llamacpp:requests_deferred gauge
llamacpp:requests_deferred 3
# HELP llamacpp:n_busy_slots_per_decode Average number of busy slots per llama_decode() call
# TYPE llamacpp:n_busy_slots_per_decode gauge
llamacpp:n_busy_slots_per_decode 1.9944
"""
"""Recorded from xllamacpp 2026.10.11549 with two slots and five requests."""

LLAMACPP_2024 = """\
# HELP llamacpp:kv_cache_usage_ratio KV-cache usage. 1 means 100 percent usage.
# TYPE llamacpp:kv_cache_usage_ratio gauge
llamacpp:kv_cache_usage_ratio 0.25
# HELP llamacpp:kv_cache_tokens KV-cache tokens.
# TYPE llamacpp:kv_cache_tokens gauge
llamacpp:kv_cache_tokens 1024
# HELP llamacpp:requests_processing Number of request processing.
# TYPE llamacpp:requests_processing gauge
llamacpp:requests_processing 1
# HELP llamacpp:requests_deferred Number of request deferred.
# TYPE llamacpp:requests_deferred gauge
llamacpp:requests_deferred 0
llamacpp:predicted_tokens_seconds nan
"""
"""Shape of examples/server/server.cpp of 2024 (help texts as before its #11512)."""

VLLM_0_8 = """\
# HELP vllm:num_requests_running Number of requests currently running on GPU.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{model_name="unsloth/Llama-3.2-1B-Instruct"} 8.0
# HELP vllm:num_requests_waiting Number of requests waiting to be processed.
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{model_name="unsloth/Llama-3.2-1B-Instruct"} 2.0
# HELP vllm:gpu_cache_usage_perc GPU KV-cache usage. 1 means 100 percent usage.
# TYPE vllm:gpu_cache_usage_perc gauge
vllm:gpu_cache_usage_perc{model_name="unsloth/Llama-3.2-1B-Instruct"} 0.4
# TYPE vllm:iteration_tokens_total histogram
vllm:iteration_tokens_total_bucket{le="1.0",model_name="unsloth/Llama-3.2-1B-Instruct"} 3.0
"""
"""docs.vllm.ai/en/v0.8.5/serving/metrics.html."""

VLLM_0_10 = """\
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="kanana"} 24.0
vllm:num_requests_running{engine="1",model_name="kanana"} 8.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="kanana"} 72.0
vllm:num_requests_waiting{engine="1",model_name="kanana"} 0.0
# TYPE vllm:gpu_cache_usage_perc gauge
vllm:gpu_cache_usage_perc{engine="0",model_name="kanana"} 0.0
vllm:gpu_cache_usage_perc{engine="1",model_name="kanana"} 0.0
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{engine="0",model_name="kanana"} 0.9
vllm:kv_cache_usage_perc{engine="1",model_name="kanana"} 0.5
"""
"""vllm/v1/metrics/loggers.py of 0.10, two engines behind one server: both names of the cache are there."""

VLLM_0_32 = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="ko, \\"큰\\" {8b}"} 24.0
# HELP vllm:num_requests_waiting Number of requests waiting to be processed.
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="ko, \\"큰\\" {8b}"} 72.0
# HELP vllm:num_requests_waiting_by_reason Number of waiting requests by reason.
# TYPE vllm:num_requests_waiting_by_reason gauge
vllm:num_requests_waiting_by_reason{engine="0",model_name="ko",reason="capacity"} 72.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="ko",reason="deferred"} 0.0
# HELP vllm:kv_cache_usage_perc KV-cache usage. 1 means 100 percent usage.
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{engine="0",model_name="ko"} 0.3412
"""
"""Names of docs.vllm.ai/en/v0.32.0/usage/metrics; the old name of the cache is gone."""

SGLANG = """\
# HELP sglang:prompt_tokens_total Number of prefill tokens processed.
# TYPE sglang:prompt_tokens_total counter
sglang:prompt_tokens_total{model_name="meta-llama/Llama-3.1-8B-Instruct"} 8.128902e+06
# HELP sglang:token_usage The token usage
# TYPE sglang:token_usage gauge
sglang:token_usage{model_name="meta-llama/Llama-3.1-8B-Instruct"} 0.28
# HELP sglang:num_running_reqs The number of running requests
# TYPE sglang:num_running_reqs gauge
sglang:num_running_reqs{model_name="meta-llama/Llama-3.1-8B-Instruct"} 162.0
# HELP sglang:num_queue_reqs The number of requests in the waiting queue
# TYPE sglang:num_queue_reqs gauge
sglang:num_queue_reqs{model_name="meta-llama/Llama-3.1-8B-Instruct"} 2826.0
"""
"""docs.sglang.io/references/production_metrics."""

SGLANG_RANKS = """\
sglang:num_running_reqs{dp_rank="0",engine_type="unified",model_name="m",pp_rank="0",tp_rank="0"} 4.0
sglang:num_running_reqs{dp_rank="0",engine_type="unified",model_name="m",pp_rank="0",tp_rank="1"} 4.0
sglang:num_running_reqs{dp_rank="1",engine_type="unified",model_name="m",pp_rank="0",tp_rank="0"} 2.0
sglang:num_running_reqs{dp_rank="1",engine_type="unified",model_name="m",pp_rank="0",tp_rank="1"} 2.0
sglang:num_queue_reqs{dp_rank="0",engine_type="unified",model_name="m",pp_rank="0",tp_rank="0"} 3.0
sglang:token_usage{dp_rank="0",engine_type="unified",model_name="m",pp_rank="0",tp_rank="0"} 0.5
sglang:token_usage{dp_rank="1",engine_type="unified",model_name="m",pp_rank="0",tp_rank="0"} 0.1
"""
"""Labels of python/sglang/srt/metrics/collector.py, metrics of all schedulers, two data-parallel ranks of two."""

SGLANG_PRIORITIES = """\
sglang:num_running_reqs{pp_rank="0",priority="",tp_rank="0"} 14.0
sglang:num_running_reqs{pp_rank="0",priority="-9223372036854775808",tp_rank="0"} 0.0
sglang:num_running_reqs{pp_rank="0",priority="0",tp_rank="0"} 14.0
sglang:num_queue_reqs{pp_rank="0",priority="",tp_rank="0"} 2.0
sglang:num_queue_reqs{pp_rank="0",priority="-1",tp_rank="0"} 2.0
"""
"""What an engine with priority scheduling writes: each priority, and with an empty one all of them."""

TGI = """\
# TYPE tgi_request_count counter
tgi_request_count 150
# TYPE tgi_queue_size gauge
tgi_queue_size 7
# TYPE tgi_batch_current_size gauge
tgi_batch_current_size 4
# TYPE tgi_batch_current_max_tokens gauge
tgi_batch_current_max_tokens 8192
# TYPE tgi_batch_inference_duration histogram
tgi_batch_inference_duration_sum{method="prefill"} 0.9
"""
"""Names of docs/source/reference/metrics.md of TGI 3."""

TGI_LLAMACPP = """\
# TYPE tgi_request_count counter
tgi_request_count 3
# TYPE tgi_request_queue_duration histogram
tgi_request_queue_duration_sum 0.000021
tgi_request_queue_duration_count 3
"""
"""Series of TGI 3.3.6-dev0 with its llama.cpp backend: no queue, no batch."""

OVMS = """\
# HELP ovms_current_requests Number of requests being currently in process.
# TYPE ovms_current_requests gauge
ovms_current_requests{name="bge-m3",version="1"} 0
# HELP ovms_current_graphs Number of MediaPipe graphs in process.
# TYPE ovms_current_graphs gauge
ovms_current_graphs{name="ko-8b"} 5
# HELP ovms_requests_accepted Number of accepted requests.
# TYPE ovms_requests_accepted counter
ovms_requests_accepted{api="V3",interface="REST",method="Stream",name="ko-8b"} 41
"""
"""Names and labels of docs/metrics.md of OpenVINO Model Server."""
