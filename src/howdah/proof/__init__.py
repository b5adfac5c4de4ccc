"""The verifier: reads both sides by another path than the load, and compares."""
