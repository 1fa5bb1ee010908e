{{/*
soban.yaml as every service reads it. What stands in it of a model is what clients, queues and routes need; what only
the chart knows stays here.
*/}}
{{- define "soban.config" -}}
models:
  {{- range $name, $model := fromYaml (include "soban.models" .) }}
  {{ $name | quote }}:
    {{- include "soban.config.model" (dict "root" $ "name" $name "model" $model) | nindent 4 }}
  {{- end }}
{{- range $section := list "profiles" "routes" "policies" }}
{{- with index $.Values $section }}
{{ $section }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
services:
  {{- range $name, $_ := .Values.services }}
  {{ $name }}:
    {{- include "soban.config.service" (dict "root" $ "name" $name) | nindent 4 }}
  {{- end }}
{{- with .Values.telemetry.otlpEndpoint }}
telemetry:
  otlpEndpoint: {{ . | quote }}
{{- end }}
{{- end }}

{{/* Keys of a model that only the chart reads. */}}
{{- define "soban.chartKeys" -}}
[autoscaling, engineArgs, engineEnv, keySecret, kueue, source]
{{- end }}

{{/* A model as soban.yaml has it: dict "root" "name" "model". The replicas of a pool are the endpoints of its Service. */}}
{{- define "soban.config.model" -}}
{{- $told := deepCopy .model }}
{{- range $key := fromYamlArray (include "soban.chartKeys" .) }}
{{- $told = omit $told $key }}
{{- end }}
{{- if eq (include "soban.hasPool" .model) "true" }}
{{- $told = mergeOverwrite (include "soban.holding" . | fromYaml) $told (dict "address" (include "soban.engineAddress" .)) }}
{{- end }}
{{- if .model.keySecret }}
{{- $told = merge (dict "keyFile" (printf "%s/%s" (include "soban.keyFolder" .) .model.keySecret.key)) $told }}
{{- end }}
{{- toYaml $told }}
{{- end }}

{{/* A request that wakes a pool waits as long as an engine may take to start, if an answer may take as long. */}}
{{- define "soban.holding" -}}
{{- if eq (include "soban.minReplicas" .model) "0" -}}
holdSeconds: {{ min (int (include "soban.engine" . | fromYaml).startupSeconds) (int .root.Values.longestStreamSeconds) }}
{{- else -}}
{}
{{- end }}
{{- end }}

{{/* Where generation finds the replicas of a pool: dict "root" "name". */}}
{{- define "soban.engineAddress" -}}
kubernetes+http://{{ include "soban.engineName" . }}.{{ .root.Release.Namespace }}:http
{{- end }}

{{/* Folder in generation's pods that holds the key of a model's engine: dict "root" "name". */}}
{{- define "soban.keyFolder" -}}
/run/secrets/soban/{{ include "soban.modelSlug" . }}
{{- end }}

{{/* `services.<name>` of soban.yaml: dict "root" "name". What must fit the rest of the chart is not for settings to say. */}}
{{- define "soban.config.service" -}}
{{- $port := include "soban.port" (dict "root" .root "component" .name) | int }}
{{- $own := pick .root.Values "drainSeconds" "longestStreamSeconds" | merge (dict "host" "0.0.0.0" "port" $port) }}
{{- if eq .name "gateway" }}
{{- $upstreams := dict }}
{{- range $callee := list "safety" "generation" }}
{{- $upstreams = merge $upstreams (dict $callee (include "soban.target" (dict "root" $.root "component" $callee))) }}
{{- end }}
{{- $own = merge $own (dict "httpPort" (include "soban.httpPort" .root | int) "upstreams" $upstreams) }}
{{- else if eq .name "scaler" }}
{{- $own = merge $own (dict "generation" (include "soban.target" (dict "root" .root "component" "generation"))) }}
{{- end }}
{{- $settings := (fromYaml (include "soban.service" .)).settings | default dict }}
{{- range $key, $_ := $own }}
{{- if hasKey $settings $key }}
{{- fail (printf "\n\nservices.%s.settings.%s is the chart's to say: see port, longestStreamSeconds and drainSeconds" $.name $key) }}
{{- end }}
{{- end }}
{{- merge $own $settings | toYaml }}
{{- end }}

{{/* A pool's own soban.yaml: dict "root" "name" "model". */}}
{{- define "soban.config.engine" -}}
models:
  {{ .name | quote }}:
    address: {{ include "soban.engineAddress" . }}
    {{- pick .model "url" "engine" "engineModel" "adapters" "contextLength" "parallel" "threads" | toYaml | nindent 4 }}
{{- end }}
