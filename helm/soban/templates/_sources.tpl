{{/*
Where the weights of a pool come from: dict "root" "name" "model", as YAML with

kind    bundled (in the image), pvc, image, hostPath or download
mount   where its volume is in the engine's container: an image holds one repository, and any other volume may hold
        several, each as owner/repo
path    of the model there; empty where the engine has it bundled

A url of the hub without a source is downloaded by each pod.
*/}}
{{- define "soban.source" -}}
{{- $source := .model.source | default dict }}
{{- $kinds := keys (pick $source "pvc" "image" "hostPath" "download") | sortAlpha }}
{{- if gt (len $kinds) 1 }}
{{- fail (printf "\n\nmodels.%s.source has %s: one of them is enough" .name (join " and " $kinds)) }}
{{- end }}
{{- $hub := hasPrefix "hf://" .model.url }}
{{- $kind := first $kinds | default ($hub | ternary "download" "bundled") }}
{{- $place := .model.url | trimPrefix "hf://" | trimPrefix "file:" | trimPrefix "/models/" }}
{{- $mount := "/models" }}
{{- if and $hub (eq $kind "image") }}
{{- $mount = include "soban.source.folder" . }}
{{- $place = slice (splitList "/" $place) 2 | join "/" }}
{{- end }}
kind: {{ $kind }}
mount: {{ $mount }}
path: {{ eq $kind "bundled" | ternary "" (printf "%s/%s" $mount ($source.path | default $place) | clean) | quote }}
{{- end }}

{{/* What cannot work is refused before it is installed: dict "root" "name" "model" "source" (of soban.source). */}}
{{- define "soban.source.check" -}}
{{- $model := printf "models.%s" .name }}
{{- if and (eq .source.kind "bundled") (not (hasPrefix "bundled:" .model.url)) }}
{{- fail (printf "\n\n%s.url is a file, and no volume holds it: set %s.source.pvc, .image or .hostPath" $model $model) }}
{{- end }}
{{- if and (eq .source.kind "download") (not (hasPrefix "hf://" .model.url)) }}
{{- fail (printf "\n\n%s.source.download needs %s.url hf://owner/repo" $model $model) }}
{{- end }}
{{- if and .root.Values.global.airGapped (eq .source.kind "download") }}
{{- fail (printf "\n\nglobal.airGapped is set, and %s.url would be downloaded: set %s.source.pvc, .image or .hostPath" $model $model) }}
{{- end }}
{{- if and (eq .model.engine "llamacpp") .source.path (not (hasSuffix ".gguf" .source.path)) }}
{{- fail (printf "\n\nmodels.%s: llama.cpp reads a GGUF file, and %s is none: name it in url (hf://owner/repo/file.gguf) or in source.path" .name .source.path) }}
{{- end }}
{{- if and (eq .source.kind "image") (not (semverCompare ">=1.35.0-0" .root.Capabilities.KubeVersion.Version)) }}
{{- fail (printf "\n\n%s.source.image needs Kubernetes 1.35 or later, and this is %s: set %s.source.pvc, .hostPath or .download" $model .root.Capabilities.KubeVersion.Version $model) }}
{{- end }}
{{- end }}

{{/* The volume of the weights: dict "root" "name" "model" "source". */}}
{{- define "soban.source.volume" -}}
{{- $given := index (.model.source | default dict) .source.kind | default dict }}
{{- if eq .source.kind "pvc" }}
- name: models
  persistentVolumeClaim: {claimName: {{ $given.claimName }}, readOnly: true}
{{- else if eq .source.kind "image" }}
- name: models
  image:
    reference: {{ include "soban.image" (dict "root" .root "image" $given) }}
    pullPolicy: {{ $given.pullPolicy | default "IfNotPresent" }}
{{- else if eq .source.kind "hostPath" }}
- name: models
  hostPath: {path: {{ $given.path | quote }}, type: Directory}
{{- else if and (eq .source.kind "download") $given.claimName }}
- name: models
  persistentVolumeClaim: {claimName: {{ $given.claimName }}}
{{- else if eq .source.kind "download" }}
- name: models
  emptyDir: {sizeLimit: {{ $given.sizeLimit | default .root.Values.download.sizeLimit }}}
{{- end }}
{{- with (include "soban.source.token" . | fromYaml).name }}
- name: hub-token
  secret: {secretName: {{ . }}}
{{- end }}
{{- end }}

{{/* The Secret with the hub's token, of this model or of all, as YAML; empty where nothing is downloaded. */}}
{{- define "soban.source.token" -}}
{{- if eq .source.kind "download" }}
{{- $given := index (.model.source | default dict) "download" | default dict }}
{{- $given.tokenSecret | default .root.Values.download.tokenSecret | toYaml }}
{{- else -}}
{}
{{- end }}
{{- end }}

{{/* The container that downloads: the only one that the token is given to. */}}
{{- define "soban.source.download" -}}
{{- $token := include "soban.source.token" . | fromYaml }}
- name: download
  image: {{ include "soban.image" (dict "root" .root "image" .root.Values.download.image) }}
  imagePullPolicy: {{ .root.Values.download.image.pullPolicy }}
  command: [python, -m, soban.generation.fetch, -c, /etc/soban/soban.yaml, --model, {{ .name | quote }}, --to, {{ include "soban.source.folder" . | quote }}{{ if $token.name }}, --token-file, {{ printf "/run/secrets/hub/%s" $token.key | quote }}{{ end }}]
  env:
    - {name: HOME, value: /tmp}
    # What is downloaded goes to its place alone, and not by way of /tmp.
    - {name: HF_XET_CHUNK_CACHE_SIZE_BYTES, value: "0"}
    {{- with .root.Values.download.endpoint }}
    - {name: HF_ENDPOINT, value: {{ . | quote }}}
    {{- end }}
    {{- with .root.Values.download.env }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  resources:
    {{- toYaml .root.Values.download.resources | nindent 4 }}
  securityContext:
    {{- include "soban.containerSecurity" . | nindent 4 }}
  volumeMounts:
    - {name: models, mountPath: {{ .source.mount }}}
    - {name: config, mountPath: /etc/soban, readOnly: true}
    - {name: tmp, mountPath: /tmp}
    {{- if $token.name }}
    - {name: hub-token, mountPath: /run/secrets/hub, readOnly: true}
    {{- end }}
{{- end }}

{{/* Folder of a repository of the hub. */}}
{{- define "soban.source.folder" -}}
/models/{{ slice (.model.url | trimPrefix "hf://" | splitList "/") 0 2 | join "/" }}
{{- end }}
