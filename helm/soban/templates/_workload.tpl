{{/* The Deployment of a service: dict "root" "name" "service". */}}
{{- define "soban.workload" }}
{{- $identity := dict "root" .root "component" .name }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "soban.fullname" .root }}-{{ .name }}
  labels:
    {{- include "soban.labels" $identity | nindent 4 }}
spec:
  {{- if eq .service.autoscaling.mode "none" }}
  replicas: {{ .service.replicas }}
  {{- end }}
  selector:
    matchLabels:
      {{- include "soban.selectorLabels" $identity | nindent 6 }}
  strategy:
    rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
  template:
    metadata:
      labels:
        {{- include "soban.podLabels" $identity | nindent 8 }}
        {{- with .service.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        checksum/config: {{ include "soban.config" .root | sha256sum }}
        {{- include "soban.evictable" .service.evictable | nindent 8 }}
        {{- with .service.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ include "soban.fullname" .root }}-{{ .name }}
      # Only generation asks the API server, for the endpoints of its engines.
      automountServiceAccountToken: {{ eq .name "generation" }}
      {{- with include "soban.pullSecrets" .root | trim }}
      {{- . | nindent 6 }}
      {{- end }}
      {{- with include "soban.placement" .service | trim }}
      {{- . | nindent 6 }}
      {{- end }}
      enableServiceLinks: false
      terminationGracePeriodSeconds: {{ include "soban.terminationSeconds" .root }}
      topologySpreadConstraints:
        {{- include "soban.spread" $identity | trim | nindent 8 }}
      securityContext:
        {{- include "soban.podSecurity" .root | nindent 8 }}
      containers:
        - name: {{ .name }}
          image: {{ include "soban.image" (dict "root" .root "image" .root.Values.image) }}
          imagePullPolicy: {{ .root.Values.image.pullPolicy }}
          command: [python, -m, soban.{{ .name }}, -c, /etc/soban/soban.yaml]
          env:
            {{- include "soban.environment" $identity | nindent 12 }}
            {{- with .service.env }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          ports:
            {{- include "soban.servicePorts" (dict "root" .root "name" .name "key" "containerPort") | nindent 12 }}
          {{- include "soban.serviceProbes" . | nindent 10 }}
          {{- include "soban.preStop" .root.Values.preStopSeconds | nindent 10 }}
          resources:
            {{- toYaml .service.resources | nindent 12 }}
          securityContext:
            {{- include "soban.containerSecurity" . | nindent 12 }}
          volumeMounts:
            - {name: config, mountPath: /etc/soban, readOnly: true}
            - {name: tmp, mountPath: /tmp}
            {{- with include "soban.keyMounts" . | trim }}
            {{- . | nindent 12 }}
            {{- end }}
            {{- with .service.volumeMounts }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
      volumes:
        - name: config
          configMap:
            name: {{ include "soban.fullname" .root }}-config
        - name: tmp
          emptyDir: {sizeLimit: {{ .service.tmpSize }}}
        {{- with include "soban.keyVolumes" . | trim }}
        {{- . | nindent 8 }}
        {{- end }}
        {{- with .service.volumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
{{- end }}

{{/* Ports of a service by name: dict "root" "name" "key", where key is what the number is called in that place. */}}
{{- define "soban.servicePorts" -}}
- name: grpc
  {{ .key }}: {{ include "soban.port" (dict "root" .root "component" .name) }}
{{- if eq .name "gateway" }}
- name: http
  {{ .key }}: {{ include "soban.httpPort" .root }}
{{- end }}
- name: metrics
  {{ .key }}: {{ include "soban.metricsPort" (dict "root" .root "component" .name) }}
{{- end }}

{{/*
Two health services: `ready` also says no while the pod stops, `live` never does, or a stopping pod would be restarted in
the middle of its streams.
*/}}
{{- define "soban.serviceProbes" -}}
{{- $port := include "soban.port" (dict "root" .root "component" .name) -}}
startupProbe:
  grpc: {port: {{ $port }}, service: ready}
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: {{ divf .service.startupSeconds 2 | ceil }}
readinessProbe:
  grpc: {port: {{ $port }}, service: ready}
  periodSeconds: 5
  timeoutSeconds: 2
  failureThreshold: 2
livenessProbe:
  grpc: {port: {{ $port }}, service: live}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end }}

{{/* Keys of engines that run elsewhere, for generation alone. */}}
{{- define "soban.keyMounts" -}}
{{- if eq .name "generation" }}
{{- range $model, $settings := fromYaml (include "soban.models" .root) }}
{{- if $settings.keySecret }}
- name: key-{{ include "soban.modelSlug" (dict "root" $.root "name" $model) }}
  mountPath: {{ include "soban.keyFolder" (dict "root" $.root "name" $model) }}
  readOnly: true
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "soban.keyVolumes" -}}
{{- if eq .name "generation" }}
{{- range $model, $settings := fromYaml (include "soban.models" .root) }}
{{- with $settings.keySecret }}
- name: key-{{ include "soban.modelSlug" (dict "root" $.root "name" $model) }}
  secret:
    secretName: {{ .name }}
    items:
      - {key: {{ .key | quote }}, path: {{ .key | quote }}}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Services that call each other are there together. */}}
{{- define "soban.services.check" -}}
{{- range $callee, $reason := dict
      "safety" "the gateway lets nothing out that safety has not checked"
      "generation" "the gateway has no answers without it" }}
{{- if and (eq (include "soban.serviceEnabled" (dict "root" $ "name" "gateway")) "true") (ne (include "soban.serviceEnabled" (dict "root" $ "name" $callee)) "true") }}
{{- fail (printf "\n\nservices.%s.enabled is false: %s" $callee $reason) }}
{{- end }}
{{- end }}
{{- if and (include "soban.usesScaler" .) (ne (include "soban.serviceEnabled" (dict "root" . "name" "scaler")) "true") }}
{{- fail "\n\nservices.scaler.enabled is false, and pools are scaled by it: set autoscaling.trigger prometheus, or their autoscaling.mode" }}
{{- end }}
{{- end }}
