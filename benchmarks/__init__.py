"""What the service does at which speed, always as a ratio to a named reference of the same run."""
