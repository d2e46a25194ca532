"""Tells others what we measured: Prometheus, OpenTelemetry, Datadog, Sentry; only whom the settings name."""
