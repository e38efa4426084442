{{- define "tpi.name" -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "tpi.selector" -}}
app.kubernetes.io/name: tpi
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "tpi.labels" -}}
{{ include "tpi.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "tpi.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{- define "tpi.secret" -}}
{{ required "existingSecret: name the secret that holds database-url, secret-key, token-pepper, audit-key and keyring.json" .Values.existingSecret }}
{{- end -}}

{{- define "tpi.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "tpi.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "tpi.env" -}}
{{- $secret := include "tpi.secret" . -}}
- {name: TPI_DATA_DIR, value: /var/lib/tpi}
- {name: TPI_BIND, value: "0.0.0.0:8000"}
- {name: TPI_URL, value: {{ required "url: give the address that people use" .Values.url | quote }}}
- {name: TPI_STORAGE_URL, value: {{ required "storageUrl: give the bucket or folder that all nodes share" .Values.storageUrl | quote }}}
- {name: TPI_TRUSTED_PROXIES, value: {{ required "trustedProxies: give the networks of the ingress's pods, and of nothing else; what comes from there may claim any address" (join "," .Values.trustedProxies) | quote }}}
- {name: TPI_METRICS_NETWORKS, value: {{ join "," .Values.metricsNetworks | quote }}}
- {name: TPI_LEAVE_SECONDS, value: {{ .Values.leaveSeconds | quote }}}
- {name: TPI_DRAIN_SECONDS, value: {{ .Values.drainSeconds | quote }}}
- {name: TPI_DATABASE_URL_FILE, value: /run/secrets/tpi/database-url}
- {name: TPI_SECRET_KEY_FILE, value: /run/secrets/tpi/secret-key}
- {name: TPI_TOKEN_PEPPER_FILE, value: /run/secrets/tpi/token-pepper}
- {name: TPI_AUDIT_KEY_FILE, value: /run/secrets/tpi/audit-key}
- {name: TPI_KEYRING, value: "env:KEYRING_JSON"}
- name: KEYRING_JSON
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: keyring.json}}
{{- if .Values.cache.enabled }}
- {name: TPI_CACHE_URL_FILE, value: /run/secrets/tpi/cache-url}
{{- end }}
{{- if .Values.adminPasswordFromSecret }}
- {name: TPI_ADMIN_PASSWORD_FILE, value: /run/secrets/tpi/admin-password}
{{- end }}
{{- if .Values.bucketCredentials }}
- name: AWS_ACCESS_KEY_ID
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: AWS_ACCESS_KEY_ID}}
- name: AWS_SECRET_ACCESS_KEY
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: AWS_SECRET_ACCESS_KEY}}
{{- end }}
{{- range $name, $value := .Values.settings }}
- {name: {{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- end -}}

{{- define "tpi.mounts" -}}
- {name: data, mountPath: /var/lib/tpi}
- {name: tmp, mountPath: /tmp}
- {name: secrets, mountPath: /run/secrets/tpi, readOnly: true}
{{- end -}}

{{- define "tpi.volumes" -}}
- {name: tmp, emptyDir: {}}
- name: secrets
  secret:
    secretName: {{ include "tpi.secret" . }}
    defaultMode: 0440
{{- end -}}

{{/* A pod that runs one command of manage.py; give (dict "root" $ "command" (list ...)). */}}
{{- define "tpi.commandPod" -}}
metadata:
  labels:
    {{- include "tpi.labels" .root | nindent 4 }}
    app.kubernetes.io/component: command
spec:
  restartPolicy: Never
  serviceAccountName: {{ include "tpi.name" .root }}
  automountServiceAccountToken: false
  securityContext:
    {{- include "tpi.podSecurity" .root | nindent 4 }}
  {{- with .root.Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: command
      image: {{ include "tpi.image" .root }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      command: {{ concat (list "python" "manage.py") .command | toJson }}
      env:
        {{- include "tpi.env" .root | nindent 8 }}
      securityContext:
        {{- include "tpi.containerSecurity" .root | nindent 8 }}
      resources:
        {{- toYaml .root.Values.resources | nindent 8 }}
      volumeMounts:
        {{- include "tpi.mounts" .root | nindent 8 }}
  volumes:
    - {name: data, emptyDir: {}}
    {{- include "tpi.volumes" .root | nindent 4 }}
{{- end -}}
