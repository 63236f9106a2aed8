{{/* The pod, alike in a Deployment and a Rollout. */}}
{{- define "service.pod" -}}
metadata:
  labels:
    {{- include "service.labels" . | nindent 4 }}
  {{- with .Values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "service.name" . | quote }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with .Values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . | quote }}
    {{- end }}
  {{- end }}
  terminationGracePeriodSeconds: {{ add .Values.shutdown.drainSeconds .Values.shutdown.timeoutSeconds 5 }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    seccompProfile:
      type: RuntimeDefault
  {{- with .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- range . }}
    - {{ toYaml (merge (dict) . (dict "labelSelector" (dict "matchLabels" (include "service.selector" $ | fromYaml)))) | nindent 6 | trim }}
    {{- end }}
  {{- end }}
  containers:
    - name: service
      image: {{ include "service.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      ports:
        - name: http
          containerPort: {{ .Values.containerPort }}
          protocol: TCP
      env:
        {{- include "service.env" . | nindent 8 }}
      {{- if or .Values.envFrom .Values.database.enabled }}
      envFrom:
        {{- with .Values.envFrom }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
        {{- if .Values.database.enabled }}
        - secretRef:
            name: {{ .Values.database.secretName | quote }}
        {{- end }}
      {{- end }}
      startupProbe:
        {{- include "service.probe" .Values.probes.startup | nindent 8 }}
      livenessProbe:
        {{- include "service.probe" .Values.probes.liveness | nindent 8 }}
      readinessProbe:
        {{- include "service.probe" .Values.probes.readiness | nindent 8 }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      volumeMounts:
        - name: tmp
          mountPath: /tmp
  volumes:
    - name: tmp
      emptyDir:
        sizeLimit: {{ .Values.tmp.sizeLimit }}
{{- end -}}

{{- define "service.env" -}}
- name: PORT
  value: {{ .Values.containerPort | quote }}
- name: LOG_LEVEL
  value: {{ .Values.logLevel | quote }}
- name: DRAIN_SECONDS
  value: {{ .Values.shutdown.drainSeconds | quote }}
- name: SHUTDOWN_SECONDS
  value: {{ .Values.shutdown.timeoutSeconds | quote }}
{{- if .Values.tracing.endpoint }}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: OTEL_SERVICE_NAME
  value: {{ .Chart.Name | quote }}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: service.namespace={{ .Values.team }},service.version={{ include "service.version" . }},k8s.namespace.name={{ .Release.Namespace }},k8s.pod.name=$(POD_NAME){{ with .Values.environment }},deployment.environment.name={{ . }}{{ end }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ .Values.tracing.endpoint | quote }}
- name: OTEL_TRACES_SAMPLER
  value: parentbased_traceidratio
- name: OTEL_TRACES_SAMPLER_ARG
  value: {{ .Values.tracing.sampleRatio | quote }}
{{- end }}
{{- range $name, $value := .Values.env }}
{{- if kindIs "map" $value }}
- {{ toYaml (merge (dict "name" $name) $value) | nindent 2 | trim }}
{{- else }}
- name: {{ $name | quote }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
{{- end -}}
