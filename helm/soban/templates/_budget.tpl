{{/*
Pods leave one after the other, however many there are: a budget by minAvailable would stop drains for ever where it is
the number of replicas. A pod that is not ready holds up no drain. dict "name" "identity" "pdb".
*/}}
{{- define "soban.budget" }}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .name }}
  labels:
    {{- include "soban.labels" .identity | nindent 4 }}
spec:
  maxUnavailable: {{ .pdb.maxUnavailable }}
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "soban.selectorLabels" .identity | nindent 6 }}
{{- end }}
