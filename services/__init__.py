"""What the service does: the log, the ledger, the metric families, the cache and the updates."""
