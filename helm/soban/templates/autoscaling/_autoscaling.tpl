{{/*
The APIs of others that an object needs. `checkApis: false` renders without a cluster that has them.
*/}}
{{- define "soban.requireApi" -}}
{{- if and .root.Values.checkApis (not (.root.Capabilities.APIVersions.Has .api)) }}
{{- fail (printf "\n\n%s needs %s, and this cluster has no %s.\nInstall it first, or choose otherwise; to render without a cluster: --api-versions %s, or --set checkApis=false" .for .from .api .api) }}
{{- end }}
{{- end }}

{{- define "soban.requireKeda" -}}
{{- include "soban.requireApi" (merge (dict "api" "keda.sh/v1alpha1/ScaledObject" "from" "KEDA 2.17 or later") .) }}
{{- end }}

{{- define "soban.requirePrometheusOperator" -}}
{{- include "soban.requireApi" (merge (dict "api" (printf "monitoring.coreos.com/v1/%s" .kind) "from" "the Prometheus operator") .) }}
{{- end }}

{{/* "true" where some pool asks our scaler. */}}
{{- define "soban.usesScaler" -}}
{{- range $name, $model := fromYaml (include "soban.models" .) }}
{{- $autoscaling := fromYaml (include "soban.modelAutoscaling" (dict "root" $ "name" $name "model" $model)) }}
{{- if and (eq (include "soban.hasPool" $model) "true") (eq $autoscaling.mode "keda") (ne $autoscaling.trigger "prometheus") }}
{{- "true" }}{{ break }}
{{- end }}
{{- end }}
{{- end }}
