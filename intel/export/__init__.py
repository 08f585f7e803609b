"""How do results leave the platform? Files, graphs and other tools' formats."""
