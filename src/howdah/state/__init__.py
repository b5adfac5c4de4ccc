"""What Howdah keeps in the target: ledger, quarantine, proofs."""
