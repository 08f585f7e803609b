"""Who is behind this address? Open, self-hosted blockchain attribution with the evidence shown."""

__version__ = "0.1.0"
