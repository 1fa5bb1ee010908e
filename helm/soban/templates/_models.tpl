{{/* All models, with their defaults, as YAML. Without any, the bundled one is served, as `soban up` does. */}}
{{- define "soban.models" -}}
{{- $models := .Values.models | default (dict "soban-demo" (dict "url" "bundled:soban-demo")) }}
{{- range $name, $model := $models }}
{{- if $model }}
{{ $name | quote }}:
  {{- merge (deepCopy $model) (dict "engine" "llamacpp") | toYaml | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{/* "true" where this chart runs the engines of a model, "" where they run already. */}}
{{- define "soban.hasPool" -}}
{{- if not (or .address .addresses) }}true{{ end -}}
{{- end }}

{{/*
Name of a model in names of objects and in labels: dict "root" "name". What is no plain name (dots, capitals, Hangul,
too long) gets a hash, so that no two models meet.
*/}}
{{- define "soban.modelSlug" -}}
{{- $max := sub 55 (len (include "soban.fullname" .root)) | int }}
{{- $slug := regexReplaceAll "[^a-z0-9]+" (lower .name) "-" | trimAll "-" }}
{{- if and (eq $slug .name) (le (len $slug) $max) -}}
{{ $slug }}
{{- else -}}
{{ printf "%s-%s" (trunc (int (sub $max 7)) $slug | trimSuffix "-") (sha256sum .name | trunc 6) | trimPrefix "-" }}
{{- end -}}
{{- end }}

{{/* Name of a pool's Deployment, Service and what scales it: dict "root" "name". */}}
{{- define "soban.engineName" -}}
{{ include "soban.fullname" .root }}-engine-{{ include "soban.modelSlug" . }}
{{- end }}

{{/* Fewest and most replicas of a model's pool. */}}
{{- define "soban.minReplicas" -}}
{{ dig "minReplicas" 1 . | int }}
{{- end }}

{{- define "soban.maxReplicas" -}}
{{ max (dig "maxReplicas" 1 . | int) (include "soban.minReplicas" . | int) }}
{{- end }}

{{/*
`autoscaling` of a model over that of all models, as YAML: dict "root" "name" "model". Without a mode a pool that may
have more than one size is scaled by KEDA, and any other is not scaled. Without targets a replica is to have three
quarters of the sequences that it can run at once: more would wait, fewer leave it half empty.
*/}}
{{- define "soban.modelAutoscaling" -}}
{{- $all := mergeOverwrite (deepCopy .root.Values.autoscaling) (deepCopy (.model.autoscaling | default dict)) }}
{{- $varies := ne (include "soban.minReplicas" .model) (include "soban.maxReplicas" .model) }}
{{- $mode := $all.mode | default ($varies | ternary "keda" "none") }}
{{- $targets := $all.targets | default (dict "sequences" (dig "parallel" 32 .model | mulf 0.75 | ceil)) }}
{{ mergeOverwrite $all (dict "mode" $mode "targets" $targets) | toYaml }}
{{- end }}

{{/* What a model needs to be what it says: dict "root" "name" "model". */}}
{{- define "soban.model.check" -}}
{{- $pool := eq (include "soban.hasPool" .model) "true" }}
{{- if and $pool (not (hasKey .root.Values.engines .model.engine)) }}
{{- fail (printf "\n\nmodels.%s: this chart starts no engine %s: give the address of a running one, or choose one of %s" .name .model.engine (keys .root.Values.engines | sortAlpha | join ", ")) }}
{{- end }}
{{- if and (hasKey .model "maxReplicas") (lt (int .model.maxReplicas) (include "soban.minReplicas" .model | int)) }}
{{- fail (printf "\n\nmodels.%s.maxReplicas is less than models.%s.minReplicas" .name .name) }}
{{- end }}
{{- if and (eq .model.engine "openvino") .model.adapters }}
{{- fail (printf "\n\nmodels.%s.adapters: engine openvino has none; choose vllm, sglang, tgi or llamacpp" .name) }}
{{- end }}
{{- if and .model.keySecret (or .model.keyEnv .model.keyFile) }}
{{- fail (printf "\n\nmodels.%s.keySecret is a key already: leave keyEnv and keyFile out" .name) }}
{{- end }}
{{- if and $pool .model.keySecret }}
{{- fail (printf "\n\nmodels.%s.keySecret is for engines that run already: those of this chart ask for no key, and nobody but generation reaches them" .name) }}
{{- end }}
{{- if and .root.Values.global.airGapped .model.dataLeaves }}
{{- fail (printf "\n\nglobal.airGapped is set, and models.%s.dataLeaves is true: its engine is somebody else's" .name) }}
{{- end }}
{{- end }}
