{{/* The Deployment of a pool: dict "root" "name" "model" "engine" "profile" "scaling" "source". */}}
{{- define "soban.pool" }}
{{- include "soban.source.check" . }}
{{- $identity := dict "root" .root "component" "engine" "model" .name }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "soban.engineName" . }}
  labels:
    {{- include "soban.labels" $identity | nindent 4 }}
    {{- with dig "queueName" "" (.model.kueue | default dict) }}
    kueue.x-k8s.io/queue-name: {{ . }}
    {{- end }}
  annotations:
    soban.dev/model-name: {{ .name | quote }}
spec:
  {{- if eq .scaling.mode "none" }}
  replicas: {{ include "soban.minReplicas" .model }}
  {{- end }}
  selector:
    matchLabels:
      {{- include "soban.selectorLabels" $identity | nindent 6 }}
  # Without a surge a rollout needs no further GPU: one replica goes before the next one comes.
  strategy:
    rollingUpdate: {maxSurge: {{ .profile.maxSurge }}, maxUnavailable: {{ .profile.maxSurge | int | eq 0 | ternary 1 0 }}}
  progressDeadlineSeconds: {{ add .engine.startupSeconds .root.Values.provisioningSeconds }}
  template:
    metadata:
      # No version of the chart: an engine that stays as it is does not start anew.
      labels:
        {{- include "soban.podLabels" $identity | nindent 8 }}
      annotations:
        checksum/config: {{ include "soban.config.engine" . | sha256sum }}
        {{- include "soban.evictable" .profile.evictable | nindent 8 }}
    spec:
      serviceAccountName: {{ include "soban.fullname" .root }}-engine
      automountServiceAccountToken: false
      {{- with include "soban.pullSecrets" .root | trim }}
      {{- . | nindent 6 }}
      {{- end }}
      {{- with include "soban.placement" .profile | trim }}
      {{- . | nindent 6 }}
      {{- end }}
      enableServiceLinks: false
      terminationGracePeriodSeconds: {{ include "soban.terminationSeconds" .root }}
      topologySpreadConstraints:
        {{- include "soban.spread" $identity | trim | nindent 8 }}
      securityContext:
        {{- include "soban.podSecurity" .root | nindent 8 }}
      {{- if eq .source.kind "download" }}
      initContainers:
        {{- include "soban.source.download" . | trim | nindent 8 }}
      {{- end }}
      containers:
        - name: engine
          image: {{ include "soban.image" (dict "root" .root "image" .engine.image) }}
          imagePullPolicy: {{ .engine.image.pullPolicy }}
          {{- include "soban.engine.process" . | trim | nindent 10 }}
          env:
            {{- include "soban.engine.environment" . | nindent 12 }}
            {{- with concat .engine.env (.model.engineEnv | default list) }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          ports:
            - {name: http, containerPort: {{ .engine.port }}}
          {{- include "soban.engine.probes" .engine | nindent 10 }}
          # Generation hears within a second that an endpoint is gone, and not by DNS.
          {{- include "soban.preStop" (min 5 (int .root.Values.preStopSeconds)) | nindent 10 }}
          resources:
            {{- include "soban.profile.resources" .profile | trim | nindent 12 }}
          securityContext:
            {{- include "soban.containerSecurity" . | nindent 12 }}
          volumeMounts:
            {{- include "soban.engine.mounts" . | nindent 12 }}
      volumes:
        - name: config
          configMap:
            name: {{ include "soban.engineName" . }}
            items: [{key: engine.yaml, path: soban.yaml}]
        - name: tmp
          emptyDir: {sizeLimit: {{ .engine.tmpSize }}}
        {{- with .profile.sharedMemory }}
        - name: shm
          emptyDir: {medium: Memory, sizeLimit: {{ . }}}
        {{- end }}
        {{- with include "soban.source.volume" . | trim }}
        {{- . | nindent 8 }}
        {{- end }}
        {{- with .engine.volumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
{{- end }}

{{/* Command and arguments of an engine. An image of llama.cpp's own has its command already. */}}
{{- define "soban.engine.process" -}}
{{- $kind := .engine.ownServer | default false | ternary "llama-server" .model.engine }}
{{- $gpus := dig "gpu" "count" 0 .profile | int }}
{{- $of := dict "root" .root "name" .name "model" .model "path" .source.path "gpus" $gpus "port" (int .engine.port) }}
{{- if not .engine.ownServer }}
command:
  {{- include (printf "soban.command.%s" $kind) $of | nindent 2 }}
{{- end }}
{{- $args := concat .engine.args (.model.engineArgs | default list) }}
{{- if .engine.ownServer }}
{{- $args = concat (include "soban.command.llama-server" $of | fromYamlArray) $args }}
{{- end }}
{{- with $args }}
args:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "soban.engine.mounts" -}}
- {name: config, mountPath: /etc/soban, readOnly: true}
- {name: tmp, mountPath: /tmp}
{{- if .profile.sharedMemory }}
- {name: shm, mountPath: /dev/shm}
{{- end }}
{{- if ne .source.kind "bundled" }}
- {name: models, mountPath: {{ .source.mount }}, readOnly: true}
{{- end }}
{{- with .engine.volumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}
