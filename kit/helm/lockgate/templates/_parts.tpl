{{- /* Parts that several objects have. What each means is told in lockgate's export/kubernetes, which these repeat. */ -}}

{{- define "lockgate.labels" -}}
app.kubernetes.io/part-of: "lockgate"
app.kubernetes.io/component: {{ . | quote }}
{{- end }}

{{- define "lockgate.context" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
capabilities:
  drop: ["ALL"]
{{- end }}

{{- define "lockgate.resources" -}}
{{- $cores := index . 0 }}{{ $memory := index . 1 }}{{ $disk := index . 2 -}}
requests:
  cpu: {{ int64 $cores | quote }}
  memory: {{ int64 $memory | quote }}
  ephemeral-storage: {{ int64 $disk | quote }}
limits:
  cpu: {{ int64 $cores | quote }}
  memory: {{ int64 $memory | quote }}
  ephemeral-storage: {{ int64 $disk | quote }}
{{- end }}

{{- define "lockgate.pod" -}}
serviceAccountName: {{ . | quote }}
automountServiceAccountToken: false
enableServiceLinks: false
hostNetwork: false
hostPID: false
hostIPC: false
shareProcessNamespace: false
terminationGracePeriodSeconds: 10
{{- end }}

{{- define "lockgate.user" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: "RuntimeDefault"
{{- end }}

{{- define "lockgate.ways" -}}
{{- range . }}
- to:
    - ipBlock:
        cidr: {{ .cidr | quote }}
  ports:
    - protocol: "TCP"
      port: {{ int .port }}
{{- end }}
{{- end }}
