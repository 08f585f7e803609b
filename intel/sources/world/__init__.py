"""What would a ledger look like whose truth we know? A simulated economy."""
