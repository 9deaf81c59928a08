{{- define "foreshock.name" -}}
{{- printf "%s" .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "foreshock.labels" -}}
app.kubernetes.io/name: foreshock
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- /* (dict "root" . "part" "detection" | "shard"): what selects its pods, and never changes. */}}
{{- define "foreshock.selector" -}}
app.kubernetes.io/name: foreshock
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- /* (dict "root" . "part" … "role" … "resources" … "claim" …): the pods of a Deployment. */}}
{{- define "foreshock.pod" -}}
metadata:
  labels:
    {{- include "foreshock.selector" . | nindent 4 }}
  annotations:
    checksum/config: {{ print .root.Values.config .root.Values.calibration | sha256sum }}
    {{- with .root.Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  automountServiceAccountToken: false
  enableServiceLinks: false    # they would put FORESHOCK_… variables of their own beside ours
  terminationGracePeriodSeconds: 60    # it drains and writes a checkpoint
  {{- with .root.Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .root.Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    seccompProfile:
      type: RuntimeDefault
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "foreshock.selector" . | nindent 10 }}
  containers:
    - name: foreshock
      image: "{{ .root.Values.image.repository }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}"
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      args: [run, -c, /etc/foreshock/foreshock.toml]
      env:
        - name: FORESHOCK_VENUE
          value: {{ .root.Values.venue | quote }}
        - name: FORESHOCK_SCALE__ROLE
          value: {{ .role }}
        - name: FORESHOCK_HTTP__HOST
          value: 0.0.0.0
        - name: FORESHOCK_HTTP__PORT
          value: "9108"
        - name: FORESHOCK_CHECKPOINT__DIRECTORY
          # No shared folder, no checkpoint: a standby must not go on from an old one of its own.
          value: {{ ternary "/var/lib/foreshock/state" "" (not (empty .claim)) | quote }}
        {{- if .root.Values.calibration }}
        - name: FORESHOCK_DETECTORS__CALIBRATION
          value: /etc/foreshock/quiet.json
        {{- end }}
      {{- with .root.Values.environmentSecret }}
      envFrom:
        - secretRef:
            name: {{ . }}
      {{- end }}
      ports:
        - name: http
          containerPort: 9108
      # A standby is as ready as can be, so readiness is being alive: /readyz asks for partitions,
      # and with it a rollout or a drained node would wait for ever.
      startupProbe:
        httpGet: {path: /healthz, port: http}
        periodSeconds: 2
        failureThreshold: 30
      readinessProbe:
        httpGet: {path: /healthz, port: http}
        periodSeconds: 5
      # Brokers that are away for minutes are waited for; a restart would not bring them back.
      livenessProbe:
        httpGet: {path: /healthz, port: http}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 30
      resources:
        {{- toYaml .resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      volumeMounts:
        - name: config
          mountPath: /etc/foreshock
          readOnly: true
        - name: state
          mountPath: /var/lib/foreshock
        - name: tmp
          mountPath: /tmp
  volumes:
    - name: config
      configMap:
        name: {{ include "foreshock.name" .root }}
    - name: tmp
      emptyDir: {}
    - name: state
      {{- if .claim }}
      persistentVolumeClaim:
        claimName: {{ .claim }}
      {{- else }}
      emptyDir: {}
      {{- end }}
  {{- with .root.Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .root.Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
