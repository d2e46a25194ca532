"""Exporters of metrics, traces and faults: Prometheus, OpenTelemetry, Datadog, Sentry; only those in the settings."""
