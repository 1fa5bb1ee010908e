{{/* A model to begin with: the first whose pool does not sleep, else the first. */}}
{{- define "soban.awakeModel" -}}
{{- $models := fromYaml (include "soban.models" .) }}
{{- $awake := list }}
{{- range $name, $model := $models }}
{{- if gt (include "soban.minReplicas" $model | int) 0 }}{{ $awake = append $awake $name }}{{ end }}
{{- end }}
{{- concat $awake (keys $models | sortAlpha) | first }}
{{- end }}

{{/* What scales anything here: "hpa", "keda", both or nothing. */}}
{{- define "soban.scalers" -}}
{{- $modes := list }}
{{- range $name, $_ := .Values.services }}
{{- $modes = append $modes (fromYaml (include "soban.service" (dict "root" $ "name" $name))).autoscaling.mode }}
{{- end }}
{{- range $name, $model := fromYaml (include "soban.models" .) }}
{{- if eq (include "soban.hasPool" $model) "true" }}
{{- $modes = append $modes (fromYaml (include "soban.modelAutoscaling" (dict "root" $ "name" $name "model" $model))).mode }}
{{- end }}
{{- end }}
{{- without ($modes | uniq) "none" | join " " }}
{{- end }}

{{/* How many replicas a pool has: dict "root" "name" "model". */}}
{{- define "soban.poolSize" -}}
{{- $mode := (fromYaml (include "soban.modelAutoscaling" .)).mode }}
{{- $least := include "soban.minReplicas" .model | int }}
{{- if eq $mode "none" -}}
{{ $least }} of {{ .model.engine }}
{{- else -}}
{{ $least }} to {{ include "soban.maxReplicas" .model }} of {{ .model.engine }}, by {{ upper $mode }}{{ if not $least }}; the first request wakes it up{{ end }}
{{- end -}}
{{- end }}
