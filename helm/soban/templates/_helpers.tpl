{{/*
A name of at most `max` characters, `text` where that fits; what had to be cut ends with a hash of the whole, so that no
two names meet.
*/}}
{{- define "soban.shortened" -}}
{{- if le (len .text) (int .max) -}}
{{ .text }}
{{- else -}}
{{ trunc (int (sub .max 7)) .text | trimSuffix "-" }}-{{ sha256sum .text | trunc 6 }}
{{- end -}}
{{- end }}

{{/* What all names begin with: the release, with "soban" in it. 40 characters leave room for what follows. */}}
{{- define "soban.fullname" -}}
{{- $name := contains "soban" .Release.Name | ternary .Release.Name (printf "%s-soban" .Release.Name) -}}
{{ include "soban.shortened" (dict "text" (.Values.fullnameOverride | default $name) "max" 40) }}
{{- end }}

{{/* Labels by which Services, budgets and policies find pods: dict "root" "component" ["model"]. They never change. */}}
{{- define "soban.selectorLabels" -}}
app.kubernetes.io/name: soban
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- with .model }}
soban.dev/model: {{ include "soban.modelSlug" (dict "root" $.root "name" .) }}
{{- end }}
{{- end }}

{{/* All labels of an object: dict "root" "component" ["model"]. */}}
{{- define "soban.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{ include "soban.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: soban
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Labels of a pod: nothing that changes with the chart's version. */}}
{{- define "soban.podLabels" -}}
{{ include "soban.selectorLabels" . }}
app.kubernetes.io/part-of: soban
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/*
Reference of an image: dict "root" "image" (registry, repository, tag, digest). The registry of `global` goes first, a
digest goes before a tag, and the tag of an image without one is the chart's appVersion.
*/}}
{{- define "soban.image" -}}
{{- with .root.Values.global.imageRegistry | default .image.registry }}{{ . | trimSuffix "/" }}/{{ end -}}
{{ .image.repository }}
{{- if .image.digest -}}
@{{ .image.digest }}
{{- else -}}
:{{ .image.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* Full DNS name of a service of this release: dict "root" "component". */}}
{{- define "soban.serviceAddress" -}}
{{ include "soban.fullname" .root }}-{{ .component }}.{{ .root.Release.Namespace }}.svc.{{ .root.Values.global.clusterDomain }}
{{- end }}

{{/* gRPC target of a service, each ready pod of it by its own address: dict "root" "component". */}}
{{- define "soban.target" -}}
dns:///{{ include "soban.serviceAddress" . }}:{{ include "soban.port" . }}
{{- end }}

{{/* gRPC port of a service: dict "root" "component". */}}
{{- define "soban.port" -}}
{{ index .root.Values.services .component "port" | int }}
{{- end }}

{{/* Port of a service's metrics, as soban.yaml has it: dict "root" "component". */}}
{{- define "soban.metricsPort" -}}
{{ add (include "soban.port" . | int) 1000 }}
{{- end }}

{{/* Port of the gateway's OpenAI API. */}}
{{- define "soban.httpPort" -}}
{{ .Values.services.gateway.httpPort | int }}
{{- end }}

{{/* Values of a service over those of all: dict "root" "name", as YAML. */}}
{{- define "soban.service" -}}
{{ mergeOverwrite (deepCopy .root.Values.serviceDefaults) (deepCopy (index .root.Values.services .name)) | toYaml }}
{{- end }}

{{/* "true" or "false": dict "root" "name". */}}
{{- define "soban.serviceEnabled" -}}
{{ dig "enabled" true (index .root.Values.services .name) }}
{{- end }}

{{/* Seconds from the deletion of a pod to its end: endpoints forget it, streams end, and a margin for what is left. */}}
{{- define "soban.terminationSeconds" -}}
{{ addf .Values.preStopSeconds .Values.longestStreamSeconds 40 | ceil | int }}
{{- end }}
