"""The embedded analytics core: metrics, trends, reports, health, alerts, flags and logs. Runs do not use it yet."""
