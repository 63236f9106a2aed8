{{- define "backstage-py.name" -}}
{{- if contains "backstage-py" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}{{ printf "%s-backstage-py" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "backstage-py.selector" -}}
app.kubernetes.io/name: backstage-py
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "backstage-py.labels" -}}
{{ include "backstage-py.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "backstage-py.image" -}}
{{- with .Values.image }}{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}{{ end }}
{{- end }}

{{- define "backstage-py.account" -}}
{{- .Values.serviceAccount.name | default (ternary (include "backstage-py.name" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{- define "backstage-py.kekSecret" -}}
{{- .Values.secrets.keyEncryptionKey.existingSecret | default (printf "%s-keys" (include "backstage-py.name" .)) }}
{{- end }}

{{- define "backstage-py.hasKek" -}}
{{- if or .Values.secrets.keyEncryptionKey.generate .Values.secrets.keyEncryptionKey.existingSecret }}true{{ end }}
{{- end }}

{{- /* app-config.yaml: what the chart knows, below what the operator wrote. */ -}}
{{- define "backstage-py.appConfig" -}}
{{- $metrics := dict "listen" (dict "host" "0.0.0.0" "port" 9464) }}
{{- $config := dict "backend" (dict "listen" ":7007" "workingDirectory" "/var/lib/backstage-py" "metrics" $metrics) }}
{{- with .Values.database }}{{ if .host }}
{{- $connection := dict "host" .host "port" (int .port) "user" .user "database" .name "password" "${DATABASE_PASSWORD}" }}
{{- if .sslMode }}{{ $_ := set $connection "sslmode" .sslMode }}{{ end }}
{{- $_ := set $config.backend "database" (dict "client" "pg" "connection" $connection) }}
{{- end }}{{ end }}
{{- if include "backstage-py.hasKek" . }}{{ $_ := set $config "auth" (dict "keyEncryptionKeys" (list "${KEY_ENCRYPTION_KEY}")) }}{{ end }}
{{- $config = mergeOverwrite $config (deepCopy .Values.appConfig) }}
{{- with $config.backend.logger }}{{ $_ := unset . "level" }}{{ if not . }}{{ $_ := unset $config.backend "logger" }}{{ end }}{{ end }}
{{- toYaml $config }}
{{- end }}

{{- /* The one thing that replicas read again while they run: a file of its own, so that it replaces none of them. */ -}}
{{- define "backstage-py.logLevel" -}}
{{- $level := dig "backend" "logger" "level" "" .Values.appConfig }}
{{- if $level }}backend: {logger: {level: {{ $level }}}}{{ else }}{}{{ end }}
{{- end }}

{{- define "backstage-py.configArguments" -}}
- --config
- /etc/backstage-py/app-config.yaml
{{- if .live }}
- --config
- /etc/backstage-py/live/log-level.yaml
{{- end }}
{{- range $at, $one := .Values.extraConfig }}
- --config
- /etc/backstage-py/extra-{{ $at }}/{{ $one.key }}
{{- end }}
{{- end }}

{{- define "backstage-py.environment" -}}
{{- with .Values.database }}{{ if .host }}
- name: DATABASE_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ .existingSecret | default (printf "%s-database" (include "backstage-py.name" $)) }}, key: {{ .passwordKey }}}}
{{- end }}{{ end }}
{{- if include "backstage-py.hasKek" . }}
- name: KEY_ENCRYPTION_KEY
  valueFrom: {secretKeyRef: {name: {{ include "backstage-py.kekSecret" . }}, key: {{ .Values.secrets.keyEncryptionKey.key }}}}
{{- end }}
{{- if .Values.steps.enabled }}
- name: POD_IP
  valueFrom: {fieldRef: {fieldPath: status.podIP}}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "backstage-py.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "backstage-py.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "backstage-py.mounts" -}}
- {name: config, mountPath: /etc/backstage-py/app-config.yaml, subPath: app-config.yaml, readOnly: true}
{{- range $at, $one := .Values.extraConfig }}
- {name: extra-{{ $at }}, mountPath: /etc/backstage-py/extra-{{ $at }}, readOnly: true}
{{- end }}
- {name: work, mountPath: /var/lib/backstage-py}
- {name: temporary, mountPath: /tmp}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "backstage-py.volumes" -}}
- name: config
  configMap: {name: {{ include "backstage-py.name" . }}}
{{- range $at, $one := .Values.extraConfig }}
- name: extra-{{ $at }}
  configMap: {name: {{ $one.configMap }}}
{{- end }}
- name: work
  emptyDir: {sizeLimit: {{ .Values.storage.work }}}
- name: temporary
  emptyDir: {sizeLimit: {{ .Values.storage.temporary }}}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
