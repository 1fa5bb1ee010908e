{{/* What the pods of a component may do: dict "root" "name" "ingress" "egress" ["model"], both rules as YAML. */}}
{{- define "soban.network.policy" }}
{{- $identity := dict "root" .root "component" .name "model" (.model | default "") }}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ .model | empty | ternary (printf "%s-%s" (include "soban.fullname" .root) .name) (include "soban.engineName" (dict "root" .root "name" (.model | default ""))) }}
  labels:
    {{- include "soban.labels" $identity | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "soban.selectorLabels" $identity | nindent 6 }}
  policyTypes: [Ingress, Egress]
  {{- with .ingress | trim }}
  ingress:
    {{- . | nindent 4 }}
  {{- end }}
  {{- with .egress | trim }}
  egress:
    {{- . | nindent 4 }}
  {{- end }}
{{- end }}
