{{- define "name" }}{{ .Release.Name }}-strongswan{{ end }}

{{- define "labels" -}}
app: {{ .app }}
release: {{ .top.Release.Name }}
chart: {{ .top.Chart.Name }}-{{ .top.Chart.Version }}
{{- end }}

{{- define "test" -}}
{{- $top := .top }}
{{- if or (eq (lower $top.Values.helmTestsToRun) "all") (contains $top.Values.helmTestsToRun .name) }}
---
apiVersion: v1
kind: Pod
metadata:
  name: {{ include "name" $top }}-{{ .name }}
  labels:
    {{- include "labels" (dict "top" $top "app" "strongswan-test") | nindent 4 }}
  annotations:
    helm.sh/hook: test-success
spec:
  restartPolicy: Never
  hostNetwork: {{ .host }}
  containers:
    - name: test
      image: {{ include "image" $top }}
      command: {{ .command | toJson }}
{{- end }}
{{- end }}

{{- define "image" }}strongswan-stand-in:{{ .Chart.AppVersion }}{{ end }}
