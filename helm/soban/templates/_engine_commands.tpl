{{/*
What starts an engine, per kind: dict "root" "name" "model" "path" "gpus" "port", as a YAML list. docs/engines has a page
for each, with the reason for every flag. The engine runs as many sequences as `parallel` says, so that the others wait in
Soban's queue, where they have priorities and deadlines.
*/}}

{{/* Our image; it is told all else by soban.yaml. */}}
{{- define "soban.command.llamacpp" -}}
- python
- -m
- soban.generation.engine_pod
- --config=/etc/soban/soban.yaml
- --model
- {{ .name | quote }}
- --host=0.0.0.0
- --port={{ .port }}
- --grace
- {{ .root.Values.longestStreamSeconds | quote }}
{{- with .path }}
- --path
- {{ . | quote }}
{{- end }}
{{- end }}

{{/* An image of llama.cpp's own: all sequences share --ctx-size, and every layer goes to the GPU where there is one. */}}
{{- define "soban.command.llama-server" -}}
{{- $parallel := dig "parallel" 32 .model | int -}}
- --model={{ .path }}
- --alias={{ include "soban.servedName" . }}
- --host=0.0.0.0
- --port={{ .port }}
- --parallel={{ $parallel }}
{{- with .model.contextLength }}
- --ctx-size={{ mul . $parallel }}
{{- end }}
{{- with .model.threads }}
- --threads={{ . }}
{{- end }}
{{- if .gpus }}
- --n-gpu-layers=999
{{- end }}
- --jinja
- --metrics
- --no-prefill-assistant
{{- range $adapter, $file := .model.adapters }}
{{- with $file }}
- --lora-scaled={{ . }}:0
{{- end }}
{{- end }}
{{- end }}

{{- define "soban.command.vllm" -}}
- vllm
- serve
- {{ .path | quote }}
- --served-model-name={{ include "soban.servedName" . }}
- --host=0.0.0.0
- --port={{ .port }}
- --max-num-seqs={{ dig "parallel" 32 .model | int }}
{{- with .model.contextLength }}
- --max-model-len={{ . | int }}
{{- end }}
{{- if gt .gpus 1 }}
- --tensor-parallel-size={{ .gpus }}
{{- end }}
- --enable-prefix-caching
- --enable-prompt-tokens-details
- --sse-keep-alive-interval=10
- --shutdown-timeout={{ .root.Values.longestStreamSeconds | ceil | int }}
{{- with .model.adapters }}
- --enable-lora
- --max-loras={{ len . }}
- --max-lora-rank=64
{{- end }}
{{- with include "soban.adapterFiles" .model }}
- --lora-modules
{{ . }}
{{- end }}
{{- end }}

{{- define "soban.command.sglang" -}}
- python3
- -m
- sglang.launch_server
- --model-path={{ .path }}
- --served-model-name={{ include "soban.servedName" . }}
- --host=0.0.0.0
- --port={{ .port }}
- --max-running-requests={{ dig "parallel" 32 .model | int }}
{{- with .model.contextLength }}
- --context-length={{ . | int }}
{{- end }}
{{- if gt .gpus 1 }}
- --tp-size={{ .gpus }}
{{- end }}
- --enable-metrics
- --enable-cache-report
{{- with .model.adapters }}
- --enable-lora
- --max-loras-per-batch={{ add 1 (len .) }}
- --max-lora-rank=64
- --lora-target-modules=all
{{- end }}
{{- with include "soban.adapterFiles" .model }}
- --lora-paths
{{ . }}
{{- end }}
{{- end }}

{{- define "soban.command.tgi" -}}
- text-generation-launcher
- --model-id={{ .path }}
- --hostname=0.0.0.0
- --port={{ .port }}
- --max-concurrent-requests={{ dig "parallel" 32 .model | int }}
{{- with .model.contextLength }}
- --max-total-tokens={{ . | int }}
{{- end }}
{{- if gt .gpus 1 }}
- --num-shard={{ .gpus }}
{{- end }}
{{- with include "soban.adapterFiles" .model | fromYamlArray }}
- --lora-adapters={{ join "," . }}
{{- end }}
{{- end }}

{{- define "soban.command.openvino" -}}
- /ovms/bin/ovms
- --model_path={{ .path }}
- --model_name={{ include "soban.servedName" . }}
- --task=text_generation
- --rest_port={{ .port }}
- --max_num_seqs={{ dig "parallel" 32 .model | int }}
{{- if .gpus }}
- --target_device=GPU
{{- end }}
- --metrics_enable
{{- end }}

{{/* Adapters of a model that have a file, as a YAML list of name=path; the others come by engineArgs. */}}
{{- define "soban.adapterFiles" -}}
{{- $files := list }}
{{- range $adapter, $file := .adapters }}
{{- if $file }}{{ $files = append $files (printf "%s=%s" $adapter $file) }}{{ end }}
{{- end }}
{{- with $files }}{{ toYaml . }}{{ end }}
{{- end }}

{{/* What the engine calls its model, and generation checks: `engineModel`, else the repository of the url. */}}
{{- define "soban.servedName" -}}
{{- if .model.engineModel -}}
{{ .model.engineModel }}
{{- else if hasPrefix "hf://" .model.url -}}
{{ slice (.model.url | trimPrefix "hf://" | splitList "/") 0 2 | join "/" }}
{{- else -}}
{{ .name }}
{{- end -}}
{{- end }}
