"""What every server needs and nothing a service knows: life, errors, interceptors, channels, settings, telemetry."""
