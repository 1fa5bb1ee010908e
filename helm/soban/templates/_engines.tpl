{{/* Values of a model's kind of engine, as YAML: dict "root" "model". */}}
{{- define "soban.engine" -}}
{{ index .root.Values.engines .model.engine | default dict | toYaml }}
{{- end }}

{{/*
Values of a model's resource profile, as YAML: dict "root" "name" "model". An engine on a GPU is not moved to save a node
unless its profile says so: it would load its weights anew.
*/}}
{{- define "soban.profile" -}}
{{- $name := .model.resourceProfile | default (include "soban.engine" . | fromYaml).resourceProfile }}
{{- if not $name }}
{{- fail (printf "\n\nmodels.%s.resourceProfile is missing: engine %s may run on one of %s" .name .model.engine (keys .root.Values.resourceProfiles | sortAlpha | join ", ")) }}
{{- end }}
{{- $profile := index .root.Values.resourceProfiles $name }}
{{- if kindIs "invalid" $profile }}
{{- fail (printf "\n\nmodels.%s.resourceProfile: there is no %s in resourceProfiles, only %s" .name $name (keys .root.Values.resourceProfiles | sortAlpha | join ", ")) }}
{{- end }}
{{- mergeOverwrite (dict "maxSurge" 1 "evictable" (not $profile.gpu)) (deepCopy $profile) | toYaml }}
{{- end }}

{{/* Requests and limits of a profile; what it has of GPUs is requested and limited alike, as Kubernetes wants it. */}}
{{- define "soban.profile.resources" -}}
{{- $gpus := dict }}
{{- with .gpu }}
{{- $gpus = dict (.resource | default "nvidia.com/gpu") (.count | int) }}
{{- end }}
requests:
  {{- merge (deepCopy (.requests | default dict)) $gpus | toYaml | nindent 2 }}
limits:
  {{- merge (deepCopy (.limits | default dict)) $gpus | toYaml | nindent 2 }}
{{- end }}

{{/* Environment of engines that others make: they find all they need on the volumes, and ask nobody on the net. */}}
{{- define "soban.engine.environment" -}}
- {name: HOME, value: /tmp}
# PyTorch asks who it is, and the image has no name for this user.
- {name: USER, value: soban}
- {name: XDG_CACHE_HOME, value: /tmp/cache}
- {name: TRITON_CACHE_DIR, value: /tmp/cache/triton}
- {name: TORCHINDUCTOR_CACHE_DIR, value: /tmp/cache/inductor}
- {name: HF_HOME, value: /tmp/cache/huggingface}
- {name: HF_HUB_OFFLINE, value: "1"}
- {name: TRANSFORMERS_OFFLINE, value: "1"}
- {name: DO_NOT_TRACK, value: "1"}
{{- end }}

{{- define "soban.engine.probes" -}}
startupProbe:
  httpGet: {port: http, path: {{ .healthPath }}}
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: {{ divf .startupSeconds 2 | ceil }}
readinessProbe:
  httpGet: {port: http, path: {{ .healthPath }}}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 3
livenessProbe:
  {{- if .livenessPath }}
  httpGet: {port: http, path: {{ .livenessPath }}}
  {{- else }}
  # Its health turns bad when it has much to do, and a restart would not help.
  tcpSocket: {port: http}
  {{- end }}
  periodSeconds: 10
  timeoutSeconds: 10
  failureThreshold: 6
{{- end }}
