{{/* Name of all resources: the release, which is named after the service. */}}
{{- define "service.name" -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Labels that select the pods; they never change. */}}
{{- define "service.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "service.labels" -}}
{{ include "service.selector" . }}
app.kubernetes.io/version: {{ include "service.version" . | quote }}
app.kubernetes.io/part-of: {{ .Values.team | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
backstage.io/kubernetes-id: {{ .Chart.Name | quote }}
{{- with .Values.environment }}
environment: {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "service.version" -}}
{{- .Values.image.tag | default .Chart.AppVersion | trunc 63 -}}
{{- end -}}

{{/* A digest is the only name of an image that cannot come to mean another one, so it goes before all else. */}}
{{- define "service.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else if $image.digestRequired -}}
{{- fail (printf "There is no image for %s yet: the pipeline writes image.digest into deploy/%s/values.yaml" .Chart.Name .Values.environment) -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (include "service.version" .) -}}
{{- end -}}
{{- end -}}

{{/* What Prometheus knows the metrics of this release by. */}}
{{- define "service.series" -}}
namespace="{{ .Release.Namespace }}",job="{{ include "service.name" . }}"
{{- end -}}

{{- define "service.probe" -}}
httpGet:
  path: {{ .path }}
  port: http
{{ toYaml (omit . "path") }}
{{- end -}}
