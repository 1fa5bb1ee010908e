{{/*
Label matchers of series. `service` is what a ServiceMonitor writes: the name of the Kubernetes Service. What is recorded
of a model keeps the labels of generation.
*/}}
{{- define "soban.series.of" -}}
namespace="{{ .root.Release.Namespace }}",service="{{ include "soban.fullname" .root }}-{{ .component }}"
{{- end }}

{{/* Every service of this release; engines have a monitor of their own. */}}
{{- define "soban.series.all" -}}
namespace="{{ .Release.Namespace }}",service=~"{{ include "soban.fullname" . }}-(gateway|tokenization|safety|generation|scaler)"
{{- end }}

{{/* Reasons of errors that the caller cannot help. */}}
{{- define "soban.series.faults" -}}
NO_REPLICA|ENGINE_LOST|ENGINE_FAILED|NOT_READY|SERVICE_UNREACHABLE|DEADLINE_EXCEEDED|INTERNAL
{{- end }}

{{/* What it means for users that a service is down. */}}
{{- define "soban.alerts.consequence" -}}
{{- get (dict
  "gateway" "Nobody can reach any model."
  "safety" "All chats fail: text that is not checked does not leave."
  "generation" "All chats fail; engines may be well."
  "tokenization" "Morphology, counting and chunking fail; chats go on."
  "scaler" "Pools keep the replicas that they have; one at zero does not wake up."
) . }}
{{- end }}
