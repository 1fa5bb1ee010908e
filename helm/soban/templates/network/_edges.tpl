{{/* Who of this release calls whom, by callee. Everybody else is refused. */}}
{{- define "soban.network.callers" -}}
gateway: [test]
tokenization: []
safety: [gateway]
generation: [gateway, scaler]
scaler: []
{{- end }}

{{/* The pods of a component as the only peer: dict "root" "component". */}}
{{- define "soban.network.pods" -}}
- podSelector:
    matchLabels:
      {{- include "soban.selectorLabels" . | nindent 6 }}
{{- end }}

{{/* All pods of a namespace as a peer. */}}
{{- define "soban.network.namespace" -}}
- namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ . }}}}
{{- end }}

{{/* Who may call a service: dict "root" "name", as an ingress rule, or nothing. */}}
{{- define "soban.network.ingress" -}}
{{- $open := and (has .name (list "gateway" "tokenization")) (empty .root.Values.networkPolicy.clients) }}
{{- $callers := index (include "soban.network.callers" . | fromYaml) .name }}
{{- if or $open $callers (eq .name "scaler") (has .name (list "gateway" "tokenization")) }}
- ports:
    - port: grpc
    {{- if eq .name "gateway" }}
    - port: http
    {{- end }}
  {{- if not $open }}
  from:
    {{- range $callers }}
    {{- include "soban.network.pods" (dict "root" $.root "component" .) | nindent 4 }}
    {{- end }}
    {{- if eq .name "scaler" }}
    {{- include "soban.network.namespace" .root.Values.keda.namespace | nindent 4 }}
    {{- end }}
    {{- if has .name (list "gateway" "tokenization") }}
    {{- toYaml .root.Values.networkPolicy.clients | nindent 4 }}
    {{- end }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Who may read metrics at a port: dict "root" "port", as an ingress rule, or nothing. */}}
{{- define "soban.network.scrape" -}}
{{- with .root.Values.networkPolicy.scrapeNamespace }}
- ports: [{port: {{ $.port }}}]
  from:
    {{- include "soban.network.namespace" . | nindent 4 }}
{{- end }}
{{- end }}

{{/* Whom a component may call: dict "root" "name", as egress rules. */}}
{{- define "soban.network.egress" -}}
{{- range $callee, $callers := include "soban.network.callers" . | fromYaml }}
{{- if has $.name $callers }}
- ports: [{port: grpc}{{ if eq $callee "gateway" }}, {port: http}{{ end }}]
  to:
    {{- include "soban.network.pods" (dict "root" $.root "component" $callee) | nindent 4 }}
{{- end }}
{{- end }}
{{- if eq .name "generation" }}
- ports: [{port: http}]
  to:
    {{- include "soban.network.pods" (dict "root" .root "component" "engine") | nindent 4 }}
{{- include "soban.network.outside" .root.Values.networkPolicy.apiServer }}
{{- include "soban.network.elsewhere" .root }}
{{- end }}
{{- if and .root.Values.telemetry.otlpEndpoint (ne .name "test") }}
{{- $port := regexFind "[0-9]+$" (regexFind ":[0-9]+$" (urlParse .root.Values.telemetry.otlpEndpoint).host) | default "4317" }}
{{- include "soban.network.outside" (dict "ports" (list $port) "peers" .root.Values.networkPolicy.otlp.peers) }}
{{- end }}
{{- end }}

{{/* Ports outside this release: dict "ports" "peers", as an egress rule. */}}
{{- define "soban.network.outside" }}
- ports:
    {{- range .ports }}
    - port: {{ . | int }}
    {{- end }}
  {{- with .peers }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* Engines that run already, as egress rules: the namespace of a Service, or the port of any other address. */}}
{{- define "soban.network.elsewhere" }}
{{- range $name, $model := fromYaml (include "soban.models" .) }}
{{- range $address := concat (list (dict "url" ($model.address | default ""))) ($model.addresses | default list) }}
{{- include "soban.network.address" (dict "root" $ "url" $address.url) }}
{{- end }}
{{- end }}
{{- end }}

{{/* dict "root" "url"; an empty url is no address. */}}
{{- define "soban.network.address" }}
{{- $place := regexReplaceAll "^[a-z+]+://([^/]+).*$" .url "${1}" }}
{{- if hasPrefix "kubernetes+" .url }}
- to:
    {{- include "soban.network.namespace" (index (regexSplit "[.:]" $place -1) 1) | nindent 4 }}
{{- else if .url }}
{{- $port := regexFind "[0-9]+$" (regexFind ":[0-9]+$" $place) | default (contains "https://" .url | ternary "443" "80") }}
{{- include "soban.network.outside" (dict "ports" (list $port) "peers" .root.Values.networkPolicy.engines.peers) }}
{{- end }}
{{- end }}
