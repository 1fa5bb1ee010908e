{{/*
One trigger for all numbers of a model: the scaler answers with a metric for each target that its metadata names.
*/}}
{{- define "soban.scalerTrigger" -}}
- type: {{ .scaling.trigger }}
  name: load
  metricType: AverageValue
  metadata:
    scalerAddress: {{ include "soban.serviceAddress" (dict "root" .root "component" "scaler") }}:{{ include "soban.port" (dict "root" .root "component" "scaler") }}
    model: {{ .name | quote }}
    {{- range $key := list "sequences" "backlogSeconds" "kvCache" }}
    {{- with index $.scaling.targets $key }}
    {{ $key }}: {{ . | quote }}
    {{- end }}
    {{- end }}
{{- end }}

{{/* The same numbers from recording rules, a trigger for each. */}}
{{- define "soban.prometheusTriggers" -}}
{{- $for := printf "models.%s.autoscaling.trigger prometheus" .name }}
{{- if not .root.Values.prometheusRule.enabled }}
{{- fail (printf "\n\n%s reads recording rules: set prometheusRule.enabled, and serviceMonitor.enabled for what they read" $for) }}
{{- end }}
{{- $generation := include "soban.series.of" (dict "root" .root "component" "generation") }}
{{- $series := dict "sequences" "soban:model_sequences:sum" "backlogSeconds" "soban:model_backlog_seconds:sum" "kvCache" "soban:model_kv_cache_use:max" }}
{{- $metrics := dict "sequences" "sequences" "backlogSeconds" "backlog-seconds" "kvCache" "kv-cache" }}
{{- range $key := list "sequences" "backlogSeconds" "kvCache" }}
{{- with index $.targets $key }}
{{ include "soban.prometheusTrigger" (dict "root" $.root "for" $for "name" (get $metrics $key) "target" .
     "query" (printf "%s{%s,gen_ai_request_model=%q}" (get $series $key) $generation $.name)) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Additive numbers alone: the replicas wanted are the total divided by the target. A missing number is an error. */}}
{{- define "soban.prometheusTrigger" -}}
{{- $prometheus := .root.Values.keda.prometheus -}}
- type: prometheus
  name: {{ .name }}
  metricType: AverageValue
  metadata:
    serverAddress: {{ required (printf "\n\n%s needs keda.prometheus.serverAddress, such as http://prometheus.monitoring:9090" .for) $prometheus.serverAddress | quote }}
    query: {{ .query | squote }}
    threshold: {{ .target | quote }}
    activationThreshold: "0"
    ignoreNullValues: "false"
  {{- with $prometheus.authentication }}
  authenticationRef:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
