{{/* Of every pod: what the restricted profile of pod security asks for, and a root that cannot be written. */}}
{{- define "soban.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ .Values.podSecurity.user | int }}
runAsGroup: {{ .Values.podSecurity.group | int }}
fsGroup: {{ .Values.podSecurity.group | int }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "soban.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Replicas of one kind on different nodes and in different zones, as far as there are some: what selectorLabels takes. */}}
{{- define "soban.spread" -}}
{{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- topologyKey: {{ $key }}
  maxSkew: 1
  whenUnsatisfiable: ScheduleAnyway
  # Old pods of a rollout do not count.
  matchLabelKeys: [pod-template-hash]
  labelSelector:
    matchLabels:
      {{- include "soban.selectorLabels" $ | nindent 6 }}
{{- end }}
{{- end }}

{{/*
Whether autoscalers of nodes may move a pod to another node. It must be said: the emptyDir of /tmp would count as data
that is lost.
*/}}
{{- define "soban.evictable" -}}
cluster-autoscaler.kubernetes.io/safe-to-evict: {{ . | quote }}
{{- if not . }}
karpenter.sh/do-not-disrupt: "true"
{{- end }}
{{- end }}

{{/* The native sleep before SIGTERM, of so many seconds. */}}
{{- define "soban.preStop" -}}
{{- with int . -}}
lifecycle:
  preStop: {sleep: {seconds: {{ . }}}}
{{- end }}
{{- end }}

{{/* Keys of a pod that name where it may run, of a service or of a resource profile. */}}
{{- define "soban.placement" -}}
{{- range $key := list "nodeSelector" "tolerations" "affinity" "runtimeClassName" "priorityClassName" }}
{{- with index $ $key }}
{{ dict $key . | toYaml }}
{{- end }}
{{- end }}
{{- end }}

{{/* Environment of every container of ours: dict "root" "component". */}}
{{- define "soban.environment" -}}
- name: HOME
  value: /tmp
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: NODE_NAME
  valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
- name: OTEL_SERVICE_NAME
  value: soban-{{ .component }}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: {{ include "soban.resource" .root | quote }}
{{- end }}

{{/* Attributes of a pod in telemetry; Kubernetes fills in $(NAME). */}}
{{- define "soban.resource" -}}
service.version={{ .Chart.AppVersion }},k8s.namespace.name={{ .Release.Namespace }},k8s.pod.name=$(POD_NAME),k8s.node.name=$(NODE_NAME)
{{- range $key, $value := .Values.telemetry.attributes }},{{ $key }}={{ $value }}{{ end }}
{{- end }}

{{- define "soban.pullSecrets" -}}
{{- with .Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
